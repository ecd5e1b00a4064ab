//! The frame around every page.

use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::guard::Caller;
use super::links::Links;
use super::notice;
use super::page::Page;
use super::refusal::Refusal;
use super::site::Site;

/// The parts of the dashboard, in the order in which somebody who was woken needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Work,
    Failures,
    Callbacks,
    Workers,
    Doctor,
    Audit,
}

impl Tab {
    const ALL: [Self; 7] = [
        Self::Overview,
        Self::Work,
        Self::Failures,
        Self::Callbacks,
        Self::Workers,
        Self::Doctor,
        Self::Audit,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Work => "Work",
            Self::Failures => "Failures",
            Self::Callbacks => "Callbacks",
            Self::Workers => "Workers",
            Self::Doctor => "Doctor",
            Self::Audit => "Audit",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Work => "/work",
            Self::Failures => "/failures",
            Self::Callbacks => "/callbacks",
            Self::Workers => "/workers",
            Self::Doctor => "/doctor",
            Self::Audit => "/audit",
        }
    }
}

/// A stack of three slots, one of them taken.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Crect width='16' height='16' rx='4' fill='%232b5bd7'/%3E%3Cg fill='%23fff'%3E\
    %3Crect x='3' y='4' width='10' height='2'/%3E%3Crect x='3' y='7' width='10' height='2' opacity='.55'/%3E\
    %3Crect x='3' y='10' width='10' height='2' opacity='.55'/%3E%3C/g%3E%3C/svg%3E";

/// A page that changes while one looks.
pub(super) fn document(site: &Site, caller: &Caller, page: &Page, done: Option<&str>) -> Markup {
    let inside = html! {
        @if let Some(notice) = done.and_then(notice::said) {
            p.notice role="status" { (notice) }
        }
        div data-live { (page.content) }
    };
    frame(site, caller, &page.title, page.tab, &inside)
}

/// A page that stays as it is.
pub(super) fn still(site: &Site, caller: &Caller, title: &str, content: &Markup) -> Markup {
    frame(site, caller, title, None, content)
}

/// The page that says why there is none.
pub(super) fn refused(site: &Site, caller: &Caller, refusal: &Refusal) -> Markup {
    let title = match refusal.status.as_u16() {
        404 => "Not found",
        403 => "Refused",
        503 => "No answer",
        _ => "Not understood",
    };
    let content = html! {
        h1 { (title) }
        p.refusal { (refusal.what) }
        p { a href=(caller.links.to("/")) { "To the overview" } }
    };
    frame(site, caller, title, None, &content)
}

fn frame(site: &Site, caller: &Caller, title: &str, tab: Option<Tab>, content: &Markup) -> Markup {
    let links = &caller.links;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · workpool" }
                link rel="icon" href=(ICON);
                link rel="stylesheet" href=(assets::style_address(links));
                script src=(assets::script_address(links)) defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (banner(site, links, tab))
                main id="main" tabindex="-1" { (content) }
                footer {
                    span { "schema " code { (site.workpool.schema()) } }
                    @if let Some(actor) = &caller.actor { span { "acting as " (actor) } }
                    @if site.read_only { span { "read-only" } }
                    span.keys { kbd { "/" } " filter · " kbd { "g" } " then " kbd { "o" } ", "
                        kbd { "w" } ", " kbd { "f" } " go to" }
                }
            }
        }
    }
}

fn banner(site: &Site, links: &Links, tab: Option<Tab>) -> Markup {
    html! {
        header.top {
            a.brand href=(links.to("/")) {
                span.mark aria-hidden="true" {}
                "workpool"
            }
            nav aria-label="Pages" {
                @for each in Tab::ALL {
                    a href=(links.to(each.path())) aria-current=[(tab == Some(each)).then_some("page")]
                        data-key=(each.word()[..1].to_lowercase()) { (each.word()) }
                }
            }
            @if site.read_only { span.pill { "read-only" } }
            span.live id="live" role="status" hidden {}
        }
    }
}

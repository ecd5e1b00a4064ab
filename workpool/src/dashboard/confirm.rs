//! The page between wanting something and doing it: says what will happen, and to what.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};

use super::action::{Action, MATCHING};
use super::page::Visit;
use super::pages::list::List;
use super::posted::TOKEN;
use super::refusal::{Answer, Refusal};
use super::site::{Desk, Site};
use super::{parts, shell, text};

/// Asks whether to do it.
pub(super) async fn ask(
    State(site): State<Arc<Site>>,
    Path(verb): Path<String>,
    visit: Visit,
    fields: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Answer<Response> {
    if site.read_only {
        return Err(Refusal::forbidden("This dashboard only shows; it changes nothing."));
    }
    let Query(fields) = fields.map_err(|why| Refusal::bad(why.body_text()))?;
    let action = Action::parse(&verb, &fields)?;
    let question = question(visit.desk(), &action).await?;
    let links = &visit.caller().links;
    let address = links.to(&format!("/act/{}", action.verb()));
    let content = html! {
        section.confirm id="confirm" {
            h1 { (question.title) }
            (question.text)
            form method="post" action=(address) {
                input type="hidden" name=(TOKEN) value=(visit.caller().token.as_str());
                @for (name, value) in fields_of(&action) {
                    input type="hidden" name=(name) value=(value);
                }
                (question.input)
                div.actions {
                    button class=(format!("button {}", question.tone)) { (question.yes) }
                    a.button data-close href=(action.page(links, "")) { "Leave it" }
                }
            }
        }
    };
    let document = shell::still(&site, visit.caller(), question.title, &content);
    Ok(Html(document.into_string()).into_response())
}

struct Question {
    title: &'static str,
    yes: &'static str,
    tone: &'static str,
    text: Markup,
    /// What else is to be filled in.
    input: Markup,
}

async fn question(desk: &Desk, action: &Action) -> Answer<Question> {
    let (title, yes, tone, text) = match action {
        Action::Pause(pool) => (
            "Pause this pool?",
            "Pause",
            "danger",
            html! { p { "Nothing of " (name(pool)) " starts, in any process, until it is resumed. What runs goes on." } },
        ),
        Action::Resume(pool) => (
            "Resume this pool?",
            "Resume",
            "primary",
            html! { p { "Work of " (name(pool)) " starts again, up to its limit." } },
        ),
        Action::Scale(pool, _) => return scale(desk, pool).await,
        Action::Cancel(ids) => (
            "Cancel?",
            "Cancel",
            "danger",
            html! { p { (text::items(ids.len() as u64)) ". What waits never starts. What runs is asked to stop and gets no further attempt." } (picked(desk, ids)) },
        ),
        Action::Retry(ids) => (
            "Try again?",
            "Retry",
            "primary",
            html! { p { (text::items(ids.len() as u64)) ", each as a new item, due now. How the old ones ended stands." } (picked(desk, ids)) },
        ),
        Action::RunNow(ids) => (
            "Run now?",
            "Run now",
            "primary",
            html! { p { (text::items(ids.len() as u64)) " that wait for their time or for another attempt become due." } (picked(desk, ids)) },
        ),
        Action::Replay(ids) => (
            "Replay callbacks?",
            "Replay",
            "primary",
            html! { p { "The parked callbacks of " (text::items(ids.len() as u64)) " become due, with fresh attempts." } (picked(desk, ids)) },
        ),
        Action::CancelMatching(list) => (
            "Cancel all that match?",
            "Cancel them",
            "danger",
            html! { p { "What waits never starts; what runs is asked to stop." } (matching(desk, list).await?) },
        ),
        Action::RetryMatching(list) => (
            "Try all that match again?",
            "Retry them",
            "primary",
            html! { p { "Each as a new item, due now. Those that have been tried again before are left out." } (matching(desk, list).await?) },
        ),
    };
    Ok(Question { title, yes, tone, text, input: html! {} })
}

fn name(pool: &str) -> Markup {
    html! { strong { bdi { (pool) } } }
}

async fn scale(desk: &Desk, pool: &str) -> Answer<Question> {
    let Some(found) = desk.inspector().pool(pool).await? else {
        return Err(Refusal::not_found(format!("There is no pool `{pool}`.")));
    };
    Ok(Question {
        title: "Change the limit?",
        yes: "Set",
        tone: "primary",
        text: html! { p { "How many items of " (name(pool)) " may run at once, over all processes. "
        "Lowering stops nothing that runs. Now: " (text::number(found.max_parallelism.into())) ", of which "
        (text::count(found.running)) " run." } },
        input: html! { label { "Limit" input type="number" name="limit" min="0" max=(u32::MAX) required
        value=(found.max_parallelism); } },
    })
}

/// The first few of those that were picked.
fn picked(desk: &Desk, ids: &[uuid::Uuid]) -> Markup {
    const FEW: usize = 10;
    html! {
        ul.plain {
            @for id in ids.iter().take(FEW) { li { (parts::item(&desk.links, *id)) } }
            @if ids.len() > FEW { li { "and " (ids.len() - FEW) " more" } }
        }
    }
}

/// What a filter says, and how many it means, as far as a short look tells.
async fn matching(desk: &Desk, list: &List) -> Answer<Markup> {
    const LOOK: u32 = 1000;
    let page = desk.inspector().work(&list.filter()?, None, LOOK).await?;
    let more = if page.next.is_some() { "+" } else { "" };
    Ok(html! {
        dl.facts {
            @for (key, value) in list.query() { div { dt { (key) } dd { bdi { (value) } } } }
            div { dt { "match now" } dd { (text::number(page.rows.len() as u64)) (more) } }
        }
        p.muted { "At most " (text::number(MATCHING.into())) " in one go." }
    })
}

/// What the form has to bring along.
fn fields_of(action: &Action) -> Vec<(&str, String)> {
    match action {
        Action::Pause(pool) | Action::Resume(pool) | Action::Scale(pool, _) => {
            vec![("pool", pool.clone())]
        }
        Action::Cancel(ids) | Action::Retry(ids) | Action::RunNow(ids) | Action::Replay(ids) => {
            ids.iter().map(|id| ("id", id.to_string())).collect()
        }
        Action::CancelMatching(list) | Action::RetryMatching(list) => {
            list.query().into_iter().map(|(key, value)| (key, value.to_owned())).collect()
        }
    }
}

//! The one style sheet and the one script, as files of our own: nothing inline, nothing from
//! elsewhere.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

use super::links::Links;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/live.js");

/// They are asked for by an address that changes with them.
const KEPT: &str = "public, max-age=31536000, immutable";

pub(super) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, KEPT)], STYLE)
}

pub(super) async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, KEPT)], SCRIPT)
}

pub(super) fn style_address(links: &Links) -> String {
    links.with("/style.css", &[("v", &version(STYLE))])
}

pub(super) fn script_address(links: &Links) -> String {
    links.with("/live.js", &[("v", &version(SCRIPT))])
}

fn version(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

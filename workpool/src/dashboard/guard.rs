//! What surrounds every answer: who asks, the token that forms carry, headers that let a browser
//! run nothing but our own script, and the frame around a refusal.

use std::sync::Arc;

use axum::extract::{OriginalUri, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::links::Links;
use super::refusal::Refusal;
use super::shell;
use super::site::Site;
use super::token::Token;

/// The cookie that the token of forms is bound to.
const COOKIE_NAME: &str = "workpool_form";

/// Nothing from elsewhere, nothing inline, no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
    base-uri 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // With `no-referrer` browsers would hide the origin of our own forms.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=()",
    ),
];

/// What is known of a request before it is answered.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) links: Links,
    /// What forms of ours have to bring along.
    pub(super) token: Token,
    /// Who the application says it is.
    pub(super) actor: Option<String>,
}

/// Stands around all routes.
pub(super) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let links = match &site.base {
        Some(base) => base.clone(),
        None => links_of(&parts),
    };
    let known = Token::of_cookie(&parts.headers, COOKIE_NAME);
    let cookie = known.is_none().then(Token::random);
    let token = cookie.clone().or(known).unwrap_or_else(Token::random);
    let actor = site.actor.as_ref().and_then(|actor| actor(&parts));
    let secure = is_encrypted(&parts);
    let caller = Caller { links, token, actor };
    parts.extensions.insert(caller.clone());

    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        let page = shell::refused(&site, &caller, &refusal);
        response = (refusal.status, Html(page.into_string())).into_response();
    }
    set_headers(response.headers_mut());
    if let Some(token) = cookie {
        let path = caller.links.cookie_path();
        let secure = if secure { "; Secure" } else { "" };
        let token = token.as_str();
        let line = format!("{COOKIE_NAME}={token}; Path={path}; HttpOnly; SameSite=Lax{secure}");
        if let Ok(line) = HeaderValue::from_str(&line) {
            response.headers_mut().append(SET_COOKIE, line);
        }
    }
    response
}

pub(super) fn set_headers(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

fn links_of(parts: &Parts) -> Links {
    let original = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    Links::of_request(original, &parts.uri)
}

/// Whether the browser came by HTTPS, as far as one can know behind a proxy. Says only whether a
/// cookie is to be kept from going back without.
fn is_encrypted(parts: &Parts) -> bool {
    let forwarded = parts.headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    forwarded || parts.uri.scheme_str() == Some("https")
}

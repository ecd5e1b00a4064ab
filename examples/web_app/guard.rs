//! Who may see the dashboard: whoever knows the password. An application has its own way; what
//! matters here is that it says who somebody is, for the record of actions.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use constant_time_eq::constant_time_eq;

/// Somebody who has given the password.
#[derive(Debug, Clone)]
pub(crate) struct User(pub(crate) String);

/// Lets nobody pass without it.
pub(crate) async fn ask(
    State(password): State<String>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(user) = user(&request, &password) else {
        let realm = [(WWW_AUTHENTICATE, "Basic realm=\"jobs\"")];
        return (StatusCode::UNAUTHORIZED, realm, "a password is needed").into_response();
    };
    request.extensions_mut().insert(user);
    next.run(request).await
}

fn user(request: &Request, password: &str) -> Option<User> {
    let line = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let pair = BASE64_STANDARD.decode(line.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (name, given) = pair.split_once(':')?;
    let right = constant_time_eq(given.as_bytes(), password.as_bytes());
    right.then(|| User(name.to_owned()))
}

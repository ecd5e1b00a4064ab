//! A server of its own for the dashboard: for one machine, for whoever has the token.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::header::{AUTHORIZATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Redirect, Response};
use futures_util::FutureExt;
use maud::{DOCTYPE, html};
use tokio::net::TcpListener;

use super::Dashboard;
use super::guard::set_headers;
use super::token::{Token, cookies};

/// Where it listens unless it is told otherwise.
const PORT: u16 = 4590;
/// The shortest token that somebody may choose.
const SHORTEST: usize = 16;

/// A server that is being set up. Made by [`Dashboard::server`].
#[derive(Debug)]
#[must_use = "nothing is served until it is bound and run"]
pub struct ServerBuilder {
    dashboard: Dashboard,
    address: SocketAddr,
    token: Option<String>,
}

impl ServerBuilder {
    pub(super) fn new(dashboard: Dashboard) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
        Self { dashboard, address, token: None }
    }

    /// Where to listen; 127.0.0.1:4590 by default. Port 0 is any free one.
    ///
    /// What is not a loopback address needs a [`token`](Self::token) of your choice. The server
    /// speaks plain HTTP: put something that encrypts in front of it.
    pub const fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// What a browser has to bring, at least 16 characters. Without it, one is made at random for
    /// each start.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for a public address without a token of your choice, and for
    /// a token that is too short; or why the address cannot be listened on.
    pub async fn bind(self) -> io::Result<Server> {
        let refused = |why: String| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        match &self.token {
            None if !self.address.ip().is_loopback() => {
                let why = format!("{} is not a loopback address: choose a token", self.address);
                return refused(why);
            }
            Some(token) if token.len() < SHORTEST => {
                return refused(format!("a token has at least {SHORTEST} characters"));
            }
            Some(token)
                if !token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b)) =>
            {
                return refused("a token has letters, digits and - _ . ~ only".into());
            }
            _ => {}
        }
        let listener = TcpListener::bind(self.address).await?;
        let address = listener.local_addr()?;
        let token = self.token.map_or_else(Token::random, Token::chosen);
        Ok(Server { dashboard: self.dashboard, listener, address, token })
    }
}

/// A server that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it runs"]
pub struct Server {
    dashboard: Dashboard,
    listener: TcpListener,
    address: SocketAddr,
    token: Token,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address to open, with the token: show it to who started the server, and to nobody else.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token.as_str())
    }

    /// Answers until `end` is over.
    pub async fn run(self, end: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let end = end.shared();
        let router =
            behind_token(self.dashboard.until(end.clone()).router(), self.token, self.address);
        axum::serve(self.listener, router).with_graceful_shutdown(end).await
    }
}

struct Gate {
    token: Token,
    /// By port: cookies do not tell ports of a machine apart.
    cookie: String,
}

fn behind_token(router: Router, token: Token, address: SocketAddr) -> Router {
    let cookie = format!("workpool_token_{}", address.port());
    router.layer(from_fn_with_state(Arc::new(Gate { token, cookie }), gate))
}

async fn gate(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    if gate.knows(request.headers()) || request.uri().path() == "/style.css" {
        return next.run(request).await;
    }
    let mut response = match gate.enters(request.uri()) {
        Some(page) => gate.welcome(&page),
        None => Gate::refusal(request.uri()),
    };
    set_headers(response.headers_mut());
    response
}

impl Gate {
    /// Whether a request brings the token: a browser in its cookie, a program in a header.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let bearer = headers.get(AUTHORIZATION).and_then(|line| line.to_str().ok());
        let bearer = bearer.and_then(|line| line.strip_prefix("Bearer "));
        cookies(headers, &self.cookie).chain(bearer).any(|given| self.token.is(given))
    }

    /// Whether the address has the token, and the page that is meant.
    fn enters(&self, uri: &Uri) -> Option<String> {
        let Query(fields) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
        let given = fields.iter().find(|(key, _)| key == "token")?;
        self.token.is(&given.1).then(|| here(uri))
    }

    /// Puts the token into a cookie and out of the address.
    fn welcome(&self, page: &str) -> Response {
        let mut response = Redirect::to(page).into_response();
        let (name, token) = (&self.cookie, self.token.as_str());
        let line = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict");
        if let Ok(line) = HeaderValue::from_str(&line) {
            response.headers_mut().append(SET_COOKIE, line);
        }
        response
    }

    fn refusal(uri: &Uri) -> Response {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { "Token needed · workpool" }
                    link rel="stylesheet" href="/style.css";
                }
                body { main {
                    h1 { "Token needed" }
                    p { "Open the address that was printed when the dashboard was started." }
                    // A cookie that browsers keep back on the way from another site comes along then.
                    p { "If you have done so before, " a href=(here(uri)) { "go on from here" } "." }
                } }
            }
        };
        (StatusCode::UNAUTHORIZED, Html(page.into_string())).into_response()
    }
}

/// The path of an address, on this server: `//host` would be somewhere else.
fn here(uri: &Uri) -> String {
    format!("/{}", uri.path().trim_start_matches(['/', '\\']))
}

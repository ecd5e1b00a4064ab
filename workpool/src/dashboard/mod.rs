//! A dashboard for the person on call: one page that says which pool is stuck and why, and pages to
//! look closer and to mend it.
//!
//! It is a [`Router`] to nest in an application, behind whatever guards its other pages:
//!
//! ```no_run
//! # async fn f(workpool: workpool::Workpool) -> Result<(), Box<dyn std::error::Error>> {
//! use axum::Router;
//! use workpool::dashboard::Dashboard;
//!
//! let dashboard = Dashboard::new(&workpool).router();
//! let app: Router = Router::new().nest("/jobs", dashboard); // and a layer that asks who it is
//! # Ok(()) }
//! ```
//!
//! or a small [`Server`] of its own, which asks for a token.
//!
//! Pages are made on the server and need no script to be read or acted on. With script they are
//! live: a stream of events each, read from the database once for all who look at the same page.
//! Nothing is loaded from elsewhere, nothing is inline, and a strict content security policy says
//! so. Each action asks first, is refused unless it comes from a page of the dashboard, and is
//! recorded with who did it.
//!
//! What it does not do: ask who somebody is. Whoever reaches the router may see everything, and may
//! act unless it is [`read_only`](Dashboard::read_only).
#![cfg_attr(
    feature = "prometheus",
    doc = "
The route `metrics` beside the pages is for a scraper: the state of every pool over all processes, [as
documented](crate::metrics#of-all-processes). It is behind whatever the pages are behind; the small server takes its
token as `Authorization: Bearer` too."
)]

mod action;
mod assets;
mod chart;
mod confirm;
mod guard;
mod links;
mod live;
mod notice;
mod page;
mod pages;
mod parts;
mod posted;
mod redact;
mod refusal;
#[cfg(feature = "prometheus")]
mod scrape;
mod serve;
mod shell;
mod site;
mod text;
mod token;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::get;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::handle::Workpool;
use links::Links;
use live::Feeds;
use page::{Visit, by_query};
use pages::audit::Audit;
use pages::callbacks::Callbacks;
use pages::doctor::Doctor;
use pages::failures::Failures;
use pages::item::Item;
use pages::list::List;
use pages::overview::Overview;
use pages::pool::Pool;
use pages::workers::Workers;
use redact::Redaction;
use refusal::{Answer, Refusal};
use site::{ActorOf, Site};

pub use serve::{Server, ServerBuilder};

/// The most bytes of a form.
const FORM: usize = 64 * 1024;

/// A dashboard that is being set up.
#[must_use = "nothing is served until its router is"]
pub struct Dashboard {
    workpool: Workpool,
    read_only: bool,
    base_path: Option<String>,
    show_unknown: bool,
    actor: Option<ActorOf>,
    end: BoxFuture<'static, ()>,
}

impl Dashboard {
    /// A dashboard of everything in the schema of this handle.
    pub fn new(workpool: &Workpool) -> Self {
        Self {
            workpool: workpool.clone(),
            read_only: false,
            base_path: None,
            show_unknown: false,
            actor: None,
            end: std::future::pending().boxed(),
        }
    }

    /// Whether it only shows. Then there are no actions to be seen, and all posts are refused.
    pub fn read_only(mut self, on: bool) -> Self {
        self.read_only = on;
        self
    }

    /// The path under which browsers find it. Only needed behind a proxy that cuts off a part of the
    /// path; what [`Router::nest`] cuts off is found out.
    pub fn base_path(mut self, path: impl Into<String>) -> Self {
        self.base_path = Some(path.into());
        self
    }

    /// Whether to show arguments, results and contexts of functions that this program does not know.
    /// What they declare to be hidden, it cannot know either; so they are hidden.
    pub fn show_unknown_arguments(mut self, on: bool) -> Self {
        self.show_unknown = on;
        self
    }

    /// Who a request is from, for the record of actions: read from what the authentication around
    /// the router has put into the request. Without it, the user of the database acts.
    ///
    /// ```
    /// # use workpool::dashboard::Dashboard;
    /// # #[derive(Clone)] struct User { name: String }
    /// # fn f(dashboard: Dashboard) -> Dashboard {
    /// dashboard.actor(|request| Some(request.extensions.get::<User>()?.name.clone()))
    /// # }
    /// ```
    pub fn actor(
        mut self,
        actor: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.actor = Some(Arc::new(actor));
        self
    }

    /// Ends the streams of live pages when this future does. Give it what ends your server, or a
    /// graceful shutdown waits for browsers, for five minutes at most.
    pub fn until(mut self, end: impl Future<Output = ()> + Send + 'static) -> Self {
        self.end = end.boxed();
        self
    }

    /// The routes, to serve or to nest.
    pub fn router(self) -> Router {
        let site = Arc::new(Site {
            workpool: self.workpool,
            read_only: self.read_only,
            base: self.base_path.as_deref().map(Links::under),
            actor: self.actor,
            redaction: Redaction::new(self.show_unknown),
            feeds: Feeds::new(self.end),
        });
        let router = Router::new();
        #[cfg(feature = "prometheus")]
        let router = router.route("/metrics", get(scrape::scrape));
        router
            .route("/", get(by_query::<Overview>))
            .route("/pool", get(by_query::<Pool>))
            .route("/work", get(by_query::<List>))
            .route("/work/{id}", get(item))
            .route("/failures", get(by_query::<Failures>))
            .route("/callbacks", get(by_query::<Callbacks>))
            .route("/workers", get(by_query::<Workers>))
            .route("/doctor", get(by_query::<Doctor>))
            .route("/audit", get(by_query::<Audit>))
            .route("/act/{verb}", get(confirm::ask).post(action::act))
            .route("/style.css", get(assets::style))
            .route("/live.js", get(assets::script))
            .fallback(nothing_here)
            .method_not_allowed_fallback(nothing_here)
            .layer(DefaultBodyLimit::max(FORM))
            .layer(from_fn_with_state(Arc::clone(&site), guard::guard))
            .with_state(site)
    }

    /// A server of its own for it.
    pub fn server(self) -> ServerBuilder {
        ServerBuilder::new(self)
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Dashboard");
        debug.field("workpool", &self.workpool).field("read_only", &self.read_only);
        debug.finish_non_exhaustive()
    }
}

async fn item(visit: Visit, Path(id): Path<String>) -> Answer<Response> {
    visit.show(Item::parse(&id)?).await
}

async fn nothing_here() -> Refusal {
    Refusal::not_found("There is no such page.")
}

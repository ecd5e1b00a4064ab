//! What a page is, and how one is answered: as a document, or as a stream of its content.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::header::{ACCEPT, VARY};
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Response};
use maud::Markup;
use serde::de::DeserializeOwned;

use super::guard::Caller;
use super::refusal::{Answer, Refusal};
use super::shell::{self, Tab};
use super::site::{Desk, Site};

/// The content of a page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) title: String,
    pub(super) tab: Option<Tab>,
    /// Everything that changes while one looks: in elements with an `id` each, which the script
    /// puts in the place of what was there.
    pub(super) content: Markup,
}

/// Something to look at.
pub(super) trait View: Clone + Send + Sync + 'static {
    /// Reads and renders it.
    fn page(&self, desk: &Desk) -> impl Future<Output = Answer<Page>> + Send;

    /// The pool that it is about, if it is about one: its changes are announced.
    fn pool(&self) -> Option<&str> {
        None
    }

    /// The least time between two looks while somebody watches.
    fn gap(&self) -> Duration {
        Duration::from_millis(250)
    }
}

/// A request for a page.
#[derive(Debug)]
pub(super) struct Visit {
    caller: Caller,
    desk: Desk,
    /// What tells this page from others.
    key: String,
    /// What came of the action that led here: one of our own words, and a number.
    notice: Option<String>,
    wants_stream: bool,
}

impl FromRequestParts<Arc<Site>> for Visit {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Answer<Self> {
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Refusal::forbidden("The guard was passed by."))?;
        let accepts = |line: &axum::http::HeaderValue| {
            line.to_str().is_ok_and(|line| line.contains("text/event-stream"))
        };
        let links = caller.links.clone();
        let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|why| Refusal::bad(why.body_text()))?;
        let notice = query.iter().find(|(key, _)| key == "done").map(|(_, value)| value.clone());
        Ok(Self {
            key: links.to(parts.uri.path_and_query().map_or("/", |path| path.as_str())),
            desk: Desk { site: Arc::clone(site), links },
            notice,
            wants_stream: parts.headers.get(ACCEPT).is_some_and(accepts),
            caller,
        })
    }
}

impl Visit {
    /// Answers with this view.
    pub(super) async fn show<V: View>(self, view: V) -> Answer<Response> {
        let mut response = if self.wants_stream {
            self.desk.site.feeds.follow(self.key, &self.desk, view)?
        } else {
            let page = view.page(&self.desk).await?;
            let notice = self.notice.as_deref();
            let document = shell::document(&self.desk.site, &self.caller, &page, notice);
            Html(document.into_string()).into_response()
        };
        response.headers_mut().insert(VARY, ACCEPT.into());
        Ok(response)
    }

    pub(super) const fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(super) const fn desk(&self) -> &Desk {
        &self.desk
    }
}

/// Shows a view that is read from the query.
pub(super) async fn by_query<V: View + DeserializeOwned>(
    State(_): State<Arc<Site>>,
    visit: Visit,
    query: Result<Query<V>, QueryRejection>,
) -> Answer<Response> {
    let Query(view) = query.map_err(|why| Refusal::bad(why.body_text()))?;
    visit.show(view).await
}

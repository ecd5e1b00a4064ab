//! What all requests to one dashboard share, and what a page may know while it is made.

use std::fmt;
use std::sync::Arc;

use axum::http::request::Parts;

use super::guard::Caller;
use super::links::Links;
use super::live::Feeds;
use super::redact::Redaction;
use crate::handle::Workpool;
use crate::inspect::Inspector;

/// Says who a request is from.
pub(super) type ActorOf = Arc<dyn Fn(&Parts) -> Option<String> + Send + Sync>;

/// One dashboard.
pub(super) struct Site {
    pub(super) workpool: Workpool,
    pub(super) read_only: bool,
    pub(super) base: Option<Links>,
    pub(super) actor: Option<ActorOf>,
    pub(super) redaction: Redaction,
    pub(super) feeds: Feeds,
}

impl Site {
    /// To read with.
    pub(super) fn inspector(&self) -> Inspector {
        self.workpool.inspect()
    }

    /// To act with, in the name of who asks.
    pub(super) fn inspector_of(&self, caller: &Caller) -> Inspector {
        match &caller.actor {
            Some(actor) => self.inspector().acting_as(actor),
            None => self.inspector(),
        }
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("workpool", &self.workpool).finish_non_exhaustive()
    }
}

/// What a page is made from. Nothing of who asks is in it: one rendering serves all who look.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) site: Arc<Site>,
    pub(super) links: Links,
}

impl Desk {
    pub(super) fn inspector(&self) -> Inspector {
        self.site.inspector()
    }
}

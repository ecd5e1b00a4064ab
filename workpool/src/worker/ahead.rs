//! How far a pool may claim without writing so: its slots tell recovery where to look, and a turn now
//! and then marks more items as claimed than it takes. Those that follow write nothing there, which
//! costs less. Pure state, no I/O.

use std::time::Duration;

use tokio::time::Instant;

/// How long not to look for further items after there were too few.
pub(super) const FEW: Duration = Duration::from_millis(200);

#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// So many items more are marked.
    items: i64,
    few_until: Option<Instant>,
}

impl Ahead {
    pub(crate) const fn allows(&self, items: i64) -> bool {
        items > 0 && items <= self.items
    }

    /// Whether it is worth looking how many items may be marked.
    pub(crate) fn may_look(&self, now: Instant) -> bool {
        self.few_until.is_none_or(|until| now >= until)
    }

    /// Takes in that look: none, if there are too few.
    pub(crate) fn looked(&mut self, items: Option<i64>, now: Instant) {
        self.items = items.unwrap_or(0);
        self.few_until = items.is_none().then(|| now + FEW);
    }

    pub(crate) const fn claimed(&mut self, items: i64) {
        self.items -= items;
    }

    /// There are fewer than it seemed.
    pub(crate) const fn fell_short(&mut self) {
        self.items = 0;
    }
}

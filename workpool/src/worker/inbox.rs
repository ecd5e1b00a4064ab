//! Callbacks on their way to be run: one by one, or, where their functions allow it, several in
//! one transaction.

use tokio::sync::mpsc;

use super::group::MOST;
use super::shared::Shared;
use crate::store::RawCallback;

/// What was handed over and is not started.
pub(crate) struct Inbox {
    receiver: mpsc::UnboundedReceiver<RawCallback>,
    /// Taken out already, for the next.
    kept: Option<RawCallback>,
}

impl Inbox {
    pub(crate) const fn new(receiver: mpsc::UnboundedReceiver<RawCallback>) -> Self {
        Self { receiver, kept: None }
    }

    /// What one transaction is for. Nothing is lost when this is dropped half-way.
    pub(crate) async fn next(&mut self, shared: &Shared) -> Option<Vec<RawCallback>> {
        let first = match self.kept.take() {
            Some(kept) => kept,
            None => self.receiver.recv().await?,
        };
        let mut together = vec![first];
        while let Ok(next) = self.receiver.try_recv() {
            if !joins(shared, &together, &next) {
                self.kept = Some(next);
                break;
            }
            together.push(next);
        }
        Some(together)
    }
}

/// Parts what was claimed into what one transaction is for each.
pub(crate) fn parted(shared: &Shared, claimed: Vec<RawCallback>) -> Vec<Vec<RawCallback>> {
    let mut parts: Vec<Vec<RawCallback>> = Vec::new();
    for callback in claimed {
        match parts.last_mut() {
            Some(last) if joins(shared, last, &callback) => last.push(callback),
            _ => parts.push(vec![callback]),
        }
    }
    parts
}

/// Whether a callback may share the transaction of others of its function: none has been tried
/// before.
fn joins(shared: &Shared, others: &[RawCallback], next: &RawCallback) -> bool {
    let fresh = |callback: &RawCallback| callback.attempt == 1 && callback.fence == 1;
    let like = |first: &RawCallback| fresh(first) && first.callback == next.callback;
    let name = &*next.callback;
    others.len() < MOST
        && others.first().is_some_and(like)
        && fresh(next)
        && shared.grouped.contains(&name)
        && !shared.caution.is_alone(name)
}

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
        while together.len() < MOST {
            let Ok(next) = self.receiver.try_recv() else { break };
            if !join(shared, &together[0], &next) {
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
            Some(last) if last.len() < MOST && join(shared, &last[0], &callback) => {
                last.push(callback);
            }
            _ => parts.push(vec![callback]),
        }
    }
    parts
}

/// Whether a callback may share the transaction of another of its function: neither has been tried
/// before.
fn join(shared: &Shared, first: &RawCallback, next: &RawCallback) -> bool {
    let fresh = |callback: &RawCallback| callback.attempt == 1 && callback.fence == 1;
    let name = &*first.callback;
    fresh(first)
        && fresh(next)
        && next.callback == first.callback
        && shared.grouped.contains(&name)
        && !shared.caution.is_alone(name)
}

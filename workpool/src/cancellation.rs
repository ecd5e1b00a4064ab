//! Whether an attempt is to stop: somebody has canceled its work, or its lease is lost.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// What an attempt asks for it. Most end without asking, and need nothing to wait for.
#[derive(Debug, Default)]
pub(crate) struct Cancellation {
    /// That of the worker.
    lost: Arc<CancellationToken>,
    /// Made for the first who asks or cancels.
    token: OnceLock<CancellationToken>,
}

impl Cancellation {
    pub(crate) fn of(lost: &Arc<CancellationToken>) -> Arc<Self> {
        Arc::new(Self { lost: Arc::clone(lost), token: OnceLock::new() })
    }

    fn token(&self) -> &CancellationToken {
        self.token.get_or_init(|| self.lost.child_token())
    }

    pub(crate) fn cancel(&self) {
        self.token().cancel();
    }

    pub(crate) fn is_canceled(&self) -> bool {
        self.token.get().unwrap_or(&self.lost).is_cancelled()
    }

    /// Resolves once it is to stop.
    pub(crate) async fn canceled(&self) {
        self.token().cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_stops_one_when_canceled_and_all_when_the_lease_is_lost() {
        let lost = Arc::new(CancellationToken::new());
        let [canceled, waits, asks_later] = [(); 3].map(|()| Cancellation::of(&lost));
        canceled.cancel();
        canceled.canceled().await;
        assert!(canceled.is_canceled() && !waits.is_canceled());
        let waiting = tokio::spawn({
            let waits = Arc::clone(&waits);
            async move { waits.canceled().await }
        });
        tokio::task::yield_now().await;
        lost.cancel();
        waiting.await.unwrap();
        assert!(waits.is_canceled() && asks_later.is_canceled());
        asks_later.canceled().await;
    }
}

//! Waiting that ends: a test that waits for something that never comes must fail, and say for what.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// Far longer than anything takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Awaits a signal.
///
/// # Panics
///
/// When it does not come.
pub async fn patiently<F: Future>(what: &str, signal: F) -> F::Output {
    let in_time = timeout(PATIENCE, signal).await;
    in_time.unwrap_or_else(|_| panic!("this never happened: {what}"))
}

/// Looks again and again: for what sends no signal.
///
/// # Panics
///
/// When it does not become true.
pub async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !check().await {
        assert!(begun.elapsed() < PATIENCE, "this never became true: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

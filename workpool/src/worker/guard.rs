//! Runs user code so that nothing it does reaches the worker: panics are caught, time is bounded.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Duration;

use futures_util::{FutureExt, TryFutureExt};
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, FailureKind};

/// How the run of a body ended.
#[derive(Debug)]
pub(crate) enum Ran<T> {
    /// It returned.
    Returned(Result<T, Failure>),
    /// It panicked or took too long: its future was dropped half-way.
    Dropped(Failure),
    /// The worker's grace was over: its future was dropped half-way.
    Aborted,
}

/// Runs a body to its end, but no longer than `limit`, nor beyond `abort`.
pub(crate) async fn run<T>(
    body: impl Future<Output = Result<T, Failure>>,
    limit: Option<Duration>,
    abort: &CancellationToken,
) -> Ran<T> {
    let mut body = pin!(Some(caught(body)));
    let running = body.as_mut().as_pin_mut().expect("it was just made");
    let timed_out = async {
        match limit {
            // Boxed, since every attempt is as large as this whether it has a limit or not.
            Some(limit) => Box::pin(tokio::time::sleep(limit)).await,
            None => std::future::pending().await,
        }
    };
    let ran = tokio::select! {
        biased;
        returned = running => returned.map_or_else(Ran::Dropped, Ran::Returned),
        () = timed_out => {
            let text = format!("it took longer than its timeout of {limit:?}", limit = limit.unwrap_or_default());
            Ran::Dropped(Failure::new(FailureKind::Timeout, text))
        }
        () = abort.cancelled() => Ran::Aborted,
    };
    // What it had not finished with is dropped here, and may panic as well.
    match catch_unwind(AssertUnwindSafe(|| body.set(None))) {
        Ok(()) => ran,
        Err(panic) => Ran::Dropped(panicked(&*panic)),
    }
}

/// Polls a future to its end, or to its panic.
pub(crate) fn caught<T>(
    future: impl Future<Output = T>,
) -> impl Future<Output = Result<T, Failure>> {
    AssertUnwindSafe(future).catch_unwind().map_err(|panic| panicked(&*panic))
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Failure::new(FailureKind::Panic, format!("panicked: {}", text.unwrap_or("(no text)")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never() -> CancellationToken {
        CancellationToken::new()
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_with_its_text() {
        fn panics() -> Result<(), Failure> {
            panic!("number {}", 7)
        }
        let ran = run(async { panics() }, None, &never()).await;
        let Ran::Dropped(failure) = ran else { panic!("not dropped") };
        assert_eq!((failure.kind(), failure.message()), (FailureKind::Panic, "panicked: number 7"));
    }

    #[tokio::test]
    async fn a_panic_in_a_destructor_is_caught_too() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        let body = async {
            let _bomb = Bomb;
            std::future::pending::<Result<(), Failure>>().await
        };
        let ran = run(body, Some(Duration::from_millis(1)), &never()).await;
        let Ran::Dropped(failure) = ran else { panic!("not dropped") };
        assert_eq!(failure.message(), "panicked: in drop");
    }

    #[tokio::test]
    async fn a_body_that_hangs_is_dropped_after_its_timeout() {
        let body = std::future::pending::<Result<(), Failure>>();
        let ran = run(body, Some(Duration::from_millis(1)), &never()).await;
        assert!(matches!(ran, Ran::Dropped(failure) if failure.kind() == FailureKind::Timeout));
    }
}

//! Durable, typed job pools on PostgreSQL.
mod backoff;
mod cancel;
mod connect;
mod context;
mod enqueue;
mod error;
mod failure;
mod function;
mod handle;
mod hub;
mod listener;
mod monitor;
mod pool;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod registry;
mod retry;
mod store;
mod submit;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod work;
mod worker;

pub use cancel::{CancelAll, CanceledAll, ParkedCallback};
pub use connect::Builder;
pub use context::{ActionCtx, MutationCtx, QueryCtx};
pub use enqueue::{Enqueue, EnqueueBatch};
pub use error::{Error, Result};
pub use failure::{Failure, FailureKind, ResultExt};
pub use function::{Completes, Completion, Function, OnComplete, Pool};
pub use handle::Workpool;
pub use pool::{PoolHandle, PoolStats};
pub use retry::{Retry, RetryPolicy};
pub use submit::{EnqueueContext, Within};
pub use telemetry::LogLevel;
pub use work::{Cancel, Finished, Outcome, OutcomeKind, Status, WorkId};
pub use worker::{Worker, WorkerBuilder};
pub use workpool_macros::{action, mutation, on_complete, query};

pub use {serde, serde_json, sqlx, tokio, uuid};

/// Declares a pool as a constant, next to the code that uses it, and registers it.
///
/// ```
/// use workpool::Pool;
/// workpool::pool!(
///     /// One at a time.
///     COUNTER = Pool::new("counter").max_parallelism(1)
/// );
/// ```
#[macro_export]
macro_rules! pool {
    ($(#[$meta:meta])* $vis:vis $name:ident = $pool:expr $(;)?) => {
        $(#[$meta])*
        $vis const $name: $crate::Pool<'static> = $pool;
        const _: () = {
            $crate::__private::inventory::submit! {
                $crate::__private::PoolEntry {
                    pool: $name,
                    location: $crate::__private::Location { file: file!(), line: line!() },
                }
            }
        };
    };
}

/// A boxed future.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

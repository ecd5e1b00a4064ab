//! Durable, typed job pools for Rust on PostgreSQL.
//!
//! Annotate an async function, enqueue it in your own transaction, and a worker runs it: at most
//! `max_parallelism` at once over all processes, with retries, typed results, and completion
//! callbacks whose types the compiler checks.
//!
//! ```no_run
//! use workpool::{ActionCtx, Completion, MutationCtx, Outcome, Workpool, action, on_complete};
//!
//! #[action(pool = "email", retry(max_attempts = 3, initial_backoff = "1s"))]
//! async fn send_email(ctx: &ActionCtx, address: String) -> Result<u16, std::io::Error> {
//!     // Talk to the world here. `ctx.state::<T>()` reads what the worker was given.
//!     Ok(250)
//! }
//!
//! #[on_complete(context = i64)]
//! async fn email_sent(
//!     ctx: &mut MutationCtx<'_>,
//!     done: Completion<i64, u16>,
//! ) -> workpool::Result<()> {
//!     if let Outcome::Success(_code) = done.outcome {
//!         workpool::sqlx::query("UPDATE users SET welcomed = true WHERE id = $1")
//!             .bind(done.context)
//!             .execute(ctx.db())
//!             .await?;
//!     }
//!     Ok(())
//! }
//!
//! # async fn run() -> workpool::Result<()> {
//! let workpool = Workpool::connect("postgres://localhost/app").await?;
//! let worker = workpool.worker().start().await?;
//!
//! let id = send_email::enqueue(&workpool, "ada@example.com".into())
//!     .on_complete::<email_sent>(7)
//!     .await?;
//! let code: u16 = workpool.result(id).await?;
//! worker.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! # What happens when a process dies
//!
//! | kind | an attempt whose process died |
//! |---|---|
//! | action, retry on | counts as an attempt; is retried, or fails when none are left |
//! | action, retry off | was entered at most once, ever: ends failed with [`FailureKind::Lost`] |
//! | mutation, query | was rolled back by the database; runs again, within a bound |
//! | callback | was rolled back; runs again |
//!
//! A dead worker is noticed when its lease runs out (30 seconds by default). A frozen process may
//! physically still be running past its lease; nothing it writes through workpool lands.
//!
//! # Where to look
//!
//! - [`action`], [`mutation`], [`query`], [`on_complete`], [`pool!`]: what to write.
//! - [`Workpool`]: connect, enqueue [within](Workpool::within) a transaction, status, results,
//!   cancel, [pools](Workpool::pool), [workers](Workpool::worker).
//! - [`Enqueue`]: what one enqueue can say.
//! - [`inspect`]: what is going on, why something does not run, and steering it.
//! - [`events`]: what is logged.
#![cfg_attr(feature = "health", doc = "- [`health`]: endpoints for whatever restarts processes.")]
#![cfg_attr(feature = "prometheus", doc = "- [`prometheus`]: an endpoint for a scraper.")]
#![cfg_attr(feature = "metrics", doc = "- [`metrics`]: what is measured.")]
#![cfg_attr(feature = "testing", doc = "- [`testing`]: a PostgreSQL and tools for your own tests.")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod backoff;
mod cancel;
mod cancellation;
mod connect;
mod context;
#[cfg(feature = "dashboard")]
pub mod dashboard;
mod desk;
mod enqueue;
mod error;
pub mod events;
mod failpoint;
mod failure;
mod finite;
mod function;
mod handle;
#[cfg(feature = "health")]
pub mod health;
mod hub;
pub mod inspect;
mod lane;
mod listener;
mod meter;
#[cfg(feature = "metrics")]
pub mod metrics;
mod monitor;
mod payload;
mod pool;
#[cfg(feature = "prometheus")]
pub mod prometheus;
mod registry;
mod retry;
mod store;
mod submit;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod trace;
mod view;
mod work;
mod worker;
mod writer;

pub use cancel::{CancelAll, CanceledAll, ParkedCallback};
pub use connect::{Builder, Migration};
pub use context::{ActionCtx, MutationCtx, QueryCtx};
pub use enqueue::{Enqueue, EnqueueBatch, Many, One};
pub use error::{Error, Result};
pub use failure::{Failure, FailureKind, ResultExt};
pub use function::{Completes, Completion, Function, FunctionKind, OnComplete, Pool, Retryable};
pub use handle::Workpool;
pub use payload::Storable;
pub use pool::{PoolHandle, PoolStats};
pub use retry::{Retry, RetryPolicy};
pub use submit::{EnqueueContext, Within};
pub use telemetry::LogLevel;
pub use work::{Cancel, Finished, Outcome, OutcomeKind, Status, WorkId};
pub use worker::{Worker, WorkerBuilder};
pub use workpool_macros::{action, mutation, on_complete, query};

/// The versions that the API of this crate speaks; a program may use them without naming them
/// among its own dependencies.
pub use {serde, serde_json, sqlx, tokio, uuid};

/// The future that awaiting an [`Enqueue`] makes.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Declares a pool as a constant, next to the code that uses it, and registers it.
///
/// ```
/// use workpool::Pool;
/// workpool::pool!(
///     /// One at a time.
///     COUNTER = Pool::new("counter").max_parallelism(1)
/// );
/// assert_eq!(COUNTER, Pool::new("counter").max_parallelism(1));
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

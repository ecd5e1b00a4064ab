//! Tests of programs that use this crate, without any set-up: a private PostgreSQL, a fresh
//! migrated database for each test, and ways to run, look at and hurry along what was enqueued.
//!
//! ```no_run
//! # #[workpool::action] async fn greet(_: &workpool::ActionCtx) -> workpool::Result<()> { Ok(()) }
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let database = workpool::testing::TestDatabase::create().await?;
//! greet::enqueue(database.workpool(), ()).await?;
//! database.workpool().worker().drain().await?.assert_nothing_left();
//! # Ok(()) }
//! ```

mod database;
mod drain;
mod inspect;
mod postgres;

pub use database::{TestDatabase, TestDatabaseError};
pub use drain::{DrainError, Drained, LeftOver};
pub use inspect::{advance, assert_enqueued, enqueued, statements};
pub use postgres::*;

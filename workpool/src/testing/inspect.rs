//! Looking at what was enqueued, and letting time pass for it.

use std::time::Duration;

use sqlx::SqlStr;

use crate::error::{Error, Result};
use crate::function::Function;
use crate::handle::Workpool;
use crate::hub::Hint;
use crate::payload::Storable;

/// The most items that are looked at.
const LIMIT: i64 = 10_000;

/// The arguments of all work of a function that has not ended, by due time. Looks at the first 10,000 items
/// of all functions.
///
/// # Errors
///
/// [`Error::Undecodable`] when stored arguments do not fit the function.
pub async fn enqueued<F: Function>(workpool: &Workpool) -> Result<Vec<F::Args>> {
    let store = workpool.store();
    let rows = workpool.run(async |conn| Ok(store.waiting(conn, LIMIT).await?)).await?;
    let of_function = rows.iter().filter(|row| row.function == F::SPEC.name);
    let decode = |json: &str| {
        F::Args::from_json(json).map_err(|source| Error::Undecodable {
            what: "arguments",
            expected: std::any::type_name::<F::Args>(),
            source,
        })
    };
    of_function.map(|row| decode(&row.args)).collect()
}

/// Panics unless some work of `F` that has not ended has arguments like this.
///
/// ```no_run
/// # #[workpool::action] async fn greet(_: &workpool::ActionCtx, name: String) -> workpool::Result<()> { Ok(()) }
/// # async fn f(workpool: workpool::Workpool) {
/// workpool::testing::assert_enqueued::<greet>(&workpool, |name| name == "Ada").await;
/// # }
/// ```
pub async fn assert_enqueued<F: Function>(workpool: &Workpool, like: impl Fn(&F::Args) -> bool) {
    let all = match enqueued::<F>(workpool).await {
        Ok(all) => all,
        Err(error) => panic!("cannot look at what was enqueued: {error}"),
    };
    let shown = all.iter().map(|args| F::Args::to_json(args).unwrap_or_default());
    assert!(
        all.iter().any(like),
        "no work of `{}` is like that; there is: {}",
        F::SPEC.name,
        shown.collect::<Vec<_>>().join(", ")
    );
}

/// As if this much time had passed for everything that waits: scheduled work, backoffs, callbacks,
/// and the status of ended work. The clock itself stays; a worker that runs sees it within its
/// poll interval.
///
/// # Errors
///
/// [`Error::Database`].
pub async fn advance(workpool: &Workpool, time: Duration) -> Result<()> {
    let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let store = workpool.store();
    workpool.run(async |conn| Ok(store.advance(conn, ms).await?)).await?;
    workpool.hub().send(Hint::Any);
    workpool.hub().send(Hint::Signal);
    Ok(())
}

/// Every SQL statement that this crate runs, with the name of its file, as rendered for a schema:
/// to prepare them all against a migrated database.
#[doc(hidden)]
#[must_use]
pub fn statements(workpool: &Workpool) -> Vec<(&'static str, SqlStr)> {
    workpool.store().sql().all()
}

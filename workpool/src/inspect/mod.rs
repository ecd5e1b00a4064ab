//! Seeing what is going on, finding out why something does not run, and steering it: for the person
//! on call, and for the tools that show it to them.
//!
//! Nothing here counts all work: each call looks at a bounded number of rows, so that it answers as
//! fast with ten million waiting items as with ten. Every answer serializes to JSON.
//!
//! ```no_run
//! # async fn f(workpool: workpool::Workpool, id: uuid::Uuid) -> workpool::Result<()> {
//! use workpool::inspect::{WorkFilter, WorkState};
//! let inspector = workpool.inspect().acting_as("ada");
//! for pool in inspector.pools().await? {
//!     println!("{}: {} {}", pool.name, pool.health, pool.reason);
//! }
//! if let Some(why) = inspector.why(id).await? {
//!     println!("{why}");
//! }
//! let failed = WorkFilter::new().pool("email").state(WorkState::Failed).error("timed out");
//! let page = inspector.work(&failed, None, 50).await?;
//! println!("{} of them", page.rows.len());
//! inspector.retry_matching(&failed, 1000).await?;
//! # Ok(()) }
//! ```

mod bulk;
mod callbacks;
mod doctor;
mod page;
mod pools;
mod steer;
mod work;
mod workers;

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::error::Result;
use crate::handle::Workpool;

pub use crate::view::{
    AuditRow, Bucket, CallbackRow, CallbackState, CanceledMatching, Count, Cursor, Ended,
    FailureGroup, Finding, Health, Holder, Page, PoolOverview, Retried, RetriedMatching, RunNow,
    Severity, Time, Why, WorkCallback, WorkDetail, WorkFilter, WorkRow, WorkState, WorkerPool,
    WorkerRow,
};

/// Items that a count goes up to.
const BOUND: i64 = 10_000;
/// The same, and how far the counts of all pools go together.
const BOUNDS: (i64, i64) = (BOUND, 60_000);

/// Reads and steers. Made by [`Workpool::inspect`]; cheap to clone.
///
/// Each action is written into the table `audit`, in the transaction of its effects.
#[derive(Debug, Clone)]
#[must_use]
pub struct Inspector {
    workpool: Workpool,
    actor: Option<String>,
}

impl Workpool {
    /// Looks at everything, and steers it.
    pub fn inspect(&self) -> Inspector {
        Inspector { workpool: self.clone(), actor: None }
    }
}

impl Inspector {
    /// Says who acts, for the record of actions. Without it, the user of the database does.
    pub fn acting_as(mut self, who: impl Into<String>) -> Self {
        self.actor = Some(who.into());
        self
    }

    /// Reads, in a transaction of its own.
    async fn read<T>(&self, read: impl AsyncFnOnce(&mut PgConnection) -> Result<T>) -> Result<T> {
        let store = self.workpool.store();
        self.workpool
            .run(async |conn| {
                let mut tx = store.begin_look(conn).await?;
                let answer = read(&mut tx).await?;
                tx.commit().await?;
                Ok(answer)
            })
            .await
    }

    /// The handle that it looks through.
    #[must_use]
    pub const fn workpool(&self) -> &Workpool {
        &self.workpool
    }
}

/// A filter as it is recorded.
fn described(filter: &WorkFilter) -> String {
    let words = [
        filter.pool.as_deref().map(|pool| format!("pool {pool}")),
        filter.function.as_deref().map(|function| format!("function {function}")),
        filter.state.map(|state| format!("state {state}")),
        filter.older_than.map(|age| format!("older than {} s", age.as_secs())),
        filter.name.as_deref().map(|name| format!("name {name}")),
        filter.error.as_deref().map(|text| format!("error {text}")),
    ];
    let said: Vec<_> = words.into_iter().flatten().collect();
    if said.is_empty() { "all that has not ended".into() } else { said.join(", ") }
}

/// Several ids as they are recorded.
fn many(ids: &[Uuid]) -> String {
    let shown: Vec<_> = ids.iter().take(20).map(Uuid::to_string).collect();
    let rest = ids.len() - shown.len();
    let more = if rest > 0 { format!(" and {rest} others") } else { String::new() };
    format!("{}{more}", shown.join(" "))
}

//! What people are shown of pools, work, callbacks and workers. Knows nothing of storage; a name
//! and a number each, so that a command line, a page and JSON all say the same.

mod callback;
mod detail;
mod finding;
mod page;
mod pool;
mod steering;
mod time;
mod why;
mod work;
mod worker;

pub use callback::{CallbackRow, CallbackState};
pub use detail::{WorkCallback, WorkDetail};
pub use finding::{Finding, Severity};
pub use page::{Count, Cursor, Page};
pub use pool::{Bucket, Ended, Health, Holder, PoolOverview};
pub use steering::{AuditRow, CanceledMatching, Retried, RetriedMatching, RunNow};
pub use time::Time;
pub use why::Why;
pub(crate) use why::spoken;
pub use work::{FailureGroup, WorkFilter, WorkRow, WorkState};
pub use worker::{WorkerPool, WorkerRow};

//! What the micro benchmarks reach into: pieces that only a running worker has otherwise.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::completer;
use super::ends::{End, Verdict};
use crate::context::{ActionCtx, Attempt};
use crate::handle::Workpool;
use crate::meter::Meter;

/// The context of an attempt that no row stands for.
#[must_use]
pub fn action_ctx(workpool: &Workpool) -> ActionCtx {
    let attempt = Attempt {
        workpool: workpool.clone(),
        state: Arc::default(),
        work_id: Uuid::nil(),
        worker: Uuid::nil(),
        number: 1,
        fence: 1,
        canceled: Arc::default(),
    };
    ActionCtx { attempt }
}

/// Ends of short actions, as they come to the completer.
#[derive(Debug)]
pub struct Ends(Vec<End>);

impl Ends {
    /// So many of one pool and function.
    #[must_use]
    pub fn of(n: usize) -> Self {
        let (pool, function): (Arc<str>, Arc<str>) = ("bench".into(), "bench::act".into());
        let meter = Meter::new().function(&pool, &function);
        let end = || End {
            id: Uuid::now_v7(),
            attempt: 1,
            fence: 1,
            pool: Arc::clone(&pool),
            function: Arc::clone(&function),
            started: Instant::now(),
            lag_ms: 0,
            calls: false,
            trace: None,
            meter: meter.clone(),
            verdict: Verdict::Success(r#"{"ok":true}"#.into()),
            resent: false,
        };
        Self(std::iter::repeat_with(end).take(n).collect())
    }

    /// Brings them into the form in which they are sent; answers with how many statements that makes.
    #[must_use]
    pub fn arranged(self) -> usize {
        completer::groups(self.0).len()
    }
}

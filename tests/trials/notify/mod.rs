//! Wake-ups: what they cost whoever enqueues, how soon work is picked up, also when the listener has
//! gone deaf, and that an enqueue never depends on them.

mod pickup;
mod queue;
mod throughput;

use crate::report::{Report, Setup};

pub(crate) async fn run(setup: &Setup) -> Report {
    let mut report = Report::default();
    throughput::run(setup, &mut report).await;
    pickup::run(setup, &mut report).await;
    queue::run(&mut report).await;
    report
}

/// With a queue that is really full.
#[allow(dead_code, reason = "the program uses it, the tests do not")]
pub(crate) async fn run_full() -> Report {
    let mut report = Report::default();
    queue::run_full(&mut report).await;
    report
}

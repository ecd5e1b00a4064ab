//! Cuts around every commit: a statement that the server never got, or an answer that the client
//! never got. Whatever a call says then must be true, and what it says is unknown can be repeated.

mod bench;
mod calls;
mod steering;
mod worker;

use crate::report::{Report, Setup};

/// How many cuts hit calls of the API, and how many a worker, at full size.
const CALLS: u64 = 500;
const WORKER: u64 = 500;

pub(crate) async fn run(setup: &Setup) -> Report {
    let mut report = Report::default();
    calls::run(setup, setup.some(CALLS), &mut report).await;
    worker::run(setup, setup.some(WORKER), &mut report).await;
    report
}

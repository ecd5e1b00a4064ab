//! The trials at a small size: whoever breaks what they watch sees it soon. The program of the same
//! name runs them at full size.
#![allow(missing_docs, reason = "tests are named by sentences")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "seeds, and what was measured")]

mod backlog;
mod claims;
mod commits;
mod data;
mod deploys;
mod dropped;
mod fairness;
mod functions;
mod horizon;
mod locks;
mod notify;
mod place;
mod report;

use self::report::Setup;

const STACK: usize = 16 << 20;

/// So much of the full size.
fn small(scale: f64) -> Setup {
    Setup { scale, ..Setup::of_a_test(env!("CARGO_BIN_EXE_trials")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cuts_around_commits_leave_no_false_answer_no_double_and_no_loss() {
    let setup = small(0.06);
    commits::run(&setup).await.must_hold("commits", &setup);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enqueue_survives_deaf_listeners_and_a_full_queue_of_notifications() {
    let setup = small(0.05);
    notify::run(&setup).await.must_hold("notify", &setup);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_futures_leave_no_transaction_no_connection_and_no_half_work() {
    let setup = small(0.1);
    dropped::run(&setup).await.must_hold("futures", &setup);
}

/// On a stack as large as a program's own: what generates the data nests deeply.
#[test]
fn data_comes_back_as_it_was_or_is_refused() {
    let run = || {
        let setup = small(0.1);
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).thread_stack_size(STACK).enable_all().build();
        runtime.unwrap().block_on(data::run(&setup)).must_hold("data", &setup);
    };
    std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_in_opposite_orders_never_deadlock() {
    let setup = small(0.05);
    locks::run(&setup).await.must_hold("locks", &setup);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flooded_pool_does_not_delay_small_ones() {
    let setup = small(0.02);
    fairness::run(&setup).await.must_hold("fairness", &setup);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_of_different_versions_live_together_or_refuse() {
    let setup = small(0.03);
    deploys::run(&setup).await.must_hold("deploys", &setup);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_backlog_is_claimed_looked_at_and_pruned() {
    let setup = small(0.002);
    backlog::run(&setup).await.must_hold("backlog", &setup);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_are_entered_while_somebody_holds_a_snapshot() {
    let setup = small(0.005);
    horizon::run(&setup).await.must_hold("horizon", &setup);
}

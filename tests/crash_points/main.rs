//! The crash-point matrix: at every named point of `workpool/src/failpoint.rs` a process panics, dies,
//! freezes, is slow, loses its connection or a conflict, for every kind of function; and each
//! of these cases has to end as a table says.
//!
//! `CRASH_POINTS=claim-done/kill/once` (or the beginnings of such names, with commas) plays only those
//! cases, `CRASH_POINTS_LANES` says how many at once. They wait more than they compute; but a machine
//! so busy that a connection takes a quarter of a lease cannot renew one.
#![allow(missing_docs, reason = "tests are named by sentences")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "what failed and how to try it again, and the count")]

mod begin;
mod call;
mod case;
mod fault;
#[allow(dead_code, reason = "a worker process uses the rest")]
#[path = "../simulation/functions.rs"]
mod functions;
mod lane;
#[allow(dead_code, reason = "the simulations use the rest")]
#[path = "../simulation/notes.rs"]
mod notes;
mod rows;
mod stage;
mod table;
mod verdict;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::join_all;
use workpool::testing::{Postgres, PostgresOptions};

use self::case::Case;
use self::lane::Lane;
use self::rows::Stage;

#[tokio::test]
async fn every_case_ends_as_the_table_says() {
    let (cases, not) = case::all();
    let wanted = std::env::var("CRASH_POINTS").unwrap_or_default();
    let cases: VecDeque<_> = cases
        .into_iter()
        .filter(|case| wanted.split(',').any(|name| case.to_string().starts_with(name)))
        .collect();
    assert!(!cases.is_empty(), "no case is called like `{wanted}`");
    if wanted.is_empty() {
        print_not_applicable(&not);
    }
    let lanes = std::env::var("CRASH_POINTS_LANES").map_or(6, |lanes| lanes.parse().unwrap());
    let options = PostgresOptions::new().setting("max_connections", "600");
    let server = Postgres::start_with(options).await.unwrap();
    let (count, begun) = (cases.len(), Instant::now());
    let cases = Mutex::new(cases);
    let lanes = (0..lanes).map(|_| play_all(&server, &cases));
    let failed: usize = join_all(lanes).await.into_iter().sum();
    println!("{}/{count} cases as the table says, in {:?}", count - failed, begun.elapsed());
    assert_eq!(failed, 0, "cases that differ");
}

/// How to play one case only.
fn command(case: &Case) -> String {
    let run = "cargo test -p workpool-tests --features failpoints --test crash_points";
    format!("CRASH_POINTS={case} {run} -- --nocapture")
}

fn print_not_applicable(not: &[(Case, &'static str)]) {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (case, why) in not {
        reasons.entry(why).or_default().push(case.to_string());
    }
    for (why, cases) in reasons {
        println!("n/a, {why}: {}", cases.join(" "));
    }
}

/// Plays cases until none is left. Returns how many ended otherwise.
async fn play_all(server: &Postgres, cases: &Mutex<VecDeque<Case>>) -> usize {
    let mut failed = 0;
    let mut lane = Lane::open(server).await;
    let next = || {
        let mut cases = cases.lock().unwrap();
        if !cases.is_empty() && cases.len().is_multiple_of(100) {
            println!("{} cases to go", cases.len());
        }
        cases.pop_front()
    };
    while let Some(case) = next() {
        lane.clear().await;
        let played = AssertUnwindSafe(play(&lane, &case)).catch_unwind().await;
        if let Err(panic) = played {
            let why = panic.downcast_ref::<String>().cloned();
            let why = why.or_else(|| panic.downcast_ref::<&str>().map(|why| (*why).to_owned()));
            let log = lane.log();
            println!("{case}: {}", why.unwrap_or_default());
            println!("  log: {}\n  again: {}", log.display(), command(&case));
            failed += 1;
            // What is left of it must not disturb others, and is kept for reading.
            lane = Lane::open(server).await;
        }
    }
    lane.tidy_up();
    failed
}

async fn play(lane: &Lane, case: &Case) {
    match case.row.stage {
        Stage::Call(call) => call::play(lane, case, call).await,
        _ => stage::play(lane, case).await,
    }
}

#[tokio::test]
async fn what_many_items_begin_with_is_not_handed_back_meanwhile() {
    let server = Postgres::start().await.unwrap();
    let lane = Lane::open(&server).await;
    for _ in 0..10 {
        lane.clear().await;
        if begin::play(&lane).await {
            return lane.tidy_up();
        }
    }
    panic!("no answer was lost while something began");
}

#[test]
fn every_failpoint_has_a_row() {
    let source = include_str!("../../workpool/src/failpoint.rs");
    let (_, named) = source.split_once("\npoints! {").unwrap();
    let (named, _) = named.split_once("\n}").unwrap();
    let named: BTreeSet<_> = named.split('"').skip(1).step_by(2).collect();
    let rows = rows::rows().into_iter().map(|row| row.point);
    // Only claims of many items get to `begin`, which has a test of its own.
    let played: BTreeSet<_> = rows.chain(["begin"]).collect();
    assert_eq!(named, played);
}

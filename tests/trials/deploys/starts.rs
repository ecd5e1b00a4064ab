//! First starts: twenty processes at once on an empty database, and migrations that are cut off.

use std::process::Stdio;
use std::time::Duration;

use rand::RngExt;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};
use workpool::Workpool;
use workpool::sqlx::postgres::PgPoolOptions;
use workpool::sqlx::{self, PgPool};

use super::digest;
use crate::place::{self, Place};
use crate::report::{Report, Setup};

/// At full size.
const ROUNDS: u64 = 100;
const CUTS: u64 = 200;
const PROCESSES: usize = 20;
/// A start that takes longer hangs.
const HANGS: Duration = Duration::from_mins(1);
/// A start after one that was cut off.
const AT_ONCE: Duration = Duration::from_secs(5);

pub(super) async fn run(setup: &Setup, report: &mut Report) {
    let reference = digest(Place::new().await.near.db()).await;
    for _ in 0..setup.some(ROUNDS) {
        report.exposures += PROCESSES as u64;
        first_starts(setup, &reference, report).await;
    }
    let mut numbers = setup.numbers(1);
    for cut in 0..setup.some(CUTS) {
        report.exposures += 1;
        let after = Duration::from_micros(numbers.random_range(0..40_000));
        cut_off(cut % 2 == 0, after, &reference, report).await;
    }
}

/// All start, and there is one schema.
async fn first_starts(setup: &Setup, reference: &str, report: &mut Report) {
    let url = place::empty().await;
    let start = || {
        let mut command = Command::new(&setup.program);
        command.arg("connect").arg("--url").arg(&url).stdout(Stdio::piped()).kill_on_drop(true);
        command.spawn().unwrap()
    };
    let processes: Vec<_> = (0..PROCESSES).map(|_| start()).collect();
    for process in processes {
        match timeout(HANGS, process.wait_with_output()).await {
            Ok(Ok(output)) if output.status.success() => {}
            other => report.breach(format!("a first start: {other:?}")),
        }
    }
    let db = PgPool::connect(&url).await.unwrap();
    let same = digest(&db).await == reference;
    report.require(same, || "the schema is another one".into());
    db.close().await;
}

/// A migration whose future is dropped, or whose connection is ended, leaves all or nothing, and
/// no lock.
async fn cut_off(dropped: bool, after: Duration, reference: &str, report: &mut Report) {
    let url = place::empty().await;
    let db = PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    let start = Workpool::attach(db.clone());
    if dropped {
        let _ = timeout(after, start).await;
    } else {
        let kill = async {
            sleep(after).await;
            let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
            let admin = PgPool::connect(&url).await.unwrap();
            let killed: i64 = sqlx::query_scalar(others).fetch_one(&admin).await.unwrap();
            admin.close().await;
            killed
        };
        let (answer, killed) = tokio::join!(start, kill);
        if answer.is_err() {
            report.count("migrations cut off");
        }
        report.require(answer.is_ok() || killed > 0, || format!("{answer:?}"));
    }
    let begun = Instant::now();
    let again = timeout(HANGS, Workpool::connect(&url)).await;
    let late = begun.elapsed();
    match again {
        Ok(Ok(workpool)) => {
            report.require(late < AT_ONCE, || format!("the next start took {late:?}"));
            let same = digest(workpool.db()).await == reference;
            report.require(same, || "the schema is another one".into());
            workpool.db().close().await;
        }
        other => report.breach(format!("after a migration that was cut off: {other:?}")),
    }
    // The pool of the first one is whole.
    let conn = timeout(AT_ONCE, db.acquire()).await;
    report.require(matches!(conn, Ok(Ok(_))), || format!("its connection: {conn:?}"));
    drop(conn);
    db.close().await;
}

//! Schemas of another version than the program: it refuses, and changes nothing.

use workpool::sqlx::PgPool;
use workpool::{Error, WorkId, Workpool};

use super::digest;
use crate::functions::{Entries, Kind, Task, once};
use crate::place::{self, Place};
use crate::report::{Report, Setup};

/// At full size.
const ROUNDS: u64 = 100;

pub(super) async fn run(setup: &Setup, report: &mut Report) {
    let place = Place::new().await;
    place.execute(include_str!("../../simulation/audit.sql")).await;
    let entries = Entries::default();
    let worker = place::quick(&place.handle(5).await).state(entries.clone()).start().await;
    let worker = worker.unwrap();
    place
        .execute("INSERT INTO workpool.migrations SELECT max(version) + 1, 'next' FROM workpool.migrations")
        .await;
    place
        .execute("ALTER TABLE workpool.work ADD COLUMN priority smallint NOT NULL DEFAULT 0")
        .await;
    let newer = digest(place.near.db()).await;
    for round in 0..setup.some(ROUNDS) {
        report.exposures += 1;
        let migrate = round % 2 == 0;
        let answer = Workpool::builder().migrate(migrate).connect(&place.url).await;
        let refused = matches!(answer, Err(Error::SchemaTooNew { .. }));
        report.require(refused, || format!("a newer schema: {answer:?}"));
        let same = digest(place.near.db()).await == newer;
        report.require(same, || "a newer schema was changed".into());
        // Who runs already goes on running.
        let id = WorkId::new();
        let kind = Kind::ALL[usize::try_from(round % 4).unwrap()];
        kind.enqueue(&place.near, id, Task::SUCCEEDS).await.unwrap();
        let result = place.near.result(id).await;
        report.require(result.is_ok(), || format!("{kind:?} on a newer schema: {result:?}"));
    }
    worker.shutdown().await;
    older(report).await;
}

/// Told not to migrate, it makes no schema; told to, it does.
async fn older(report: &mut Report) {
    let url = place::empty().await;
    report.exposures += 2;
    let answer = Workpool::builder().migrate(false).connect(&url).await;
    let refused = matches!(answer, Err(Error::SchemaTooOld { found: 0, .. }));
    report.require(refused, || format!("no schema: {answer:?}"));
    let db = PgPool::connect(&url).await.unwrap();
    let there = workpool::sqlx::query_scalar("SELECT to_regnamespace('workpool') IS NOT NULL");
    let there: bool = there.fetch_one(&db).await.unwrap();
    report.require(!there, || "a schema was made without being asked for".into());
    db.close().await;
    let workpool = Workpool::connect(&url).await.unwrap();
    let worker = place::quick(&workpool).start().await.unwrap();
    let id = once::enqueue(&workpool, Task::SUCCEEDS).await.unwrap();
    let result = workpool.result(id).await;
    report.require(result.is_ok(), || format!("after the migration: {result:?}"));
    worker.shutdown().await;
}

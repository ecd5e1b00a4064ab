//! A worker of yesterday beside one of today: it knows fewer functions and pools, and leaves the rest
//! alone, uncounted and in sight.

use std::time::Duration;

use tokio::time::sleep;
use workpool::{Error, FailureKind, Pool, Status, WorkId, Worker};

use crate::functions::{Entries, Kind, Task, once, told};
use crate::place::{self, Place};
use crate::report::{Report, Setup};

/// Items of each sort, at full size.
const ITEMS: u64 = 300;
/// Long enough for a worker to look several times.
const LOOKS: Duration = Duration::from_millis(600);
const ENDS: Duration = Duration::from_mins(1);

struct Mixture {
    place: Place,
    entries: Entries,
    items: Vec<(WorkId<u32>, Kind)>,
}

pub(super) async fn run(setup: &Setup, report: &mut Report) {
    let place = Place::new().await;
    place.execute(include_str!("../../simulation/audit.sql")).await;
    place.near.create_pool(Pool::new("of today").max_parallelism(3)).await.unwrap();
    let mut mixture = Mixture { place, entries: Entries::default(), items: Vec::new() };
    let old = mixture.worker_of_yesterday().await;
    mixture.enqueue(setup.some(ITEMS)).await;
    let foreign = mixture.foreign().await;
    mixture.only_what_it_knows(report).await;
    let new = place::quick(&mixture.place.handle(5).await).state(mixture.entries.clone());
    let new = new.start().await.unwrap();
    mixture.enqueue(setup.some(ITEMS)).await;
    mixture.all_but_the_foreign(report).await;
    // Somebody knows it now: it runs as if nothing had been.
    mixture.place.execute("UPDATE workpool.work SET function = 'once'").await;
    let result = mixture.place.near.result(foreign).await;
    report.require(result.as_ref().is_ok_and(|attempt| *attempt == 1), || format!("{result:?}"));
    changed_arguments(&mixture.place, report).await;
    old.shutdown().await;
    new.shutdown().await;
}

impl Mixture {
    async fn worker_of_yesterday(&self) -> Worker {
        let worker = place::quick(&self.place.handle(5).await).state(self.entries.clone());
        let worker = worker.only_functions(["once", "book"]).only_pools(["mixed"]);
        worker.start().await.unwrap()
    }

    /// Of all kinds, in a pool of yesterday and one of today.
    async fn enqueue(&mut self, items: u64) {
        for _ in 0..items {
            for kind in Kind::ALL {
                for pool in ["mixed", "of today"] {
                    let id = WorkId::new();
                    let ttl = Duration::from_hours(1);
                    let near = &self.place.near;
                    kind.enqueue_into(near, id, Task::SUCCEEDS, pool, ttl).await.unwrap();
                    self.items.push((id, kind));
                }
            }
        }
    }

    /// An item of a function that nobody knows.
    async fn foreign(&self) -> WorkId<u32> {
        let id = WorkId::new();
        let mut tx = self.place.near.db().begin().await.unwrap();
        let within = self.place.near.within(&mut tx);
        once::enqueue(&within, Task::SUCCEEDS).id(id).await.unwrap();
        drop(within);
        let rename = "UPDATE workpool.work SET function = 'of tomorrow' WHERE id = $1";
        workpool::sqlx::query(rename).bind(id.uuid()).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// The worker of yesterday ends what it knows; the rest waits, with no attempt used.
    async fn only_what_it_knows(&self, report: &mut Report) {
        let known = "SELECT count(*) FROM workpool.work
            WHERE pool = 'mixed' AND function IN ('once', 'book')";
        let ended = self.place.until_none(known, ENDS).await;
        report.require(ended, || "the worker of yesterday does not end what it knows".into());
        sleep(LOOKS).await;
        let touched = "SELECT count(*) FROM workpool.work WHERE attempt > 0 OR fence > 0
            OR worker IS NOT NULL OR errors IS NOT NULL";
        let touched = self.place.count(touched).await;
        report.require(touched == 0, || {
            format!("{touched} items were touched by whom they are foreign to")
        });
        let ids: Vec<_> = self.items.iter().map(|item| item.0).collect();
        let waiting = self.place.count("SELECT count(*) FROM workpool.work").await - 1;
        let mut shown = 0;
        for status in self.place.near.status_batch(ids).await.unwrap() {
            report.exposures += 1;
            match status {
                Some(Status::Pending { previous_attempts: 0, .. }) => shown += 1,
                Some(Status::Finished(_)) => {}
                other => report.breach(format!("it is {other:?}")),
            }
        }
        report.require(shown == waiting, || format!("{waiting} wait, {shown} are shown"));
        report.figure("waited for a worker that knows them", waiting);
    }

    /// With a worker of today everything ends, each at its first attempt.
    async fn all_but_the_foreign(&self, report: &mut Report) {
        let left = "SELECT count(*) - 1 FROM workpool.work";
        let ended = self.place.until_none(left, ENDS).await;
        report.require(ended, || "not everything has ended".into());
        for (id, kind) in &self.items {
            report.exposures += 1;
            let result = self.place.near.result(*id).await;
            let good = result.as_ref().is_ok_and(|attempt| *attempt == 1);
            report.require(good, || format!("{kind:?} {id}: {result:?}"));
            let entered = self.entries.of(id.uuid());
            report.require(entered == 1, || format!("{kind:?} {id}: entered {entered} times"));
        }
    }
}

/// Arguments that the function does not understand any more: it ends, and says so.
async fn changed_arguments(place: &Place, report: &mut Report) {
    let near = &place.near;
    near.pool("mixed").pause().await.unwrap();
    let id = WorkId::new();
    once::enqueue(near, Task::SUCCEEDS).id(id).on_complete::<told>(id.to_string()).await.unwrap();
    place.execute(r#"UPDATE workpool.work SET args = '{"fails": "none", "new": 1}'"#).await;
    near.pool("mixed").resume().await.unwrap();
    report.exposures += 1;
    let result = near.result(id).await;
    let good = matches!(
        &result,
        Err(Error::WorkFailed(failure)) if failure.kind() == FailureKind::Undecodable
    );
    report.require(good, || format!("changed arguments: {result:?}"));
    let called = format!(
        "SELECT count(*) - 1 FROM callback_ledger WHERE work = '{id}' AND failure = 'Undecodable'"
    );
    let told = place.until_none(&called, ENDS).await;
    report.require(told, || "its callback was not told".into());
}

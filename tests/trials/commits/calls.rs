//! Calls of the API that put work in, take it out, and look at it.

use std::time::Duration;

use rand::RngExt;
use workpool::{Cancel, Error, WorkId};

use super::bench::{BEGIN, Bench, is_unknown};
use super::steering;
use crate::functions::{Kind, Task, once, told};
use crate::report::{Report, Setup};

/// Items of a batch.
const BATCH: u8 = 10;

/// Until so many cuts have hit.
pub(super) async fn run(setup: &Setup, cuts: u64, report: &mut Report) {
    let mut bench = Bench::new(setup, 1, report).await;
    let bench = &mut bench;
    // Some cuts miss, because a call does not need the statement every time.
    for call in 0..cuts * 3 {
        if bench.report.exposures >= cuts {
            break;
        }
        match call % 16 {
            0 => enqueue(bench).await,
            1 => enqueue_unkept(bench).await,
            2 => batch(bench).await,
            3 => within(bench).await,
            4 => cancel(bench).await,
            5 => cancel_within(bench).await,
            6 => status(bench).await,
            7 => result(bench).await,
            8 => steering::cancel_all(bench).await,
            9 => steering::resize(bench).await,
            10 => steering::pause(bench).await,
            11 => steering::create(bench).await,
            12 => steering::remove(bench).await,
            13 => steering::replay(bench).await,
            14 => steering::look(bench).await,
            _ => steering::start(bench).await,
        }
    }
    let struck = bench.report.exposures;
    bench.report.figure("cuts of calls", struck);
}

fn any_kind(bench: &mut Bench<'_>) -> Kind {
    Kind::ALL[bench.numbers.random_range(0..4)]
}

/// An item that waits, enqueued where nothing is lost.
pub(super) async fn waiting(bench: &mut Bench<'_>) -> WorkId<u32> {
    let id = WorkId::new();
    let kind = any_kind(bench);
    kind.enqueue(&bench.place.near, id, Task::SUCCEEDS).await.unwrap();
    id
}

fn stored(id: WorkId<u32>) -> String {
    format!("SELECT count(*) FROM workpool.work WHERE id = '{id}'")
}

async fn enqueue(bench: &mut Bench<'_>) {
    let (far, id, kind) = (bench.far.clone(), WorkId::new(), any_kind(bench));
    let call = async |_| kind.enqueue(&far, id, Task::SUCCEEDS).await;
    bench.ask("enqueue", &["enqueue"], call).await;
    bench.must("enqueue", stored(id), 1).await;
}

/// Work whose end is not kept may have come and gone, so it is not sent again: then the answer must
/// say that nobody knows.
async fn enqueue_unkept(bench: &mut Bench<'_>) {
    let (far, id) = (bench.far.clone(), WorkId::new());
    let mut unknown = false;
    let call = async |_| {
        let kept = once::enqueue(&far, Task::SUCCEEDS).id(id).status_ttl(Duration::ZERO);
        match kept.await {
            Err(Error::Unconfirmed { id: named, .. }) if named == id.uuid() => {
                unknown = true;
                Ok(())
            }
            answer => answer.map(drop),
        }
    };
    bench.ask("enqueue, unkept", &["enqueue"], call).await;
    if !unknown {
        bench.must("enqueue, unkept", stored(id), 1).await;
    }
}

async fn batch(bench: &mut Bench<'_>) {
    let far = bench.far.clone();
    let name = format!("batch {}", WorkId::<u32>::new());
    let mut in_doubt = None;
    let call = async |_| {
        let tasks = [Task::SUCCEEDS; BATCH as usize];
        match once::enqueue_batch(&far, tasks).name(&name).await {
            Err(Error::Unconfirmed { id, .. }) => {
                in_doubt = Some(id);
                Ok(Vec::new())
            }
            answer => answer,
        }
    };
    let answer = bench.ask("batch", &["COMMIT", BEGIN, "enqueue"], call).await;
    let whole = match in_doubt {
        // All or nothing: the first tells of the others.
        Some(id) => bench.place.count(&stored(WorkId::from_uuid(id))).await * i64::from(BATCH),
        None => i64::from(BATCH),
    };
    let sql = format!("SELECT count(*) FROM workpool.work WHERE name = '{name}'");
    // Who had to ask again without knowing the ids has doubled it.
    bench.must("batch", sql, whole).await;
    let ids = answer.map_or(0, |answer| answer.value.len());
    bench.report.require(in_doubt.is_some() || ids == BATCH as usize, || format!("{ids} ids"));
}

async fn within(bench: &mut Bench<'_>) {
    let (far, id, kind) = (bench.far.clone(), WorkId::new(), any_kind(bench));
    let call = async |_| {
        let mut tx = far.db().begin().await?;
        kind.enqueue(&far.within(&mut tx), id, Task::SUCCEEDS).await?;
        Ok(tx.commit().await?)
    };
    bench.ask("within", &["COMMIT", "BEGIN", "enqueue"], call).await;
    bench.must("within", stored(id), 1).await;
}

/// What must be so of a canceled item.
async fn canceled(bench: &mut Bench<'_>, id: WorkId<u32>) {
    bench.must("canceled", stored(id), 0).await;
    for table in ["finished", "callbacks"] {
        let sql =
            format!("SELECT count(*) FROM workpool.{table} WHERE id = '{id}' AND outcome = 2");
        bench.must("canceled", sql, 1).await;
    }
}

async fn cancel(bench: &mut Bench<'_>) {
    let (far, id) = (bench.far.clone(), waiting(bench).await);
    let call = async |_| far.cancel(id).await;
    if let Some(answer) = bench.ask("cancel", &["COMMIT", BEGIN, "cancel"], call).await {
        let good = match answer.value {
            Cancel::Canceled => true,
            // It was the first one that did it.
            Cancel::AlreadyFinished => answer.again,
            _ => false,
        };
        bench.report.require(good, || format!("cancel answered {:?}", answer.value));
    }
    canceled(bench, id).await;
}

async fn cancel_within(bench: &mut Bench<'_>) {
    let (far, id) = (bench.far.clone(), waiting(bench).await);
    let call = async |_| {
        let mut tx = far.db().begin().await?;
        let answer = far.within(&mut tx).cancel(id).await?;
        tx.commit().await?;
        Ok(answer)
    };
    bench.ask("cancel within", &["COMMIT", "BEGIN", "cancel"], call).await;
    canceled(bench, id).await;
}

async fn status(bench: &mut Bench<'_>) {
    let (far, id) = (bench.far.clone(), waiting(bench).await);
    let call = async |_| far.status(id).await;
    if let Some(answer) = bench.ask("status", &["status"], call).await {
        bench.report.require(answer.value.is_some(), || "status: not known".into());
    }
}

async fn result(bench: &mut Bench<'_>) {
    let (far, id) = (bench.far.clone(), waiting(bench).await);
    bench.place.near.cancel(id).await.unwrap();
    let call = async |_| match far.result(id).await {
        Err(error) if is_unknown(&error) => Err(error),
        answer => Ok(matches!(answer, Err(Error::WorkCanceled))),
    };
    if let Some(answer) = bench.ask("result", &["result"], call).await {
        bench.report.require(answer.value, || "result: not canceled".into());
    }
    let watched = once::enqueue(&bench.place.near, Task::SUCCEEDS).on_complete::<told>("w".into());
    watched.await.unwrap();
}

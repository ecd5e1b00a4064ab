//! A process of an application that makes one call, prints how it was answered, and waits until
//! its input ends.
#![allow(missing_docs, reason = "nobody calls it")]

#[allow(dead_code, reason = "a worker process uses the rest")]
#[path = "../simulation/functions.rs"]
mod functions;

use std::collections::HashMap;
use std::future::pending;
use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use tokio::io::AsyncReadExt;
use workpool::{WorkId, Workpool};

use self::functions::{How, Task, again, book, once, told};

const TASK: Task = Task { how: How::Takes(0), fails: 0 };

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    workpool_tests::log_to_stderr();
    let told: HashMap<String, String> = std::env::args()
        .skip(1)
        .filter_map(|argument| {
            argument.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
        .collect();
    let get = |name: &str| told.get(name).context("an argument is missing");
    let (call, kind, url) = (get("call")?, get("kind")?, get("url")?);
    let id = WorkId::from_uuid(get("id")?.parse()?);
    let dropped = async {
        if told.get("drop").is_some_and(|drop| drop == "true") {
            hit().await;
        } else {
            pending::<()>().await;
        }
    };
    // A connection first: only the call is dropped.
    let workpool = if call == "migrate" { None } else { Some(Workpool::connect(url).await?) };
    let answer = tokio::select! {
        answer = make(call, kind, id, url, workpool.as_ref()) => match answer {
            Ok(()) => "done",
            Err(error) => {
                writeln!(std::io::stderr(), "{error:#}")?;
                "error"
            }
        },
        () = dropped => "dropped",
    };
    writeln!(std::io::stdout(), "{answer}")?;
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}

/// Waits until a failpoint has been hit.
async fn hit() {
    let hits = std::env::var_os("FAILPOINTS_HITS").unwrap_or_default();
    while !std::path::Path::new(&hits).exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn make(
    call: &str,
    kind: &str,
    id: WorkId<u32>,
    url: &str,
    workpool: Option<&Workpool>,
) -> anyhow::Result<()> {
    let Some(workpool) = workpool else {
        Workpool::connect(url).await?;
        return Ok(());
    };
    match call {
        "enqueue" => enqueue(workpool, kind).await,
        "given" => enqueue_as(workpool, kind, id).await,
        "batch" => enqueue_batch(workpool, kind).await,
        "cancel" => Ok(workpool.cancel(id).await.map(drop)?),
        "pause" => Ok(workpool.pool("mixed").pause().await?),
        "limit" => Ok(workpool.pool("mixed").set_max_parallelism(1).await?),
        _ => anyhow::bail!("no such call: {call}"),
    }
}

async fn enqueue(workpool: &Workpool, kind: &str) -> anyhow::Result<()> {
    let told_of = "one".to_owned();
    match kind {
        "once" => once::enqueue(workpool, TASK).on_complete::<told>(told_of).await?,
        "again" => again::enqueue(workpool, TASK).on_complete::<told>(told_of).await?,
        _ => book::enqueue(workpool, TASK).on_complete::<told>(told_of).await?,
    };
    Ok(())
}

async fn enqueue_as(workpool: &Workpool, kind: &str, id: WorkId<u32>) -> anyhow::Result<()> {
    let told_of = id.to_string();
    match kind {
        "once" => once::enqueue(workpool, TASK).id(id).on_complete::<told>(told_of).await?,
        "again" => again::enqueue(workpool, TASK).id(id).on_complete::<told>(told_of).await?,
        _ => book::enqueue(workpool, TASK).id(id).on_complete::<told>(told_of).await?,
    };
    Ok(())
}

async fn enqueue_batch(workpool: &Workpool, kind: &str) -> anyhow::Result<()> {
    let two = [TASK, TASK];
    let told_of = "a batch".to_owned();
    match kind {
        "once" => once::enqueue_batch(workpool, two).on_complete::<told>(told_of).await?,
        "again" => again::enqueue_batch(workpool, two).on_complete::<told>(told_of).await?,
        _ => book::enqueue_batch(workpool, two).on_complete::<told>(told_of).await?,
    };
    Ok(())
}

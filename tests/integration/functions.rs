//! Functions that many tests enqueue.

use std::time::Duration;

use serde_json::Value;
use workpool::{
    ActionCtx, Completion, MutationCtx, Outcome, OutcomeKind, QueryCtx, Status, WorkId, action,
    mutation, on_complete, query,
};
use workpool_tests::{Gates, Stage, Witness};

/// Answers with what it was given.
#[action(pool = "echo")]
pub(crate) async fn echo(ctx: &ActionCtx, text: String) -> workpool::Result<String> {
    ctx.state::<Witness>().saw(&text);
    Ok(text)
}

/// Waits at a gate.
#[action(pool = "gated")]
pub(crate) async fn gated(ctx: &ActionCtx, gate: String) -> workpool::Result<()> {
    let _inside = ctx.state::<Witness>().enter(&gate);
    ctx.state::<Gates>().pass(&gate).await;
    Ok(())
}

/// Fails so many times, then answers with the attempt that succeeded.
#[action(pool = "flaky")]
pub(crate) async fn flaky(ctx: &ActionCtx, failures: u32) -> anyhow::Result<u32> {
    anyhow::ensure!(ctx.attempt() > failures, "attempt {} fails", ctx.attempt());
    Ok(ctx.attempt())
}

/// Waits at a gate, then fails.
#[action(pool = "flaky")]
pub(crate) async fn failing_at(ctx: &ActionCtx, gate: String) -> anyhow::Result<()> {
    ctx.state::<Gates>().pass(&gate).await;
    anyhow::bail!("failed at {gate}")
}

/// Writes a line into the database.
#[mutation(pool = "notes")]
pub(crate) async fn note(ctx: &mut MutationCtx<'_>, text: String) -> workpool::Result<()> {
    write(ctx, &text).await?;
    Ok(())
}

/// The clock of the database when it runs, in microseconds.
#[query(pool = "clock")]
pub(crate) async fn read_clock(ctx: &mut QueryCtx<'_>) -> workpool::Result<i64> {
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    Ok(sqlx::query_scalar(sql).fetch_one(ctx.db()).await?)
}

/// Writes down how work of any kind ended.
#[on_complete(context = String)]
pub(crate) async fn ended(
    ctx: &mut MutationCtx<'_>,
    done: Completion<String, Value>,
) -> workpool::Result<()> {
    let how = match &done.outcome {
        Outcome::Success(result) => format!("success {result}"),
        Outcome::Failed(failure) => format!("failed {failure}"),
        Outcome::Canceled => "canceled".to_owned(),
    };
    write(ctx, &format!("{}: {how} after {}", done.context, done.attempts)).await?;
    Ok(())
}

/// Adds a row to `notes`.
pub(crate) async fn write(ctx: &mut MutationCtx<'_>, text: &str) -> sqlx::Result<()> {
    let insert = "INSERT INTO notes (text) VALUES ($1)";
    sqlx::query(insert).bind(text).execute(ctx.db()).await.map(drop)
}

/// What takes well under a second, on a machine that is busy with other tests.
pub(crate) const SOON: Duration = Duration::from_secs(3);

/// A poll interval at which only those workers are in time that were told.
pub(crate) const TOO_LATE: Duration = Duration::from_mins(5);

/// Lets so much time pass that a worker which runs has looked for work of all pools several times,
/// by the clock that it looks at: the end of other work is the signal.
pub(crate) async fn let_workers_look(stage: &Stage) {
    let beacon = read_clock::enqueue(stage.workpool(), ()).run_after(Duration::from_millis(300));
    stage.workpool().result(beacon.await.unwrap()).await.unwrap();
}

/// Waits for the end, whatever it is.
pub(crate) async fn end_of<T: serde::de::DeserializeOwned>(
    stage: &Stage,
    id: WorkId<T>,
) -> workpool::Finished {
    let _ = stage.workpool().result(id).await;
    match stage.workpool().status(id).await.unwrap() {
        Some(workpool::Status::Finished(finished)) => finished,
        other => panic!("{id} has not ended: {other:?}"),
    }
}

/// How it has ended; none: it has not.
pub(crate) async fn outcome<T>(stage: &Stage, id: WorkId<T>) -> Option<OutcomeKind> {
    let status = stage.workpool().status(id).await.unwrap();
    status.as_ref().and_then(Status::outcome)
}

/// As if recovery had handed the work to somebody else.
pub(crate) async fn supersede<T>(stage: &Stage, id: WorkId<T>) {
    let update = "UPDATE workpool.work SET fence = fence + 1, attempt = attempt + 1 WHERE id";
    stage.execute(&format!("{update} = '{id}'")).await;
}

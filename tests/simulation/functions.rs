//! The functions of the simulations, and the witness outside of the database that they report to.
//! Compiled into the tests, which enqueue them, and into the worker process, which runs them.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use workpool::{
    ActionCtx, Completion, MutationCtx, Outcome, Pool, action, mutation, on_complete, sqlx,
};

workpool::pool!(
    /// Where all of them run.
    pub(crate) MIXED = Pool::new("mixed").max_parallelism(3)
);

/// Writes down what happens, a line a write, in a file that outlives the process.
#[derive(Debug, Clone)]
pub(crate) struct Witness(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    gate: PathBuf,
}

impl Witness {
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Arc::new(Inner { file, gate: gate_of(path) })))
    }

    /// The kernel appends each line whole, and keeps it when the process is killed.
    fn note(&self, what: &str, work: Uuid, attempt: u32) {
        let line = format!("{what} {work} {attempt} {}\n", std::process::id());
        (&self.0.file).write_all(line.as_bytes()).expect("the disk has room for a line");
    }

    /// Waits until the test opens the gate. A file, because the test is another process.
    async fn pass_gate(&self) {
        while !self.0.gate.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The file whose existence opens the gate.
pub(crate) fn gate_of(witness: &Path) -> PathBuf {
    witness.with_extension("open")
}

/// What a function is to do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) how: How,
    /// How many attempts end in an error.
    pub(crate) fails: u32,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum How {
    /// Takes so many milliseconds.
    Takes(u64),
    /// Blocks the thread for so many milliseconds.
    Blocks(u64),
    /// Computes for so many thousand rounds, some microseconds each.
    Computes(u64),
    /// Waits until the test opens the gate.
    Waits,
    /// Ends the process.
    Aborts,
}

impl Task {
    async fn perform(self, witness: &Witness, work: Uuid, attempt: u32) -> anyhow::Result<u32> {
        witness.note("enter", work, attempt);
        match self.how {
            How::Takes(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            How::Blocks(ms) => std::thread::sleep(Duration::from_millis(ms)),
            How::Computes(thousands) => compute(thousands * 1000),
            How::Waits => witness.pass_gate().await,
            How::Aborts => std::process::abort(),
        }
        anyhow::ensure!(attempt > self.fails, "told to fail");
        witness.note("leave", work, attempt);
        Ok(attempt)
    }
}

/// Takes what it takes of the processor, however long that is.
fn compute(rounds: u64) {
    let sum = (0..rounds).fold(0, |sum: u64, round| sum.rotate_left(7) ^ round);
    std::hint::black_box(sum);
}

/// An action that is entered at most once.
#[action(name = "once", pool = MIXED, retry = false)]
pub(crate) async fn once(ctx: &ActionCtx, task: Task) -> anyhow::Result<u32> {
    task.perform(ctx.state::<Witness>(), ctx.work_id(), ctx.attempt()).await
}

/// An action that is tried three times.
#[action(
    name = "again",
    pool = MIXED,
    retry(max_attempts = 3, initial_backoff = "20ms", max_backoff = "100ms")
)]
pub(crate) async fn again(ctx: &ActionCtx, task: Task) -> anyhow::Result<u32> {
    task.perform(ctx.state::<Witness>(), ctx.work_id(), ctx.attempt()).await
}

/// A mutation that writes a line into a ledger which would show doubles.
#[mutation(name = "book", pool = MIXED, grouped)]
pub(crate) async fn book(ctx: &mut MutationCtx<'_>, task: Task) -> anyhow::Result<u32> {
    let (id, attempt) = (ctx.work_id(), ctx.attempt());
    sqlx::query("INSERT INTO ledger VALUES ($1)").bind(id).execute(ctx.db()).await?;
    let witness = ctx.state::<Witness>().clone();
    task.perform(&witness, id, attempt).await
}

/// An action that enqueues another one when the gate is open.
#[action(name = "parent", pool = MIXED, retry = false)]
pub(crate) async fn parent(ctx: &ActionCtx, (): ()) -> anyhow::Result<u32> {
    let witness = ctx.state::<Witness>();
    witness.note("enter", ctx.work_id(), ctx.attempt());
    witness.pass_gate().await;
    let child = once::enqueue(ctx, Task { how: How::Takes(0), fails: 0 }).await;
    witness.note("leave", ctx.work_id(), ctx.attempt());
    child?;
    Ok(ctx.attempt())
}

/// Writes into a ledger which would show doubles what it was told.
#[on_complete(name = "told", context = String, grouped)]
pub(crate) async fn told(
    ctx: &mut MutationCtx<'_>,
    done: Completion<String, u32>,
) -> anyhow::Result<()> {
    let outcome = done.outcome.kind().as_str();
    let failure = match &done.outcome {
        Outcome::Failed(failure) => Some(format!("{:?}", failure.kind())),
        _ => None,
    };
    sqlx::query("INSERT INTO callback_ledger VALUES ($1, $2, $3, $4, $5)")
        .bind(done.work_id.uuid())
        .bind(outcome)
        .bind(failure)
        .bind(done.attempts.cast_signed())
        .bind(done.context)
        .execute(ctx.db())
        .await?;
    Ok(())
}

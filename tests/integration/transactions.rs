//! Sections 2 and 5: mutations and queries, their one transaction, and what the database undoes.

use workpool::{FailureKind, MutationCtx, OutcomeKind, QueryCtx, mutation, query};
use workpool_tests::{Gates, Stage, Witness};

use crate::functions::{echo, end_of, note, write};

/// Meets a conflict so many times.
#[mutation(pool = "conflicts")]
async fn conflicting(
    ctx: &mut MutationCtx<'_>,
    sqlstate: String,
    times: usize,
) -> anyhow::Result<u32> {
    write(ctx, "effect").await?;
    ctx.state::<Witness>().saw(&sqlstate);
    if ctx.state::<Witness>().count(&sqlstate) <= times {
        sqlx::raw_sql(sqlx::AssertSqlSafe(raise(&sqlstate))).execute(ctx.db()).await?;
    }
    Ok(ctx.attempt())
}

#[query(pool = "conflicts")]
async fn conflicting_query(ctx: &mut QueryCtx<'_>, times: usize) -> sqlx::Result<u32> {
    ctx.state::<Witness>().saw("entered");
    if ctx.state::<Witness>().count("entered") <= times {
        sqlx::raw_sql(sqlx::AssertSqlSafe(raise("40001"))).execute(ctx.db()).await?;
    }
    Ok(ctx.attempt())
}

fn raise(sqlstate: &str) -> String {
    format!("DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '{sqlstate}'; END $$")
}

/// Loses its connection the first time.
#[mutation(pool = "conflicts")]
async fn losing_its_connection(ctx: &mut MutationCtx<'_>) -> anyhow::Result<u32> {
    write(ctx, "effect").await?;
    ctx.state::<Witness>().saw("entered");
    if ctx.state::<Witness>().count("entered") == 1 {
        sqlx::query("SELECT pg_terminate_backend(pg_backend_pid())").execute(ctx.db()).await?;
    }
    Ok(ctx.attempt())
}

#[mutation(pool = "conflicts")]
async fn failing_mutation(ctx: &mut MutationCtx<'_>) -> anyhow::Result<()> {
    write(ctx, "effect").await?;
    anyhow::bail!("after its effect")
}

#[mutation(pool = "conflicts")]
async fn panicking_mutation(ctx: &mut MutationCtx<'_>) -> anyhow::Result<()> {
    write(ctx, "effect").await?;
    panic!("after its effect")
}

#[mutation(pool = "conflicts")]
async fn waiting_mutation(ctx: &mut MutationCtx<'_>) -> workpool::Result<()> {
    write(ctx, "effect").await?;
    let gates = ctx.state::<Gates>().clone();
    gates.pass("mutation").await;
    Ok(())
}

/// Hides the error of a broken statement.
#[mutation(pool = "conflicts")]
async fn ignoring_an_error(ctx: &mut MutationCtx<'_>) -> workpool::Result<()> {
    ctx.state::<Witness>().saw("entered");
    let broken = sqlx::query("SELECT 1 / 0").execute(ctx.db()).await;
    assert!(broken.is_err());
    Ok(())
}

#[query(pool = "conflicts")]
async fn count_notes(ctx: &mut QueryCtx<'_>) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM notes").fetch_one(ctx.db()).await
}

#[query(pool = "conflicts")]
async fn writing_query(ctx: &mut QueryCtx<'_>) -> sqlx::Result<()> {
    ctx.state::<Witness>().saw("entered");
    sqlx::query("INSERT INTO notes (text) VALUES ('x')").execute(ctx.db()).await.map(drop)
}

#[tokio::test]
async fn the_effects_of_a_mutation_and_its_end_commit_in_one_transaction() {
    let stage = Stage::new().await;
    note::enqueue(stage.workpool(), "effect".into()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let same = "SELECT n.xmin = f.xmin FROM notes n, workpool.finished f";
    assert!(stage.value::<bool>(same).await);
}

#[tokio::test]
async fn nothing_of_a_mutation_is_seen_before_its_end() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let id = waiting_mutation::enqueue(stage.workpool(), ()).await.unwrap();
    stage.gates.arrived("mutation", 1).await;
    assert!(stage.notes().await.is_empty());
    assert!(stage.workpool().status(id).await.unwrap().unwrap().is_running());
    stage.gates.open("mutation");
    stage.workpool().result(id).await.unwrap();
    assert_eq!(stage.notes().await, ["effect"]);
}

#[tokio::test]
async fn an_error_of_a_mutation_ends_it_and_rolls_its_body_back() {
    let stage = Stage::new().await;
    let one = failing_mutation::enqueue(stage.workpool(), ()).await.unwrap();
    let two = panicking_mutation::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    for (id, message) in [(one, "after its effect"), (two, "panicked: after its effect")] {
        let end = end_of(&stage, id).await;
        assert_eq!((end.outcome, end.attempts), (OutcomeKind::Failed, 1));
        assert_eq!(end.failures[0].message(), message);
    }
    assert!(stage.notes().await.is_empty());
}

#[tokio::test]
async fn a_mutation_that_hides_a_broken_statement_fails_at_once() {
    let stage = Stage::new().await;
    let id = ignoring_an_error::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(end_of(&stage, id).await.outcome, OutcomeKind::Failed);
    assert_eq!(stage.witness.count("entered"), 1);
}

#[tokio::test]
async fn serialization_failures_and_deadlocks_run_the_body_again_without_using_attempts() {
    let stage = Stage::new().await;
    let args = |sqlstate: &str| ConflictingArgs { sqlstate: sqlstate.into(), times: 4 };
    let both = ["40001", "40P01"];
    let ids = conflicting::enqueue_batch(stage.workpool(), both.map(args)).await.unwrap();
    stage.drain().await.assert_nothing_left();
    for (id, sqlstate) in ids.into_iter().zip(both) {
        assert_eq!(stage.workpool().result(id).await.unwrap(), 1);
        assert_eq!(stage.witness.count(sqlstate), 5);
        let end = end_of(&stage, id).await;
        assert_eq!((end.attempts, end.failures), (1, vec![]));
    }
    assert_eq!(stage.notes().await, ["effect"; 2], "of one run each");
}

#[tokio::test]
async fn a_conflict_runs_a_query_again_without_using_attempts() {
    let stage = Stage::new().await;
    let id = conflicting_query::enqueue(stage.workpool(), 3).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.workpool().result(id).await.unwrap(), 1);
    assert_eq!(stage.witness.count("entered"), 4);
}

#[tokio::test]
async fn a_lost_connection_runs_the_body_again_without_using_attempts() {
    let stage = Stage::new().await;
    let id = losing_its_connection::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.workpool().result(id).await.unwrap(), 1);
    assert_eq!(stage.notes().await, ["effect"]);
}

#[tokio::test]
async fn conflicts_without_end_fail_the_work_in_the_end() {
    let stage = Stage::new().await;
    let _worker = stage.start().await;
    let args = ConflictingArgs { sqlstate: "40001".into(), times: usize::MAX };
    let id = conflicting::enqueue(stage.workpool(), args).await.unwrap();
    let end = end_of(&stage, id).await;
    assert_eq!((end.outcome, end.attempts), (OutcomeKind::Failed, 1));
    assert!(stage.witness.count("40001") > 5);
    assert!(stage.notes().await.is_empty());
}

#[tokio::test]
async fn a_query_reads_what_is_committed() {
    let stage = Stage::new().await;
    stage.execute("INSERT INTO notes (text) VALUES ('a'), ('b')").await;
    let id = count_notes::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.workpool().result(id).await.unwrap(), 2);
}

#[tokio::test]
async fn a_query_that_writes_fails_at_its_first_try() {
    let stage = Stage::new().await;
    let id = writing_query::enqueue(stage.workpool(), ()).await.unwrap();
    let _worker = stage.start().await;
    let end = end_of(&stage, id).await;
    assert_eq!(end.failures[0].kind(), FailureKind::Error);
    assert!(end.failures[0].message().contains("read-only"), "{}", end.failures[0]);
    assert_eq!(stage.witness.count("entered"), 1);
    assert!(stage.notes().await.is_empty());
}

#[tokio::test]
async fn a_mutation_that_waits_for_its_connection_does_not_stop_actions() {
    let stage = Stage::new().await;
    let _worker = stage.worker().transactions(1).start().await.unwrap();
    waiting_mutation::enqueue(stage.workpool(), ()).await.unwrap();
    let second = note::enqueue(stage.workpool(), "second".into()).await.unwrap();
    stage.gates.arrived("mutation", 1).await;
    let id = echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    assert_eq!(stage.workpool().result(id).await.unwrap(), "x");
    stage.gates.open("mutation");
    stage.workpool().result(second).await.unwrap();
}

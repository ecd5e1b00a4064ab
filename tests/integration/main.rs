//! The contract, line by line, against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};
use workpool::{action, mutation, on_complete, ActionCtx, Completion, MutationCtx, Outcome};
use workpool_tests::setup;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub struct Greeting { name: String }

#[action(pool = "email", retry(max_attempts = 3, initial_backoff = "10ms"))]
async fn greet(ctx: &ActionCtx, args: Greeting) -> anyhow::Result<String> {
    anyhow::ensure!(ctx.attempt() > 1, "first attempt fails");
    Ok(format!("hello {}", args.name))
}

#[mutation(pool = "counter")]
async fn add(ctx: &mut MutationCtx<'_>, a: i32, b: i32) -> workpool::Result<i32> {
    sqlx::query("INSERT INTO ledger VALUES ($1)").bind(a + b).execute(ctx.db()).await?;
    Ok(a + b)
}

#[on_complete(context = i32)]
async fn greeted(ctx: &mut MutationCtx<'_>, done: Completion<i32, String>) -> workpool::Result<()> {
    let Outcome::Success(text) = done.outcome else { panic!("failed") };
    assert_eq!(text, "hello Ada");
    sqlx::query("INSERT INTO ledger VALUES ($1)").bind(done.context).execute(ctx.db()).await?;
    Ok(())
}

#[tokio::test]
async fn smoke() {
    let db = setup::database().await;
    let workpool = db.workpool();
    sqlx::query("CREATE TABLE ledger (n int)").execute(workpool.db()).await.unwrap();
    let worker = setup::quick(workpool).start().await.unwrap();
    let id = greet::enqueue(workpool, Greeting { name: "Ada".into() }).on_complete::<greeted>(7).await.unwrap();
    assert_eq!(workpool.result(id).await.unwrap(), "hello Ada");
    let id = add::enqueue(workpool, AddArgs { a: 1, b: 2 }).await.unwrap();
    assert_eq!(workpool.result(id).await.unwrap(), 3);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let sum: Vec<i32> = sqlx::query_scalar("SELECT n FROM ledger ORDER BY n").fetch_all(workpool.db()).await.unwrap();
    assert_eq!(sum, [3, 7]);
    println!("{:?}", workpool.status(id).await);
    worker.shutdown().await;
}

#[tokio::test]
async fn every_statement_prepares_against_the_migrated_schema() {
    use sqlx::Executor;
    let db = setup::database().await;
    let mut conn = db.workpool().db().acquire().await.unwrap();
    let mut bad = vec![];
    for (name, sql) in workpool::testing::statements(db.workpool()) {
        if let Err(error) = conn.prepare(sql).await {
            bad.push(format!("{name}: {error}"));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

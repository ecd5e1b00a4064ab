//! A pool of one makes a queue of transactions: they can read, think and write without locks, and
//! each takes effect exactly once.
//!
//! ```text
//! cargo run --example serial_mutations
//! ```
//!
//! Several enqueuers and two workers share the pool. Some mutations fail after they have written,
//! and leave no trace.

use anyhow::{Result, bail};
use workpool::testing::TestDatabase;
use workpool::{MutationCtx, Pool, WorkId, Workpool, mutation};

workpool::pool!(ACCOUNT = Pool::new("account").max_parallelism(1));

/// Body and end of a mutation are one transaction. Two at once would overwrite each other here, for
/// nothing is locked between reading and writing; in a pool of one there are never two.
#[mutation(pool = ACCOUNT)]
async fn deposit(ctx: &mut MutationCtx<'_>, amount: i64) -> Result<i64> {
    let before: i64 = sqlx::query_scalar("SELECT balance FROM account").fetch_one(ctx.db()).await?;
    let after = before + amount;
    sqlx::query("UPDATE account SET balance = $1").bind(after).execute(ctx.db()).await?;
    if after < 0 {
        // The error rolls the update back.
        bail!("{before} do not cover {amount}");
    }
    Ok(after)
}

async fn deposits(workpool: Workpool, amounts: Vec<i64>) -> Result<Vec<WorkId<i64>>> {
    let mut ids = Vec::new();
    for amount in amounts {
        ids.push(deposit::enqueue(&workpool, amount).await?);
    }
    Ok(ids)
}

#[tokio::main]
async fn main() -> Result<()> {
    let database = TestDatabase::create().await?;
    let workpool = database.workpool();
    sqlx::raw_sql("CREATE TABLE account (balance bigint); INSERT INTO account VALUES (0)")
        .execute(workpool.db())
        .await?;
    let workers = [workpool.worker().start().await?, workpool.worker().start().await?];

    let mut enqueuers = Vec::new();
    for _ in 0..4 {
        let mut amounts = vec![1; 100];
        amounts[50] = -1_000_000;
        enqueuers.push(tokio::spawn(deposits(workpool.clone(), amounts)));
    }
    let mut ids = Vec::new();
    for enqueuer in enqueuers {
        ids.extend(enqueuer.await??);
    }

    let (mut balances, mut refused) = (Vec::new(), 0);
    for id in ids {
        match workpool.result(id).await {
            Ok(balance) => balances.push(balance),
            Err(workpool::Error::WorkFailed(_)) => refused += 1,
            Err(error) => return Err(error.into()),
        }
    }
    for worker in workers {
        worker.shutdown().await;
    }

    let balance: i64 =
        sqlx::query_scalar("SELECT balance FROM account").fetch_one(workpool.db()).await?;
    println!("{} deposits of 1, {refused} refused withdrawals: balance {balance}", balances.len());
    balances.sort_unstable();
    assert_eq!(balances, (1..=396).collect::<Vec<_>>(), "each deposit saw the one before it");
    assert_eq!((balance, refused), (396, 4), "exactly once, and nothing of what failed");
    Ok(())
}

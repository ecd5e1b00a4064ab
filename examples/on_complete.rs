//! A completion runs when work has ended, whichever way, with a context of your own type.
//!
//! ```text
//! cargo run --example on_complete
//! ```
//!
//! The completion is recorded in the transaction that ends the work, so it is never lost; and its
//! own effects commit once. A wrong type of context or result does not compile.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use workpool::testing::TestDatabase;
use workpool::{ActionCtx, Completion, MutationCtx, Outcome, Workpool, action, on_complete};

#[derive(Serialize, Deserialize)]
struct Receipt {
    number: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("the card was declined")]
struct Declined;

/// Stands for a payment service that takes amounts up to 1,000.
#[action(pool = "payments")]
async fn charge(_: &ActionCtx, amount: u32) -> Result<Receipt, Declined> {
    sleep(Duration::from_millis(50)).await;
    if amount > 1000 { Err(Declined) } else { Ok(Receipt { number: 7000 + amount }) }
}

/// What the completion has to know beyond the outcome.
#[derive(Serialize, Deserialize)]
struct Order {
    id: i32,
    customer: String,
}

#[on_complete(context = Order)]
async fn charged(ctx: &mut MutationCtx<'_>, done: Completion<Order, Receipt>) -> Result<()> {
    let Order { id, customer } = done.context;
    let state = match done.outcome {
        Outcome::Success(receipt) => format!("paid by {customer}, receipt {}", receipt.number),
        Outcome::Failed(failure) => {
            // Enqueued in the transaction of the completion.
            ask_for_another_card::enqueue(ctx, customer).await?;
            format!("failed after {} attempt: {failure}", done.attempts)
        }
        Outcome::Canceled => format!("canceled, {customer} was charged nothing"),
    };
    sqlx::query("INSERT INTO ledger VALUES ($1, $2)")
        .bind(id)
        .bind(state)
        .execute(ctx.db())
        .await?;
    Ok(())
}

#[action(pool = "email")]
async fn ask_for_another_card(_: &ActionCtx, customer: String) -> Result<()> {
    sleep(Duration::from_millis(20)).await;
    println!("mail to {customer}: please give us another card");
    Ok(())
}

async fn order(workpool: &Workpool, id: i32, customer: &str, amount: u32) -> Result<()> {
    let order = Order { id, customer: customer.to_owned() };
    charge::enqueue(workpool, amount).on_complete::<charged>(order).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let database = TestDatabase::create().await?;
    let workpool = database.workpool();
    // The primary key: to complete an order twice would be an error.
    sqlx::query("CREATE TABLE ledger (id int PRIMARY KEY, state text NOT NULL)")
        .execute(workpool.db())
        .await?;

    order(workpool, 1, "Ada", 20).await?;
    order(workpool, 2, "Ben", 5000).await?;
    let later = charge::enqueue(workpool, 30)
        .run_after(Duration::from_hours(1))
        .on_complete::<charged>(Order { id: 3, customer: "Cleo".into() })
        .await?;
    workpool.cancel(later).await?;

    // From the testing tools: runs all that is due, completions included, and stops.
    workpool.worker().drain().await?.assert_nothing_left();

    let ledger: Vec<(i32, String)> =
        sqlx::query_as("SELECT id, state FROM ledger ORDER BY id").fetch_all(workpool.db()).await?;
    for (id, state) in &ledger {
        println!("order {id}: {state}");
    }
    let states: Vec<_> = ledger.iter().map(|(_, state)| &**state).collect();
    assert_eq!(
        states,
        [
            "paid by Ada, receipt 7020",
            "failed after 1 attempt: the card was declined",
            "canceled, Cleo was charged nothing",
        ]
    );
    Ok(())
}

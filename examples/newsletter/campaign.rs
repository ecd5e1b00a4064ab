//! The newsletter: whom it goes to, how one mail is sent, and what is written down about it.

use std::time::Duration;

use anyhow::{Context, Result};
use lettre::message::Mailbox;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use workpool::{
    ActionCtx, Completion, Failure, FailureKind, MutationCtx, Outcome, Pool, ResultExt,
    RetryPolicy, Workpool, action, on_complete,
};

type Smtp = AsyncSmtpTransport<Tokio1Executor>;

// Four connections to the mail server at most, however many processes send.
workpool::pool!(
    NEWSLETTER = Pool::new("newsletter").max_parallelism(4).default_retry(
        RetryPolicy::new().max_attempts(8).initial_backoff(Duration::from_millis(200))
    )
);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subscriber {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) plan: Plan,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Plan {
    /// Gets it at most once: better not at all than twice.
    Free,
    /// Gets it at least once: better twice than not at all.
    Paid,
}

pub(crate) fn subscribers() -> Result<Vec<Subscriber>> {
    let mut reader = csv::Reader::from_reader(include_str!("subscribers.csv").as_bytes());
    Ok(reader.deserialize().collect::<Result<_, csv::Error>>()?)
}

/// Sends one mail. The answer of the server decides about another attempt: 5xx says that none will
/// ever succeed, 4xx that a later one may.
#[action(pool = NEWSLETTER, timeout = "10s")]
async fn deliver(ctx: &ActionCtx, to: Subscriber) -> Result<String> {
    let address: Address = to.email.parse().non_retryable()?;
    let mail = Message::builder()
        // The same in each attempt, so that a mail which came twice can be recognized.
        .message_id(Some(format!("<{}@example.com>", ctx.work_id())))
        .from("The Gazette <gazette@example.com>".parse()?)
        .to(Mailbox::new(Some(to.name), address))
        .subject("Issue 12")
        .body("Nothing happened this week.".to_owned())?;
    match ctx.state::<Smtp>().send(mail).await {
        Ok(answer) => Ok(answer.message().collect()),
        Err(error) if error.is_permanent() => Err(Failure::non_retryable(error).into()),
        Err(error) => Err(error.into()),
    }
}

/// Writes down how it went. The primary key of the table is the address: a second call for the
/// same mail would fail.
#[on_complete(context = String)]
async fn log_delivery(ctx: &mut MutationCtx<'_>, done: Completion<String, String>) -> Result<()> {
    let (state, detail) = match done.outcome {
        Outcome::Success(answer) => ("delivered", answer),
        Outcome::Failed(failure) => (name_of(failure.kind()), failure.to_string()),
        Outcome::Canceled => ("canceled", String::new()),
    };
    sqlx::query("INSERT INTO delivery_log (email, state, detail) VALUES ($1, $2, $3)")
        .bind(done.context)
        .bind(state)
        .bind(detail)
        .execute(ctx.db())
        .await?;
    Ok(())
}

fn name_of(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::NonRetryable => "refused",
        // The process died at it. It may have been sent; it is not sent again.
        FailureKind::Lost => "lost",
        _ => "failed",
    }
}

/// Enqueues the whole issue in one transaction, unless an earlier run has.
async fn enqueue_once(workpool: &Workpool, subscribers: &[Subscriber]) -> Result<bool> {
    let mut tx = workpool.db().begin().await?;
    let new = sqlx::query("INSERT INTO issues (number) VALUES (12) ON CONFLICT DO NOTHING")
        .execute(&mut *tx)
        .await?
        .rows_affected()
        == 1;
    if new {
        let within = workpool.within(&mut tx);
        for subscriber in subscribers {
            deliver::enqueue(&within, subscriber.clone())
                .retry(matches!(subscriber.plan, Plan::Paid))
                .on_complete::<log_delivery>(subscriber.email.clone())
                .await?;
        }
    }
    tx.commit().await?;
    Ok(new)
}

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS issues (number int PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS delivery_log (
        email text PRIMARY KEY, state text NOT NULL, detail text NOT NULL
    )";

/// Sends the issue to everybody who is not in the log yet, and ends when all are.
pub(crate) async fn send(workpool: &Workpool, smtp_url: &str) -> Result<()> {
    let smtp = transport(smtp_url)?;
    sqlx::raw_sql(TABLES).execute(workpool.db()).await?;
    let subscribers = subscribers()?;
    let all = i64::try_from(subscribers.len())?;
    let new = enqueue_once(workpool, &subscribers).await?;
    let logged = async || -> Result<i64> {
        let count = sqlx::query_scalar("SELECT count(*) FROM delivery_log");
        Ok(count.fetch_one(workpool.db()).await?)
    };
    println!("{}: {} of {all} to go", if new { "new" } else { "going on" }, all - logged().await?);

    // A short lease: what a killed process left is recovered within two seconds.
    let worker = workpool
        .worker()
        .state(smtp)
        .lease(Duration::from_secs(2))
        .heartbeat(Duration::from_millis(400))
        .start()
        .await?;
    while logged().await? < all {
        sleep(Duration::from_millis(50)).await;
    }
    worker.shutdown().await;
    Ok(())
}

/// For `smtp://host:port`, without encryption: a server on this machine, such as Mailpit. Elsewhere
/// use `AsyncSmtpTransport::relay`, for which lettre needs its TLS.
fn transport(url: &str) -> Result<Smtp> {
    let place =
        url.strip_prefix("smtp://").and_then(|rest| rest.trim_end_matches('/').split_once(':'));
    let (host, port) = place.context("SMTP_URL is not of the form smtp://host:port")?;
    Ok(Smtp::builder_dangerous(host).port(port.parse()?).build())
}

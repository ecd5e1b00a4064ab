//! Whether what the database holds afterwards is what it should hold.

use anyhow::{Result, ensure};

use crate::options::{Config, Options};
use crate::place::Place;
use crate::tally::Tally;

/// What is there of ours.
#[derive(Debug)]
pub(crate) struct Books {
    /// Items that have not ended.
    pub(crate) left: i64,
    /// Ends that are kept.
    pub(crate) kept: i64,
    /// Of these, successes of a first attempt whose result is kept.
    pub(crate) sound: i64,
    /// Callbacks that have not run.
    pub(crate) uncalled: i64,
    /// Rows that mutations wrote, and how many different ones.
    pub(crate) rows: i64,
    pub(crate) numbers: i64,
}

const BOOKS: &str = "
    SELECT
        (SELECT count(*) FROM workpool.work WHERE pool = ANY ($1) AND name IS NULL) AS left,
        f.kept, f.sound,
        (SELECT count(*) FROM workpool.callbacks) AS uncalled,
        r.rows, r.numbers
    FROM (
        SELECT count(*) AS kept,
            count(*) FILTER (WHERE outcome = 0 AND attempts = 1 AND result->>'ok' = 'true') AS sound
        FROM workpool.finished WHERE pool = ANY ($1) AND name IS NULL
    ) f
    CROSS JOIN (SELECT count(*) AS rows, count(DISTINCT n) AS numbers FROM load_rows) r";

impl Books {
    pub(crate) async fn read(place: &mut Place, options: &Options) -> Result<Self> {
        let books = sqlx::query_as(BOOKS).bind(options.pool_names());
        let (left, kept, sound, uncalled, rows, numbers) =
            books.fetch_one(&mut place.observer).await?;
        Ok(Self { left, kept, sound, uncalled, rows, numbers })
    }
}

/// So many items wait, and nothing has run.
pub(crate) async fn waits(place: &mut Place, options: &Options, n: i64) -> Result<()> {
    let books = Books::read(place, options).await?;
    ensure!(books.left == n && books.kept == 0, "{n} should wait: {books:?}");
    Ok(())
}

/// So many items have ended well, each after one attempt, and are kept or not as they should be.
pub(crate) async fn ended(place: &mut Place, options: &Options, n: i64) -> Result<()> {
    let books = Books::read(place, options).await?;
    ensure!(books.left == 0, "{} items are left", books.left);
    ensure!(books.uncalled == 0, "{} callbacks are left", books.uncalled);
    let kept = if options.config.keeps() { n } else { 0 };
    ensure!(
        books.kept == kept && books.sound == kept,
        "{kept} should be kept, all good: {books:?}"
    );
    let rows = if options.config == Config::Mutation { n } else { 0 };
    ensure!(
        books.rows == rows && books.numbers == rows,
        "{rows} different rows should be written: {books:?}"
    );
    Ok(())
}

/// A worker process begins; the answer names it.
pub(crate) async fn begin(place: &mut Place) -> Result<i64> {
    let begun = sqlx::query_scalar("INSERT INTO load_runs DEFAULT VALUES RETURNING id");
    Ok(begun.fetch_one(&mut place.observer).await?)
}

/// Writes down what a worker process has run. The last of them sees whether that is, over all of
/// them, each item once.
pub(crate) async fn settle(place: &mut Place, run: i64, tally: &Tally) -> Result<()> {
    ensure!(tally.again() == 0, "{} items ran again in this process", tally.again());
    let started = tally.started_us();
    let numbers: usize = (0..started.len()).filter(|n| started[*n] > 0).sum();
    sqlx::query("UPDATE load_runs SET executed = $2, numbers = $3::bigint WHERE id = $1")
        .bind(run)
        .bind(i64::try_from(tally.runs())?)
        .bind(i64::try_from(numbers)?)
        .execute(&mut place.observer)
        .await?;
    let (open, executed, sum): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE executed IS NULL), sum(executed)::bigint, sum(numbers)::bigint FROM load_runs",
    )
    .fetch_one(&mut place.observer)
    .await?;
    let n = i64::try_from(tally.expected())?;
    ensure!(executed <= n, "{executed} runs of {n} items");
    ensure!(
        open > 0 || (executed == n && sum == n * (n - 1) / 2),
        "each of {n} items should have run once: {executed} runs, of numbers that add up to {sum}"
    );
    Ok(())
}

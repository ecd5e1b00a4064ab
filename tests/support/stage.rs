//! A database with a table for effects, gates and a witness, and workers that are given both.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use uuid::Uuid;
use workpool::testing::TestDatabase;
use workpool::{Worker, WorkerBuilder, Workpool};

use crate::{Gates, Witness, eventually, pooler, setup};

/// What a test plays on.
#[derive(Debug)]
pub struct Stage {
    database: TestDatabase,
    workpool: Workpool,
    /// Of a process that connects as this one does.
    url: String,
    /// Where handlers wait.
    pub gates: Gates,
    /// What handlers did.
    pub witness: Witness,
}

impl Stage {
    /// A fresh database with an empty table `notes`.
    pub async fn new() -> Self {
        let database = setup::database().await;
        let (workpool, url) = if pooler::is_wanted() {
            pooler::through(&database).await
        } else {
            (database.workpool().clone(), database.url().to_owned())
        };
        let (gates, witness) = Default::default();
        let stage = Self { database, workpool, url, gates, witness };
        stage
            .execute(
                "CREATE TABLE notes (n bigint GENERATED ALWAYS AS IDENTITY, text text NOT NULL)",
            )
            .await;
        stage
    }

    /// The handle that belongs to the database.
    #[must_use]
    pub const fn workpool(&self) -> &Workpool {
        &self.workpool
    }

    /// The URL of the database, past any pooler.
    #[must_use]
    pub fn url(&self) -> &str {
        self.database.url()
    }

    /// Another handle on the same database: nothing in memory is shared, as between processes.
    pub async fn another_process(&self) -> Workpool {
        if pooler::is_wanted() {
            return pooler::pooled(self.database.url()).connect(&self.url).await.unwrap();
        }
        Workpool::connect(&self.url).await.unwrap()
    }

    /// A worker with short times.
    pub fn worker(&self) -> WorkerBuilder {
        self.worker_of(self.workpool())
    }

    /// A worker of another process, with the same gates and witness.
    pub fn worker_of(&self, process: &Workpool) -> WorkerBuilder {
        setup::quick(process).state(self.gates.clone()).state(self.witness.clone())
    }

    /// Starts a worker.
    pub async fn start(&self) -> Worker {
        self.worker().start().await.unwrap()
    }

    /// Runs everything that is due, and says what is left.
    pub async fn drain(&self) -> workpool::testing::Drained {
        self.worker().drain().await.unwrap()
    }

    /// Runs a statement.
    pub async fn execute(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(self.database.workpool().db()).await.unwrap();
    }

    /// The only value of the only row.
    pub async fn value<T>(&self, sql: &str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        let row =
            sqlx::query(AssertSqlSafe(sql)).fetch_one(self.database.workpool().db()).await.unwrap();
        row.get(0)
    }

    /// A column of the work item that has not ended.
    pub async fn column<T>(&self, column: &str, id: impl Into<Uuid>) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        let id = id.into();
        self.value(&format!("SELECT {column} FROM workpool.work WHERE id = '{id}'")).await
    }

    /// All rows.
    pub async fn rows<T: for<'r> FromRow<'r, PgRow> + Send + Unpin>(&self, sql: &str) -> Vec<T> {
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(self.database.workpool().db()).await.unwrap()
    }

    /// Everything that mutations and callbacks have noted, in order.
    pub async fn notes(&self) -> Vec<String> {
        let rows: Vec<(String,)> = self.rows("SELECT text FROM notes ORDER BY n").await;
        rows.into_iter().map(|(text,)| text).collect()
    }

    /// Waits until so many lines have been noted, and returns them.
    pub async fn noted(&self, lines: usize) -> Vec<String> {
        let what = format!("{lines} lines are noted");
        eventually(&what, async || self.notes().await.len() >= lines).await;
        self.notes().await
    }

    /// How many work items have not ended.
    pub async fn unfinished(&self) -> i64 {
        self.value("SELECT count(*) FROM workpool.work").await
    }

    /// The clock of the database, in microseconds since 1970.
    pub async fn clock(&self) -> i64 {
        self.value("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").await
    }
}

//! How people look at large tables: in a transaction that only reads, by plans that follow the
//! indexes whatever the planner believes of tables that have just been filled, and not for long.

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Postgres, Transaction};

use super::{BEGIN_READING, SqlResult, Store, begin_with_settings};

/// Compiling a plan takes longer than running it, because the estimates know nothing of the bounds.
const SETTINGS: [(&str, &str); 4] = [
    ("jit", "off"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("statement_timeout", "10s"),
];

impl Store {
    /// Begins to look.
    pub(crate) async fn begin_look<'c>(
        &self,
        conn: &'c mut PgConnection,
    ) -> SqlResult<Transaction<'c, Postgres>> {
        let settings = SETTINGS.map(|(name, value)| (name, value.to_owned()));
        if conn.is_in_transaction() {
            let mut part = conn.begin().await?;
            part.execute(begin_with_settings("SELECT", &settings, "")).await?;
            return Ok(part);
        }
        conn.begin_with(begin_with_settings(BEGIN_READING, &settings, "")).await
    }
}

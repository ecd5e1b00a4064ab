//! Finds out whether the connections lead through a pooler that gives out its servers a transaction
//! at a time: then two of them meet the same server process, or one of them meets two.

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{ConnectOptions, Connection, Executor, Row};

use super::{SqlResult, Store};

/// How often the second connection is made to take the server that the first one had.
const ROUNDS: u32 = 3;

impl Store {
    /// Looks with two connections: while the second one is inside a transaction, a pooler that has
    /// given it the first one's server has to give the first one another.
    pub(crate) async fn meets_pooler(&self, db: &PgPool) -> SqlResult<bool> {
        let mut first = db.connect_options().connect().await?;
        let found = compare(&mut first, db).await;
        // Nothing waits for what a pooler makes of them.
        let _ = first.close().await;
        found
    }
}

async fn compare(first: &mut PgConnection, db: &PgPool) -> SqlResult<bool> {
    let begun_with = server(first).await?;
    let Ok(mut second) = db.connect_options().connect().await else {
        // One connection is all there is room for.
        return Ok(server(first).await? != begun_with);
    };
    let mut found = false;
    for _ in 0..ROUNDS {
        let mut tx = second.begin().await?;
        found |= server(&mut tx).await? == begun_with || server(first).await? != begun_with;
        tx.rollback().await?;
        if found {
            break;
        }
    }
    let _ = second.close().await;
    Ok(found)
}

/// The process that serves a connection now. As plain text: a prepared statement is what may not
/// work here.
async fn server(conn: &mut PgConnection) -> SqlResult<i32> {
    conn.fetch_one("SELECT pg_backend_pid()").await?.try_get::<i32, _>(0)
}

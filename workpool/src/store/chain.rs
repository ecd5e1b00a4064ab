//! Transactions that follow one another on one connection: the commit of each begins the next one,
//! which saves a round trip.

use sqlx::postgres::PgConnection;
use sqlx::{Executor, SqlSafeStr};

use super::link::{Held, Link};
use super::{BEGIN, SqlResult};

/// A transaction that has begun. When it is dropped, its connection is closed and it rolled back.
pub(crate) struct Chain {
    link: Link,
    held: Held,
}

impl Chain {
    pub(crate) async fn begin(link: &Link) -> SqlResult<Self> {
        let mut chain = Self { link: link.clone(), held: link.hold().await? };
        let begin = link.begins().unwrap_or_else(|| BEGIN.into_sql_str());
        chain.step(async |conn| conn.execute(begin).await).await?;
        Ok(chain)
    }

    /// Does something in it, which leaves no transaction behind after an error.
    pub(crate) async fn step<T>(
        &mut self,
        what: impl AsyncFnOnce(&mut PgConnection) -> SqlResult<T>,
    ) -> SqlResult<T> {
        self.link.in_time(what(self.held.conn())).await
    }

    /// Commits, and begins the next one like it. None: one with settings of its own, which would lose
    /// them; through a pooler nobody should keep a connection anyway.
    pub(crate) async fn commit_and_chain(mut self) -> SqlResult<Option<Self>> {
        if self.link.begins().is_some() {
            return self.commit().await.map(|()| None);
        }
        self.step(async |conn| conn.execute("COMMIT AND CHAIN").await).await?;
        Ok(Some(self))
    }

    pub(crate) async fn commit(self) -> SqlResult<()> {
        self.end("COMMIT").await
    }

    pub(crate) async fn roll_back(self) -> SqlResult<()> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, how: &'static str) -> SqlResult<()> {
        self.step(async |conn| conn.execute(how).await).await?;
        self.held.keep();
        Ok(())
    }
}

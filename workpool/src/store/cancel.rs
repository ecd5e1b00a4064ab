//! Canceling: what waits ends at once, what runs is asked to.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{SqlResult, Store, row};

row! {
    /// An item that was there to cancel.
    #[derive(Debug)]
    pub(crate) struct Canceled {
        pub(crate) id: Uuid,
        /// It waited and has ended; else it runs and has been asked to stop.
        pub(crate) ended: bool,
    }
}

impl Store {
    /// Cancels what has not ended of these; the rest is absent from the answer.
    pub(crate) async fn cancel(
        &self,
        conn: &mut PgConnection,
        ids: &[Uuid],
        with_running: bool,
    ) -> SqlResult<Vec<Canceled>> {
        let query = self.query_as(self.sql().cancel.clone());
        query.bind(ids).bind(self.channel()).bind(with_running).fetch_all(conn).await
    }

    /// The ids of a pool that a `cancel_all` is about, in lock order.
    pub(crate) async fn cancelable(
        &self,
        conn: &mut PgConnection,
        pool: &str,
        function: Option<&str>,
        with_running: bool,
        limit: Option<i64>,
    ) -> SqlResult<Vec<Uuid>> {
        self.query_scalar(self.sql().cancelable.clone())
            .bind(pool)
            .bind(function)
            .bind(with_running)
            .bind(limit)
            .fetch_all(conn)
            .await
    }
}

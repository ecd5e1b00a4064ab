//! What a doctor looks at: the server, what holds vacuum back, the tables, the user.

use sqlx::postgres::PgConnection;

use super::{SqlResult, Store, Timestamp, row};

row! {
    /// The server, as far as it matters here.
    #[derive(Debug, Clone)]
    pub(crate) struct ServerRow {
        pub(crate) version: i32,
        pub(crate) version_text: String,
        pub(crate) standby: bool,
        pub(crate) fsync: String,
        pub(crate) full_page_writes: String,
        pub(crate) synchronous_commit: String,
        pub(crate) autovacuum: String,
        pub(crate) track_counts: String,
        pub(crate) max_connections: i32,
        pub(crate) connections: i64,
        /// Sessions of workpool that wait for notifications in this database.
        pub(crate) listeners: i64,
        /// Used part of the queue of notifications.
        pub(crate) queue: f64,
        pub(crate) clock: Timestamp,
        /// Transactions since the oldest row that is not frozen.
        pub(crate) xid_age: Option<i64>,
    }
}

row! {
    /// Something that keeps vacuum from removing dead rows.
    #[derive(Debug, Clone)]
    pub(crate) struct HoldRow {
        /// `session`, `prepared`, `slot`, `standby`.
        pub(crate) kind: String,
        pub(crate) name: Option<String>,
        pub(crate) state: Option<String>,
        pub(crate) what: Option<String>,
        pub(crate) seconds: Option<f64>,
        /// Transactions that have begun since.
        pub(crate) xids: Option<i64>,
    }
}

row! {
    /// A table of ours.
    #[derive(Debug, Clone)]
    pub(crate) struct TableRow {
        pub(crate) name: String,
        pub(crate) live: i64,
        pub(crate) dead: i64,
        pub(crate) bytes: i64,
        pub(crate) vacuumed_s: Option<f64>,
        /// Autovacuum is switched off for it.
        pub(crate) switched_off: bool,
    }
}

row! {
    /// The user of the database, and what it may do.
    #[derive(Debug, Clone)]
    pub(crate) struct RoleRow {
        pub(crate) name: String,
        pub(crate) superuser: Option<bool>,
        pub(crate) reads: bool,
        pub(crate) sees_arguments: bool,
        pub(crate) enqueues: bool,
        pub(crate) works: bool,
        pub(crate) steers: bool,
    }
}

impl Store {
    /// Settings and state of the server.
    pub(crate) async fn doctor_server(&self, conn: &mut PgConnection) -> SqlResult<ServerRow> {
        self.query_as(self.sql().doctor_server.clone()).fetch_one(conn).await
    }

    /// What holds vacuum back.
    pub(crate) async fn doctor_holds(&self, conn: &mut PgConnection) -> SqlResult<Vec<HoldRow>> {
        self.query_as(self.sql().doctor_holds.clone()).fetch_all(conn).await
    }

    /// The tables, the largest first.
    pub(crate) async fn doctor_tables(&self, conn: &mut PgConnection) -> SqlResult<Vec<TableRow>> {
        let sql = self.sql().doctor_tables.clone();
        self.query_as(sql).bind(self.schema()).fetch_all(conn).await
    }

    /// Who we are.
    pub(crate) async fn doctor_role(&self, conn: &mut PgConnection) -> SqlResult<RoleRow> {
        self.query_as(self.sql().doctor_role.clone()).fetch_one(conn).await
    }

    /// Pools that have work and no row.
    pub(crate) async fn lost_pools(&self, conn: &mut PgConnection) -> SqlResult<Vec<String>> {
        self.query_scalar(self.sql().lost_pools.clone()).fetch_all(conn).await
    }
}

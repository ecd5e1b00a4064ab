//! Several items in one transaction: those that come after a first are locked by it, run in
//! savepoints, and end with it or not at all.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::claim::Claimed;
use super::{SqlResult, Store};

/// As on the connections of the loops: by the index, whatever the planner knows of the table. A plan
/// is kept, also when it was made for a table that was small then.
macro_rules! by_index {
    () => {
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; \
         SET LOCAL plan_cache_mode = force_generic_plan"
    };
}

/// None of the statements of what follows takes long: whoever is dropped in the midst of one goes on in
/// the server, with all that the group has locked.
macro_rules! begin_member {
    () => {
        "SET LOCAL statement_timeout = '200ms'; SAVEPOINT workpool_member"
    };
}

const BY_INDEX: &str = by_index!();
/// Bodies have the settings of their session; the first of them begins.
const FIRST_MEMBER: &str = concat!(
    "SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL enable_bitmapscan TO DEFAULT; \
     SET LOCAL plan_cache_mode TO DEFAULT; ",
    begin_member!()
);
const BEGIN_MEMBER: &str = begin_member!();
const END_MEMBERS: &str = concat!("SET LOCAL statement_timeout TO DEFAULT; ", by_index!());
const NEXT_MEMBER: &str = "RELEASE SAVEPOINT workpool_member; SAVEPOINT workpool_member";
const UNDO_MEMBER: &str = "ROLLBACK TO SAVEPOINT workpool_member";

/// Where the items of a group are looked for.
#[derive(Debug)]
pub(crate) struct After<'a> {
    pub(crate) first: &'a Claimed,
    /// What this worker runs, and what of it shares a transaction.
    pub(crate) functions: &'a [&'static str],
    pub(crate) grouped: &'a [&'static str],
    pub(crate) most: i64,
}

/// How a member of a group ended.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) id: Uuid,
    pub(crate) result: &'a str,
    pub(crate) running_us: i64,
}

impl Store {
    /// Locks due items that come after one of ours, for its transaction, and begins the first of
    /// them.
    pub(crate) async fn join(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        after: &After<'_>,
    ) -> SqlResult<Vec<Claimed>> {
        sqlx::raw_sql(BY_INDEX).execute(&mut *conn).await?;
        let mut joined: Vec<Claimed> = self
            .query_as(self.sql().join.clone())
            .bind(worker)
            .bind(&*after.first.pool)
            .bind(after.functions)
            .bind(after.grouped)
            .bind(after.first.run_at)
            .bind(after.first.id)
            .bind(after.most)
            .fetch_all(&mut *conn)
            .await?;
        joined.sort_by_key(|item| (item.run_at, item.id));
        sqlx::raw_sql(FIRST_MEMBER).execute(conn).await?;
        Ok(joined)
    }

    /// What follows can be undone by itself.
    pub(crate) async fn begin_member(&self, conn: &mut PgConnection) -> SqlResult<()> {
        sqlx::raw_sql(BEGIN_MEMBER).execute(conn).await.map(drop)
    }

    /// The same for the one after it.
    pub(crate) async fn next_member(&self, conn: &mut PgConnection) -> SqlResult<()> {
        sqlx::raw_sql(NEXT_MEMBER).execute(conn).await.map(drop)
    }

    /// Undoes what the last one did.
    pub(crate) async fn undo_member(&self, conn: &mut PgConnection) -> SqlResult<()> {
        sqlx::raw_sql(UNDO_MEMBER).execute(conn).await.map(drop)
    }

    /// No body follows in this transaction: what ends them all goes by the index.
    pub(crate) async fn end_members(&self, conn: &mut PgConnection) -> SqlResult<()> {
        sqlx::raw_sql(END_MEMBERS).execute(conn).await.map(drop)
    }

    /// Ends the first and its group. The ids that ended: all of them, unless the first was
    /// superseded.
    pub(crate) async fn succeed_group(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        first: (Uuid, i32),
        members: &[Member<'_>],
    ) -> SqlResult<Vec<Uuid>> {
        self.query_scalar(self.sql().succeed_group.clone())
            .bind(worker)
            .bind(first.1)
            .bind(first.0)
            .bind(members.iter().map(|m| m.id).collect::<Vec<_>>())
            .bind(members.iter().map(|m| m.result).collect::<Vec<_>>())
            .bind(members.iter().map(|m| m.running_us).collect::<Vec<_>>())
            .fetch_all(conn)
            .await
    }
}

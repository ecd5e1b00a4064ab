//! Everything that runs SQL. Knows names, numbers and JSON; never Rust functions or contexts.
//!
//! Lock order, everywhere: pools by name → workers → slots by pool → work by id → callbacks by id.

mod callbacks;
mod cancel;
mod chain;
mod claim;
mod complete;
mod detail;
mod doctor;
mod enqueue;
mod group;
mod inspect;
mod lease;
mod link;
mod list;
mod look;
mod migrate;
mod overview;
mod pooler;
mod pools;
mod prune;
mod row;
mod slots;
mod sqlstate;
mod statements;
mod stats;
mod steer;
mod stock;
mod time;
mod workers;

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::{Query, QueryAs, QueryScalar};
use sqlx::{FromRow, Postgres, SqlStr};

use crate::error::{Error, Result};

pub(crate) use callbacks::RawCallback;
pub(crate) use chain::Chain;
pub(crate) use claim::{Ask, Claimed, Due, Turned, Unread};
pub(crate) use complete::{Ended, Retried};
pub(crate) use detail::WhyRow;
pub(crate) use doctor::{HoldRow, RoleRow, ServerRow, TableRow};
pub(crate) use enqueue::{Claimer, NewWork, RetryChoice, Ttl};
pub(crate) use group::{After, Member};
pub(crate) use inspect::ResultRow;
#[cfg(feature = "testing")]
pub(crate) use inspect::WaitingRow;
pub(crate) use lease::{Abandoned, LeaseRow, Registration};
pub(crate) use link::{Held, Link, operate};
pub(crate) use list::{Listed, Part, Place};
pub(crate) use overview::{BucketRow, HolderRow, OverviewRow, PoolBucketRow};
pub(crate) use pools::PoolRow;
use row::row;
pub(crate) use slots::{Grant, PoolSync, SlotAsk};
pub(crate) use sqlstate::{
    Cause, conflicts, in_doubt, is_broken, is_locked, is_of_another_session, is_refusal,
    is_transient, lost_connection, may_rerun,
};
use statements::Statements;
pub(crate) use statements::begin_with_settings;
#[cfg(feature = "testing")]
pub(crate) use statements::for_database;
#[cfg(feature = "metrics")]
pub(crate) use stats::Look;
pub(crate) use stats::{Counters, PoolCounts};
pub(crate) use steer::Act;
pub(crate) use stock::{Chosen, KEEPALIVES, Stock, settle};
pub(crate) use time::Timestamp;

/// The error of a statement.
pub(crate) type SqlResult<T> = std::result::Result<T, sqlx::Error>;

/// The statements for one schema, and the channel of its notifications.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    schema: String,
    pooled: bool,
    channel: String,
    sql: Statements,
}

impl Store {
    /// Checks the name of the schema, which is the only input that becomes part of SQL text.
    /// `pooled`: what a connection is told in one transaction, it may have forgotten in the next.
    pub(crate) fn new(schema: &str, pooled: bool) -> Result<Self> {
        let mut bytes = schema.bytes();
        let valid = schema.len() <= 48
            && bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !valid {
            let why = format!("`{}` does not match [a-z_][a-z0-9_]{{0,47}}", schema.escape_debug());
            return Err(Error::invalid("schema name", why));
        }
        // At most 57 bytes: LISTEN would cut a name at 63. Notifications stay within a database.
        let channel = format!("workpool_{schema}");
        let sql = Statements::new(schema);
        Ok(Self(Arc::new(Inner { schema: schema.to_owned(), pooled, channel, sql })))
    }

    pub(crate) fn schema(&self) -> &str {
        &self.0.schema
    }

    /// The channel on which workers and watchers listen.
    pub(crate) fn channel(&self) -> &str {
        &self.0.channel
    }

    pub(crate) fn sql(&self) -> &Statements {
        &self.0.sql
    }

    /// Whether the connections may lead through a pooler that hands out transactions.
    pub(crate) fn is_pooled(&self) -> bool {
        self.0.pooled
    }

    /// A statement: prepared once for each connection, or, through a pooler, without a name.
    fn query<'q>(&self, sql: SqlStr) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(sql).persistent(!self.0.pooled)
    }

    /// The same, with rows read as `T`.
    fn query_as<'q, T: for<'r> FromRow<'r, PgRow>>(
        &self,
        sql: SqlStr,
    ) -> QueryAs<'q, Postgres, T, PgArguments> {
        sqlx::query_as(sql).persistent(!self.0.pooled)
    }

    /// The same, with the first column read as `T`.
    fn query_scalar<'q, T>(&self, sql: SqlStr) -> QueryScalar<'q, Postgres, T, PgArguments>
    where
        (T,): for<'r> FromRow<'r, PgRow>,
    {
        sqlx::query_scalar(sql).persistent(!self.0.pooled)
    }

    /// Tells whoever listens that something about a pool (empty: any) may have changed.
    pub(crate) async fn notify(&self, conn: &mut PgConnection, payload: &str) -> SqlResult<()> {
        self.query(self.sql().notify.clone())
            .bind(self.channel())
            .bind(payload)
            .execute(conn)
            .await
            .map(drop)
    }
}

/// How a transaction of ours begins, whatever the default of the database is: the locks are
/// written for statements that each see what was committed before them.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// The same for one that writes nothing.
pub(crate) const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_lower_case_schema_names_are_accepted() {
        for good in ["workpool", "_w", "a1_b", &"x".repeat(48)] {
            assert!(Store::new(good, false).is_ok(), "{good}");
        }
        let bad = ["", "1a", "Work", "a-b", "a\"b", "x'); DROP TABLE users; --", "ü", "a b"];
        for bad in bad.into_iter().chain([&*"x".repeat(49)]) {
            assert!(Store::new(bad, false).is_err(), "{bad}");
        }
    }
}

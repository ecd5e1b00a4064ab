//! The schema's own migrations, with their ledger inside the schema.

use sqlx::postgres::PgConnection;
use sqlx::{Executor, Row, SqlSafeStr};

use super::Store;
use super::statements::{in_schema, rendered};
use crate::error::{Error, Result};
use crate::failpoint;

/// Each with its version; never changed once released.
const MIGRATIONS: [(i32, &str, &str); 1] =
    [(1, "core", include_str!("../../migrations/0001_core.sql"))];

const LEDGER: &str = include_str!("sql/ledger.sql");

/// The latest version that this program knows.
const KNOWN: i32 = MIGRATIONS[MIGRATIONS.len() - 1].0;

impl Store {
    /// Brings the schema up to this program's version, or refuses when it is newer.
    ///
    /// One transaction under a lock of its own: twenty processes may start at once on an empty
    /// database, and a migration cut off half-way leaves nothing behind.
    pub(crate) async fn migrate(&self, conn: &mut PgConnection) -> Result<()> {
        if self.version(conn).await? == Some(KNOWN) {
            return Ok(());
        }
        let mut tx = self.begin(conn).await?;
        self.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 2003792491))".into_sql_str())
            .bind(self.schema())
            .execute(&mut *tx)
            .await?;
        failpoint::reach(failpoint::MIGRATE_BEGUN, &mut *tx).await?;
        self.check_encoding(&mut tx).await?;
        let found = self.version(&mut tx).await?.unwrap_or(0);
        if found == 0 {
            tx.execute(rendered(LEDGER, self.schema())).await?;
        }
        for (version, name, sql) in MIGRATIONS.iter().filter(|(version, ..)| *version > found) {
            tx.execute(rendered(sql, self.schema())).await?;
            self.query(rendered("INSERT INTO workpool.migrations VALUES ($1, $2)", self.schema()))
                .bind(version)
                .bind(name)
                .execute(&mut *tx)
                .await?;
        }
        failpoint::reach(failpoint::MIGRATE_WRITTEN, &mut *tx).await?;
        tx.commit().await?;
        Ok(failpoint::reach(failpoint::MIGRATE_COMMITTED, conn).await?)
    }

    /// What would bring a schema of this version (0: none) up to this program's: version, name, and
    /// the statements, which also note that they were applied.
    pub(crate) fn migrations_after(&self, found: i32) -> Vec<(i32, &'static str, String)> {
        let after = MIGRATIONS.iter().filter(|(version, ..)| *version > found);
        let script = after.map(|(version, name, sql)| {
            let ledger = if *version == 1 { LEDGER } else { "" };
            let note = format!("INSERT INTO workpool.migrations VALUES ({version}, '{name}');");
            let sql = in_schema(&format!("{ledger}\n{sql}\n{note}\n"), self.schema());
            (*version, *name, sql.trim_start().to_owned())
        });
        script.collect()
    }

    /// Refuses a schema that is not of this program's version.
    pub(crate) async fn require_version(&self, conn: &mut PgConnection) -> Result<()> {
        let found = self.version(conn).await?.unwrap_or(0);
        if found < KNOWN { Err(Error::SchemaTooOld { found, known: KNOWN }) } else { Ok(()) }
    }

    /// The version of the schema in the database, if there is one.
    pub(crate) async fn version(&self, conn: &mut PgConnection) -> Result<Option<i32>> {
        let ledger = format!("{}.migrations", self.schema());
        let there: bool = self
            .query_scalar("SELECT to_regclass($1) IS NOT NULL".into_sql_str())
            .bind(ledger)
            .fetch_one(&mut *conn)
            .await?;
        if !there {
            return Ok(None);
        }
        let sql =
            rendered("SELECT max(version) AS version FROM workpool.migrations", self.schema());
        let found: Option<i32> = self.query(sql).fetch_one(conn).await?.try_get("version")?;
        match found {
            Some(found) if found > KNOWN => Err(Error::SchemaTooNew { found, known: KNOWN }),
            found => Ok(found),
        }
    }

    async fn check_encoding(&self, conn: &mut PgConnection) -> Result<()> {
        let encoding: String = self
            .query_scalar("SELECT current_setting('server_encoding')".into_sql_str())
            .fetch_one(conn)
            .await?;
        if encoding == "UTF8" {
            return Ok(());
        }
        let why = format!("it is encoded as {encoding}; create it with ENCODING 'UTF8'");
        Err(Error::invalid("database", why))
    }
}

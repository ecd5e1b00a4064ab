//! The SQL against the migrated schema.

use sqlx::Executor;
use workpool::testing::{TestDatabase, statements};

use super::none;

async fn database() -> TestDatabase {
    TestDatabase::create().await.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn every_statement_prepares_against_the_migrated_schema() {
    let database = database().await;
    let mut conn = database.workpool().db().acquire().await.unwrap();
    let mut faults = Vec::new();
    for (name, sql) in statements(database.workpool()) {
        if let Err(error) = conn.prepare(sql).await {
            faults.push(format!("{name}.sql: {error}"));
        }
    }
    none(faults);
}

#[tokio::test]
async fn every_file_of_sql_is_a_statement() {
    let database = database().await;
    let known: Vec<_> = statements(database.workpool()).into_iter().map(|(name, _)| name).collect();
    let files = super::files("workpool/src/store/sql", ".sql").into_iter();
    let names = files.map(|(path, _)| path.file_stem().unwrap().to_str().unwrap().to_owned());
    // The ledger is made by several statements, before there is a schema to prepare against.
    none(names.filter(|name| name != "ledger" && !known.contains(&name.as_str())).collect());
}

#[tokio::test]
async fn every_table_and_column_is_commented() {
    let database = database().await;
    let silent: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname || COALESCE('.' || a.attname, '')
         FROM pg_class c
         LEFT JOIN LATERAL (
            SELECT attname, attnum FROM pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
            UNION ALL SELECT NULL, 0
         ) a ON true
         WHERE c.relnamespace = 'workpool'::regnamespace AND c.relkind = 'r'
            AND NOT EXISTS (
                SELECT FROM pg_description d WHERE d.objoid = c.oid AND d.objsubid = a.attnum
                    AND d.classoid = 'pg_class'::regclass
            )
         ORDER BY 1",
    )
    .fetch_all(database.workpool().db())
    .await
    .unwrap();
    none(silent);
}

//! Programs of different versions at once: many first starts, migrations that are cut off, newer and
//! older schemas, workers that know less than others, arguments that have changed.

mod mixture;
mod schemas;
mod starts;

use workpool::sqlx::{self, AssertSqlSafe, PgPool};

use crate::report::{Report, Setup};

pub(crate) async fn run(setup: &Setup) -> Report {
    let mut report = Report::default();
    starts::run(setup, &mut report).await;
    schemas::run(setup, &mut report).await;
    mixture::run(setup, &mut report).await;
    report
}

/// Everything about the tables, functions and the ledger of a schema, as one text.
async fn digest(db: &PgPool) -> String {
    const PARTS: [&str; 5] = [
        "SELECT string_agg(concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default), ','
            ORDER BY table_name, ordinal_position) FROM information_schema.columns WHERE table_schema = 'workpool'",
        "SELECT string_agg(indexdef, ',' ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'workpool'",
        "SELECT string_agg(concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)), ','
            ORDER BY conrelid::regclass::text, conname) FROM pg_constraint WHERE connamespace = 'workpool'::regnamespace",
        "SELECT string_agg(pg_get_functiondef(oid), ',' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'workpool'::regnamespace",
        "SELECT string_agg(concat_ws(' ', version, name), ',' ORDER BY version) FROM workpool.migrations",
    ];
    let mut digest = String::new();
    for part in PARTS {
        let text: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(part)).fetch_one(db).await.unwrap();
        digest.push_str(&text.unwrap_or_default());
    }
    digest
}

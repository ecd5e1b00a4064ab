//! Sections 2, 10 and 12: migrations, versions, and several schemas in one database.

use sqlx::Executor;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use workpool::{Error, OutcomeKind, Workpool};
use workpool_tests::{Stage, setup};

use crate::functions::{echo, let_workers_look, note};

/// A database with nothing in it.
async fn empty_database(stage: &Stage, options: &str) -> PgPool {
    let name: String = stage.value("SELECT current_database() || '_empty'").await;
    stage.execute(&format!("CREATE DATABASE {name} TEMPLATE template0 {options}")).await;
    let connect: PgConnectOptions = stage.url().parse().unwrap();
    PgPoolOptions::new().connect_lazy_with(connect.database(&name))
}

#[tokio::test]
async fn twenty_processes_may_connect_at_once_to_an_empty_database() {
    let stage = Stage::new().await;
    let db = empty_database(&stage, "").await;
    let connects = (0..20).map(|_| {
        let options = db.connect_options().as_ref().clone();
        let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        tokio::spawn(Workpool::attach(own))
    });
    let connects: Vec<_> = connects.collect();
    let mut last = None;
    for connect in connects {
        last = Some(connect.await.unwrap().unwrap());
    }
    let workpool = last.unwrap();
    let versions: i64 = sqlx::query_scalar("SELECT count(*) FROM workpool.migrations")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(versions, 1);
    let id = echo::enqueue(&workpool, "x".into()).await.unwrap();
    stage.worker_of(&workpool).drain().await.unwrap().assert_nothing_left();
    assert_eq!(workpool.result(id).await.unwrap(), "x");
}

#[tokio::test]
async fn a_schema_newer_than_the_program_is_refused() {
    let stage = Stage::new().await;
    stage.execute("INSERT INTO workpool.migrations VALUES (1000, 'of the future')").await;
    for migrate in [true, false] {
        match Workpool::builder().migrate(migrate).connect(stage.url()).await {
            Err(Error::SchemaTooNew { found: 1000, known }) => assert!(known < 1000),
            other => panic!("migrate({migrate}): {other:?}"),
        }
    }
}

#[tokio::test]
async fn without_migrations_a_schema_that_is_not_there_is_refused_in_words() {
    let stage = Stage::new().await;
    let db = empty_database(&stage, "").await;
    let refused = Workpool::builder().migrate(false).attach(db.clone()).await.unwrap_err();
    assert!(!matches!(refused, Error::Database(_)), "{refused}");
    assert!(refused.to_string().contains("schema"), "{refused}");
    Workpool::builder().attach(db.clone()).await.unwrap();
    Workpool::builder().migrate(false).attach(db).await.unwrap();
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let stage = Stage::new().await;
    let db = empty_database(&stage, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'").await;
    let refused = Workpool::attach(db).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidConfig { what: "database", .. }), "{refused}");
    assert!(refused.to_string().contains("SQL_ASCII"), "{refused}");
}

#[tokio::test]
async fn two_schemas_in_one_database_do_not_disturb_each_other() {
    let stage = Stage::new().await;
    let one = stage.workpool();
    let two = Workpool::builder().schema("_2").connect(stage.url()).await.unwrap();
    assert_eq!((one.schema(), two.schema()), ("workpool", "_2"));
    let _worker = stage.start().await;
    let here = echo::enqueue(one, "here".into()).await.unwrap();
    let there = echo::enqueue(&two, "there".into()).await.unwrap();
    two.pool("clock").pause().await.unwrap();
    assert_eq!(one.result(here).await.unwrap(), "here");
    let_workers_look(&stage).await;
    assert!(two.status(there).await.unwrap().unwrap().is_pending());
    assert_eq!(one.status(there).await.unwrap(), None);
    one.pool("echo").cancel_all().run().await.unwrap();
    stage.worker_of(&two).drain().await.unwrap().assert_nothing_left();
    assert_eq!(two.result(there).await.unwrap(), "there");
    let mut tx = one.db().begin().await.unwrap();
    let in_one = note::enqueue(&one.within(&mut tx), "one".into()).await.unwrap();
    let in_two = note::enqueue(&two.within(&mut tx), "two".into()).await.unwrap();
    tx.commit().await.unwrap();
    one.result(in_one).await.unwrap();
    two.cancel(in_two).await.unwrap();
    let end = two.status(in_two).await.unwrap().unwrap();
    assert_eq!(end.outcome(), Some(OutcomeKind::Canceled));
}

#[tokio::test]
async fn the_longest_schema_name_works() {
    let stage = Stage::new().await;
    let name = "s".repeat(48);
    let workpool = Workpool::builder().schema(&name).connect(stage.url()).await.unwrap();
    let _worker = stage.worker_of(&workpool).start().await.unwrap();
    let other = Workpool::builder().schema(&name).connect(stage.url()).await.unwrap();
    let id = echo::enqueue(&other, "x".into()).await.unwrap();
    assert_eq!(other.result(id).await.unwrap(), "x");
}

#[tokio::test]
async fn a_schema_may_have_the_name_of_a_word_of_sql() {
    let stage = Stage::new().await;
    for name in ["order", "user"] {
        let workpool = Workpool::builder().schema(name).connect(stage.url()).await.unwrap();
        assert_eq!(workpool.schema(), name);
        let worker = stage.worker_of(&workpool).start().await.unwrap();
        let id = echo::enqueue(&workpool, "x".into()).await.unwrap();
        assert_eq!(workpool.result(id).await.unwrap(), "x");
        workpool.pool("echo").pause().await.unwrap();
        worker.shutdown().await;
    }
}

#[tokio::test]
async fn settings_of_the_database_change_nothing() {
    let stage = Stage::new().await;
    let name: String = stage.value("SELECT current_database()").await;
    for setting in [
        "default_transaction_isolation = 'serializable'",
        "search_path = ''",
        "timezone = 'Asia/Kathmandu'",
        "datestyle = 'German'",
        "intervalstyle = 'sql_standard'",
        "bytea_output = 'escape'",
        "standard_conforming_strings = off",
        "lock_timeout = '5s'",
        "idle_in_transaction_session_timeout = '5s'",
    ] {
        stage.execute(&format!("ALTER DATABASE {name} SET {setting}")).await;
    }
    let workpool = stage.another_process().await;
    let _worker = stage.worker_of(&workpool).start().await.unwrap();
    let texts = (0..200).map(|n| n.to_string());
    let ids = echo::enqueue_batch(&workpool, texts).await.unwrap();
    for (n, id) in ids.into_iter().enumerate() {
        assert_eq!(workpool.result(id).await.unwrap(), n.to_string());
    }
    workpool.pool("echo").pause().await.unwrap();
    workpool.pool("echo").cancel_all().run().await.unwrap();
}

#[tokio::test]
async fn every_statement_prepares_against_the_migrated_schema() {
    let database = setup::database().await;
    let mut conn = database.workpool().db().acquire().await.unwrap();
    let mut faults = Vec::new();
    for (name, sql) in workpool::testing::statements(database.workpool()) {
        if let Err(error) = conn.prepare(sql).await {
            faults.push(format!("{name}: {error}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn every_table_and_column_is_commented() {
    let stage = Stage::new().await;
    let bare: Vec<(String, String)> = stage
        .rows(
            "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'workpool'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
                AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL",
        )
        .await;
    assert!(bare.is_empty(), "{bare:?}");
}

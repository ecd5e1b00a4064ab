//! Migrating, and schemas of other versions.

use workpool_tests::Stage;

use crate::program::{alone, run, workpool};

#[tokio::test]
async fn an_empty_database_is_refused_with_the_next_step_and_then_migrated() {
    let stage = Stage::new().await;
    let url = stage.url();
    let other = "--schema other";
    let refused = workpool(url, &format!("pools {other}")).await;
    refused.ended(1, "has version 0");
    assert!(refused.err.contains("workpool migrate"), "{refused:?}");
    let dry = workpool(url, &format!("migrate --dry-run {other}")).await;
    assert_eq!(dry.done(), "to apply:\n1 core\n");
    workpool(url, &format!("pools {other}")).await.ended(1, "has version 0");
    let done = workpool(url, &format!("migrate {other}")).await;
    assert_eq!(done.done(), "schema `other` is up to date; applied:\n1 core\n");
    let again = workpool(url, &format!("migrate {other} --json")).await;
    assert_eq!(again.json(), serde_json::json!([]));
    assert_eq!(workpool(url, &format!("pools {other} --json")).await.json(), serde_json::json!([]));
}

#[tokio::test]
async fn the_printed_statements_are_all_that_it_takes() {
    let stage = Stage::new().await;
    let script = workpool(stage.url(), "migrate --print-sql --schema by_hand").await;
    stage.execute(script.done()).await;
    workpool(stage.url(), "pools --schema by_hand").await.done();
    let nothing = workpool(stage.url(), "migrate --print-sql --schema by_hand").await;
    assert_eq!(nothing.done(), "\n");
    let without_database = run(alone(&["migrate", "--print-sql", "--schema", "by_hand"]));
    assert_eq!(without_database.done(), script.out);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let stage = Stage::new().await;
    stage.execute("INSERT INTO workpool.migrations VALUES (999, 'later')").await;
    for command in ["status", "migrate", "migrate --dry-run", "pause echo"] {
        let refused = workpool(stage.url(), command).await;
        refused.ended(1, "has version 999");
        assert!(refused.err.contains("use a newer `workpool`"), "{refused:?}");
    }
}

#[test]
fn arguments_that_make_no_sense_end_with_two() {
    run(alone(&[])).ended(2, "Usage: workpool");
    run(alone(&["frobnicate"])).ended(2, "unrecognized subcommand");
    run(alone(&["show", "7"])).ended(2, "invalid value '7'");
    run(alone(&["work", "--state", "odd"])).ended(2, "none of due, scheduled");
    run(alone(&["pools"])).ended(2, "DATABASE_URL");
    run(alone(&["pools", "--database-url", "nonsense"])).ended(1, "postgres://user@host/name");
    run(alone(&["pools", "--database-url", "postgres://x@127.0.0.1:1/x"])).ended(1, "server is up");
}

#[test]
fn the_help_says_how_commands_end_and_shells_get_completions() {
    let help = run(alone(&["--help"]));
    assert!(help.done().contains("4  the doctor found a problem"), "{help:?}");
    for shell in ["bash", "zsh", "fish"] {
        let completions = run(alone(&["completions", shell]));
        assert!(completions.done().contains("run-now"), "{shell}");
    }
}

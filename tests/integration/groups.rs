//! Bodies that share a transaction: same ends, same order, same limit as if each had its own.

mod joining;

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::Connection;
use workpool::{
    Completion, Failure, FailureKind, MutationCtx, Outcome, OutcomeKind, WorkId, mutation,
    on_complete,
};
use workpool_tests::{Gates, Stage, Witness, eventually};

use crate::functions::{echo, end_of, outcome, write};

/// What a body does after it has written its name.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
enum Then {
    Ends,
    Waits,
    Fails,
    Panics,
    /// Hides the error of a broken statement.
    Hides,
    /// The same, and goes on in a transaction inside of its own.
    BeginsAnew,
    /// Breaks a constraint that is looked at with the commit.
    Defers,
    /// Hides that a pool is unknown into which it enqueues.
    Forgets,
    /// Kills its connection the first time.
    Breaks,
    /// Takes longer than company allows.
    Dawdles,
    /// The same, in the database.
    Queries,
    Enqueues,
    /// Has the first of its group taken away, as recovery does, the first time.
    Robs,
}

/// Waits at the gate `first` unless it is told to do something else.
#[mutation(pool = "ledger", grouped)]
async fn entry(ctx: &mut MutationCtx<'_>, name: String, then: Then) -> anyhow::Result<String> {
    let (witness, gates) = (ctx.state::<Witness>().clone(), ctx.state::<Gates>().clone());
    let _inside = witness.enter("ledger");
    witness.saw(&name);
    write(ctx, &name).await?;
    match then {
        Then::Waits => gates.pass(&name).await,
        Then::Fails => anyhow::bail!("told to fail"),
        Then::Panics => panic!("told to panic"),
        Then::Hides => drop(sqlx::query("SELECT 1 / 0").execute(ctx.db()).await),
        Then::BeginsAnew => {
            drop(sqlx::query("SELECT 1 / 0").execute(ctx.db()).await);
            drop(ctx.db().begin().await);
            ctx.db().begin().await?.commit().await?;
        }
        Then::Defers => {
            sqlx::query("INSERT INTO deferred VALUES (1), (1)").execute(ctx.db()).await?;
        }
        Then::Forgets => {
            echo::enqueue(ctx, name.clone()).await?;
            echo::enqueue(ctx, name.clone()).pool("a_pool_that_is_gone").await?;
            drop(ctx.cancel(WorkId::<()>::new()).await);
        }
        Then::Breaks if witness.count(&name) == 1 => {
            sqlx::query("SELECT pg_terminate_backend(pg_backend_pid())").execute(ctx.db()).await?;
        }
        Then::Robs if witness.count(&name) == 1 => {
            let rob = "UPDATE workpool.work SET worker = NULL WHERE worker IS NOT NULL";
            sqlx::query(rob).execute(ctx.workpool().db()).await?;
        }
        Then::Ends | Then::Breaks | Then::Robs => {}
        Then::Dawdles => tokio::time::sleep(Duration::from_millis(400)).await,
        Then::Queries => {
            sqlx::query("SELECT pg_sleep(0.4)").execute(ctx.db()).await?;
        }
        Then::Enqueues => drop(echo::enqueue(ctx, name.clone()).await?),
    }
    Ok(name)
}

/// The same work, with a transaction of its own.
#[mutation(pool = "ledger")]
async fn apart(ctx: &mut MutationCtx<'_>, name: String) -> sqlx::Result<()> {
    write(ctx, &name).await
}

#[on_complete(context = String, grouped)]
async fn counted(
    ctx: &mut MutationCtx<'_>,
    done: Completion<String, String>,
) -> anyhow::Result<()> {
    let told = matches!(done.outcome, Outcome::Success(_));
    // A row shows its savepoint, not its transaction.
    let transaction: i64 = sqlx::query_scalar("SELECT txid_current()").fetch_one(ctx.db()).await?;
    ctx.state::<Witness>().saw(format!("transaction {transaction}"));
    write(ctx, &format!("{} {told}", done.context)).await?;
    anyhow::ensure!(done.context != "fails" || ctx.attempt() > 1, "told to fail");
    Ok(())
}

const FIRST: &str = "first";

async fn add(stage: &Stage, name: &str, then: Then) -> WorkId<String> {
    let args = EntryArgs { name: name.into(), then };
    entry::enqueue(stage.workpool(), args).await.unwrap()
}

/// A queue in a pool of one, behind an item that waits until all of it is there.
async fn queue(stage: &Stage, names: &[(&str, Then)]) -> Vec<WorkId<String>> {
    stage.workpool().pool("ledger").set_max_parallelism(1).await.unwrap();
    let mut ids = vec![add(stage, FIRST, Then::Waits).await];
    for (name, then) in names {
        ids.push(add(stage, name, *then).await);
    }
    ids
}

/// Works the queue off.
async fn work_off(stage: &Stage, ids: &[WorkId<String>]) {
    let worker = stage.start().await;
    stage.gates.arrived(FIRST, 1).await;
    stage.gates.open(FIRST);
    for id in ids {
        eventually("it ends", async || outcome(stage, *id).await.is_some()).await;
    }
    worker.shutdown().await;
}

fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n:03}")).collect()
}

/// All of them do the same.
fn all(names: &[String], then: Then) -> Vec<(&str, Then)> {
    names.iter().map(|name| (&**name, then)).collect()
}

/// All of them end but for one.
fn all_but<'a>(names: &'a [String], odd: &str, then: Then) -> Vec<(&'a str, Then)> {
    let of = |name: &str| if name == odd { then } else { Then::Ends };
    names.iter().map(|name| (&**name, of(name))).collect()
}

/// How many items ended in the transaction in which this one did.
async fn company<T>(stage: &Stage, id: WorkId<T>) -> i64 {
    let same = format!(
        "SELECT count(*) FROM workpool.finished
        WHERE xmin = (SELECT xmin FROM workpool.finished WHERE id = '{id}')"
    );
    stage.value(&same).await
}

async fn transactions(stage: &Stage) -> i64 {
    stage.value("SELECT count(DISTINCT xmin::text) FROM workpool.finished").await
}

#[tokio::test]
async fn what_waits_in_a_full_pool_shares_transactions_in_order_one_at_a_time() {
    let stage = Stage::new().await;
    let names = many(200);
    let ids = queue(&stage, &all(&names, Then::Ends)).await;
    work_off(&stage, &ids).await;
    let notes = stage.notes().await;
    assert_eq!(notes[0], FIRST);
    assert_eq!(notes[1..], names, "in order, each once");
    assert_eq!(stage.witness.most_at_once("ledger"), 1, "one at a time");
    for (id, name) in ids[1..].iter().zip(&names) {
        assert_eq!(stage.workpool().result(*id).await.unwrap(), *name);
    }
    let transactions = transactions(&stage).await;
    assert!(transactions < 150, "201 items had {transactions} transactions");
}

#[tokio::test]
async fn whoever_fails_in_company_fails_as_it_would_alone_and_harms_nobody() {
    for (then, kind) in [
        (Then::Fails, FailureKind::Error),
        (Then::Panics, FailureKind::Panic),
        (Then::Hides, FailureKind::Error),
        (Then::BeginsAnew, FailureKind::Invalid),
        (Then::Defers, FailureKind::Error),
        (Then::Forgets, FailureKind::Error),
    ] {
        let stage = Stage::new().await;
        stage.execute("CREATE TABLE deferred (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)").await;
        let (before, after) = (many(20), many(40));
        let mut items = all(&before, Then::Ends);
        items.push(("bad", then));
        items.extend(all(&after[20..], Then::Ends));
        let ids = queue(&stage, &items).await;
        work_off(&stage, &ids).await;
        let end = end_of(&stage, ids[21]).await;
        assert_eq!((end.outcome, end.attempts), (OutcomeKind::Failed, 1), "{then:?}");
        assert_eq!(end.failures.iter().map(Failure::kind).collect::<Vec<_>>(), [kind]);
        let notes = stage.notes().await;
        assert_eq!(notes[1..], after, "{then:?}: the others in order, each once");
        assert!(stage.witness.count("bad") > 0);
    }
}

#[tokio::test]
async fn a_group_that_loses_its_connection_or_its_patience_is_run_again() {
    for then in [Then::Breaks, Then::Dawdles] {
        let stage = Stage::new().await;
        let names = many(20);
        let ids = queue(&stage, &all_but(&names, "007", then)).await;
        work_off(&stage, &ids).await;
        assert_eq!(stage.notes().await[1..], names, "{then:?}");
        for id in &ids[1..] {
            assert_eq!(end_of(&stage, *id).await.attempts, 1, "{then:?}: no attempt is used");
        }
    }
}

#[tokio::test]
async fn after_a_group_was_undone_its_pool_has_no_company_for_a_while() {
    // On a machine that is slow just then, there may be no company.
    for _ in 0..10 {
        let stage = Stage::new().await;
        let names = many(8);
        let ids = queue(&stage, &all_but(&names, "006", Then::Panics)).await;
        work_off(&stage, &ids).await;
        // Once with the one that undoes the group, and once alone: not again with each before it.
        let entered: Vec<_> = names.iter().map(|name| stage.witness.count(name)).collect();
        assert!(entered.iter().all(|times| *times <= 2), "{entered:?}");
        if entered[6] == 2 {
            return;
        }
    }
    panic!("it never had company");
}

#[tokio::test]
async fn a_member_that_takes_too_long_is_cut_off_and_runs_alone() {
    // On a machine that is slow just then, there may be no company.
    for _ in 0..10 {
        let stage = Stage::new().await;
        let ids = queue(&stage, &[("a", Then::Ends), ("slow", Then::Dawdles)]).await;
        work_off(&stage, &ids).await;
        assert_eq!(stage.notes().await[1..], ["a", "slow"]);
        if stage.witness.count("slow") == 2 {
            return;
        }
    }
    panic!("it was never cut off");
}

#[tokio::test]
async fn a_statement_of_a_member_that_takes_too_long_is_undone_without_the_others() {
    // On a machine that is slow just then, there may be no company.
    for _ in 0..10 {
        let stage = Stage::new().await;
        let ids = queue(&stage, &[("slow", Then::Queries)]).await;
        work_off(&stage, &ids).await;
        assert_eq!(stage.notes().await, [FIRST, "slow"]);
        if stage.witness.count("slow") == 2 {
            assert_eq!(stage.witness.count(FIRST), 1, "it was not undone");
            return;
        }
    }
    panic!("it never had company");
}

#[tokio::test]
async fn what_was_tried_before_has_no_company() {
    let stage = Stage::new().await;
    let names = many(20);
    let ids = queue(&stage, &all(&names, Then::Ends)).await;
    // As after the death of a process, which each of these may have caused.
    let tried = "UPDATE workpool.work SET fence = 1, attempt = 1
        WHERE right(args->>'name', 1) IN ('1', '3', '5', '7', '9')";
    stage.execute(tried).await;
    work_off(&stage, &ids).await;
    assert_eq!(stage.notes().await[1..], names, "in order, each once");
    for id in ids[1..].iter().skip(1).step_by(2) {
        assert_eq!(company(&stage, *id).await, 1);
    }
}

#[tokio::test]
async fn a_group_whose_first_was_taken_over_leaves_nothing_and_is_run_again() {
    let stage = Stage::new().await;
    let names = many(20);
    let ids = queue(&stage, &all_but(&names, "010", Then::Robs)).await;
    work_off(&stage, &ids).await;
    let mut notes = stage.notes().await;
    notes.sort();
    assert_eq!(notes[..20], names, "each once");
    assert!(stage.witness.count("011") > 0 && stage.witness.count("010") > 1);
}

#[tokio::test]
async fn what_a_member_enqueues_is_there_when_it_has_ended() {
    let stage = Stage::new().await;
    let names = many(20);
    let ids = queue(&stage, &all(&names, Then::Enqueues)).await;
    work_off(&stage, &ids).await;
    stage.drain().await.assert_nothing_left();
    for name in &names {
        assert_eq!(stage.witness.count(name), 2, "the entry and its echo");
    }
}

#[tokio::test]
async fn a_function_that_is_not_grouped_keeps_its_place_and_its_own_transaction() {
    let stage = Stage::new().await;
    let mut ids = queue(&stage, &[("a", Then::Ends), ("b", Then::Ends)]).await;
    let between = apart::enqueue(stage.workpool(), "apart".into()).await.unwrap();
    ids.push(add(&stage, "c", Then::Ends).await);
    work_off(&stage, &ids).await;
    assert_eq!(stage.notes().await[1..], ["a", "b", "apart", "c"]);
    assert_eq!(company(&stage, between).await, 1);
}

#[tokio::test]
async fn somebody_who_has_an_item_locked_does_not_stop_the_group() {
    let stage = Stage::new().await;
    let ids = queue(&stage, &[("a", Then::Ends), ("b", Then::Ends), ("c", Then::Ends)]).await;
    let mut tx = stage.workpool().db().begin().await.unwrap();
    stage.workpool().within(&mut tx).cancel(ids[2]).await.unwrap();
    work_off(&stage, &[ids[0], ids[1], ids[3]]).await;
    tx.commit().await.unwrap();
    assert_eq!(stage.notes().await[1..], ["a", "c"]);
    assert_eq!(end_of(&stage, ids[2]).await.outcome, OutcomeKind::Canceled);
}

#[tokio::test]
async fn callbacks_that_are_due_together_share_transactions_and_each_takes_effect_once() {
    let stage = Stage::new().await;
    let names = many(120);
    for name in &names {
        let context = if name == "050" { "fails" } else { &**name };
        echo::enqueue(stage.workpool(), name.clone())
            .on_complete::<counted>(context.to_owned())
            .await
            .unwrap();
    }
    let worker = stage.start().await;
    let mut notes = stage.noted(names.len()).await;
    worker.shutdown().await;
    notes.sort();
    let told =
        names.iter().map(|name| format!("{} true", if name == "050" { "fails" } else { name }));
    let mut told: Vec<_> = told.collect();
    told.sort();
    assert_eq!(notes, told, "each once");
    let transactions: BTreeSet<_> = stage.witness.seen().into_iter().collect();
    let transactions = transactions.iter().filter(|seen| seen.starts_with("transaction")).count();
    assert!(transactions < 100, "120 callbacks had {transactions} transactions");
}

#[tokio::test]
async fn of_many_callbacks_that_were_tried_before_a_worker_takes_no_more_than_it_may_have_in_hand()
{
    const MANY: &str = "INSERT INTO workpool.callbacks
            (id, pool, work_function, callback, context, outcome, attempts, result, run_at, attempt, fence)
        SELECT gen_random_uuid(), 'ledger', 'entry', 'integration::groups::counted', to_json(n::text), 0, 1, '\"x\"', 'epoch', 1, 1
        FROM generate_series(1, 2000) n";
    const COUNTS: [&str; 3] = [
        "CREATE TABLE in_hand (callbacks bigint)",
        "CREATE FUNCTION count_in_hand() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO in_hand SELECT count(*) FROM workpool.callbacks WHERE worker IS NOT NULL;
            RETURN NULL;
        END $$",
        "CREATE TRIGGER in_hand AFTER UPDATE ON workpool.callbacks
            FOR EACH STATEMENT EXECUTE FUNCTION count_in_hand()",
    ];
    let stage = Stage::new().await;
    for statement in COUNTS.into_iter().chain([MANY]) {
        stage.execute(statement).await;
    }
    let worker = stage.start().await;
    eventually("all of them have run", async || {
        stage.value::<i64>("SELECT count(*) FROM workpool.callbacks").await == 0
    })
    .await;
    worker.shutdown().await;
    let most: i64 = stage.value("SELECT max(callbacks) FROM in_hand").await;
    assert!(most <= 1000, "{most}");
}

//! Answers that are lost: what the server did, and what the client cannot know.

use std::time::Duration;

use tokio::time::timeout;
use workpool::{Cancel, WorkId, sqlx};

use crate::audit::{self, Enqueued, Kind};
use crate::functions::{How, Task, once};
use crate::line::{BEGIN, Line, MENDED};
use crate::load::{enqueue_one, enqueue_plain, one};
use crate::world::{eventually, within};
use workpool_tests::{Fault, Loses};

const ENDS: &str = "workpool ends";
const BODIES: &str = "workpool mutations";
const CALLBACKS: &str = "workpool callbacks";

#[tokio::test]
async fn nothing_is_entered_from_a_claim_whose_answer_was_lost_and_it_does_not_count() {
    for kind in [Kind::Once, Kind::Again, Kind::Book] {
        let line = Line::new().await;
        let worker = line.worker().await;
        line.proxy.arm(line.loses(Loses::Answer, "claim_pool").with_rows());
        let item = enqueue_one(line.world.workpool(), kind, How::Takes(1)).await;
        line.mended(&[item]).await;
        assert_eq!(line.attempts(&item), [1], "{kind:?}");
        worker.shutdown().await;
        audit::nobody_is_left(&line.world).await;
    }
}

#[tokio::test]
async fn ends_that_were_written_with_a_claim_without_an_answer_are_neither_lost_nor_doubled() {
    for loses in [Loses::Answer, Loses::Statement] {
        let line = Line::new().await;
        line.world.limit(2).await;
        let mut queue = Vec::new();
        for kind in [Kind::Once, Kind::Again].into_iter().cycle().take(20) {
            queue.push(enqueue_plain(line.world.workpool(), kind, How::Takes(1)).await);
        }
        line.proxy.arm(line.loses(loses, "turn").with_rows());
        let worker = line.worker().await;
        line.mended(&queue).await;
        worker.shutdown().await;
        audit::nobody_is_left(&line.world).await;
    }
}

#[tokio::test]
async fn an_enqueue_whose_answer_was_lost_is_stored_once_and_says_so() {
    let line = Line::new().await;
    for loses in [Loses::Answer, Loses::Statement] {
        let before = line.proxy.hits();
        line.proxy.arm(line.loses(loses, "enqueue"));
        let item = enqueue_one(&line.far, Kind::Once, How::Takes(1)).await;
        assert_eq!(line.proxy.hits(), before + 1, "{loses:?}");
        let stored = "SELECT count(*) FROM workpool.work";
        assert_eq!(line.world.count(stored).await, i64::try_from(before + 1).unwrap());
        let id = WorkId::<u32>::from_uuid(item.id);
        assert_eq!(line.world.workpool().cancel(id).await.unwrap(), Cancel::Canceled);
        enqueue_one(&line.far, Kind::Once, How::Takes(1)).await;
    }
}

#[tokio::test]
async fn a_batch_whose_commit_got_no_answer_is_stored_once_as_a_whole() {
    for loses in [Loses::Answer, Loses::Statement] {
        let line = Line::new().await;
        line.proxy.arm(Fault::new(loses, "COMMIT"));
        let tasks = [Task { how: How::Takes(1), fails: 0 }; 3];
        let ids = once::enqueue_batch(&line.far, tasks).await.unwrap();
        assert_eq!((ids.len(), line.proxy.hits()), (3, 1), "{loses:?}");
        assert_eq!(line.world.count("SELECT count(*) FROM workpool.work").await, 3);
    }
}

#[tokio::test]
async fn a_mutation_whose_commit_got_no_answer_is_applied_once_and_so_is_its_callback() {
    let line = Line::new().await;
    let worker = line.worker().await;
    line.proxy.arm(Fault::new(Loses::Answer, "COMMIT").of(BODIES));
    let item = enqueue_one(line.world.workpool(), Kind::Book, How::Takes(1)).await;
    line.mended(&[item]).await;
    assert_eq!(line.attempts(&item), [1], "it was committed, so it is not run again");
    worker.shutdown().await;
    audit::nobody_is_left(&line.world).await;
}

#[tokio::test]
async fn a_mutation_whose_commit_never_arrived_is_run_again_under_the_same_attempt() {
    let line = Line::new().await;
    let worker = line.worker().await;
    line.proxy.arm(Fault::new(Loses::Statement, "COMMIT").of(BODIES));
    let item = enqueue_one(line.world.workpool(), Kind::Book, How::Takes(1)).await;
    line.mended(&[item]).await;
    assert_eq!(line.attempts(&item), [1, 1]);
    worker.shutdown().await;
}

#[tokio::test]
async fn a_callback_whose_commit_got_no_answer_takes_effect_once() {
    for loses in [Loses::Answer, Loses::Statement] {
        let line = Line::new().await;
        let worker = line.worker().await;
        line.proxy.arm(Fault::new(loses, "COMMIT").of(CALLBACKS));
        let item = enqueue_one(line.world.workpool(), Kind::Book, How::Takes(1)).await;
        line.mended(&[item]).await;
        worker.shutdown().await;
    }
}

#[tokio::test]
async fn callbacks_are_run_although_the_next_claim_of_callbacks_fails() {
    let line = Line::new().await;
    let workpool = line.world.workpool();
    workpool.pool("mixed").pause().await.unwrap();
    let worker = line.worker().await;
    // What shares transactions is claimed first, and what does not, in a second statement.
    line.proxy.arm(line.loses(Loses::Time, "claim_callbacks"));
    let item = enqueue_one(workpool, Kind::Once, How::Takes(1)).await;
    workpool.cancel(WorkId::<u32>::from_uuid(item.id)).await.unwrap();
    line.struck().await;
    line.proxy.arm(line.loses(Loses::Statement, "claim_callbacks"));
    line.proxy.let_go();
    eventually("the second is lost", async || line.proxy.hits() == 2).await;
    line.world.quiet(MENDED).await;
    assert_eq!(line.world.count("SELECT count(*) FROM callback_ledger").await, 1);
    worker.shutdown().await;
}

#[tokio::test]
async fn the_end_of_an_action_whose_answer_was_lost_is_written_once_and_called_back_soon() {
    for loses in [Loses::Answer, Loses::Statement] {
        let line = Line::new().await;
        let worker = line.worker().await;
        line.proxy.arm(line.loses(loses, "succeed_and_call").of(ENDS));
        let item = enqueue_one(line.world.workpool(), Kind::Once, How::Takes(1)).await;
        line.mended(&[item]).await;
        assert_eq!(line.attempts(&item), [1], "{loses:?}");
        worker.shutdown().await;
        audit::nobody_is_left(&line.world).await;
    }
}

#[tokio::test]
async fn a_retry_whose_answer_was_lost_is_one_retry() {
    for loses in [Loses::Answer, Loses::Statement] {
        let line = Line::new().await;
        let worker = line.worker().await;
        line.proxy.arm(line.loses(loses, "retry").of(ENDS));
        let id = WorkId::new();
        let task = Task { how: How::Takes(1), fails: 1 };
        one(line.world.workpool(), Kind::Again, id, task).await;
        let item = Enqueued { id: id.uuid(), kind: Kind::Again, fails: 1 };
        line.mended(&[item]).await;
        assert_eq!(line.attempts(&item), [1, 2], "{loses:?}");
        worker.shutdown().await;
    }
}

#[tokio::test]
async fn callbacks_whose_claim_got_no_answer_are_run_soon_all_the_same() {
    let line = Line::new().await;
    line.world.workpool().pool("mixed").pause().await.unwrap();
    let worker = line.worker().await;
    let item = enqueue_one(line.world.workpool(), Kind::Once, How::Takes(1)).await;
    line.proxy.arm(line.loses(Loses::Answer, "claim_callbacks").with_rows());
    let id = WorkId::<u32>::from_uuid(item.id);
    assert_eq!(line.world.workpool().cancel(id).await.unwrap(), Cancel::Canceled);
    line.struck().await;
    within(MENDED, "the callback has run", async || {
        line.world.count("SELECT count(*) FROM callback_ledger WHERE outcome = 'canceled'").await
            == 1
    })
    .await;
    line.world.quiet(MENDED).await;
    worker.shutdown().await;
    assert_eq!(line.world.count("SELECT count(*) FROM callback_ledger").await, 1);
}

#[tokio::test]
async fn a_callback_that_the_server_claims_after_the_claim_was_given_up_is_run_all_the_same() {
    let line = Line::new().await;
    let workpool = line.world.workpool();
    workpool.pool("mixed").pause().await.unwrap();
    let worker = line.worker().await;
    // A claim gets no answer; the worker has looked for what it may have claimed, and goes on.
    line.proxy.arm(line.loses(Loses::Statement, "claim_callbacks"));
    let item = enqueue_one(workpool, Kind::Once, How::Takes(1)).await;
    workpool.cancel(WorkId::<u32>::from_uuid(item.id)).await.unwrap();
    line.struck().await;
    line.world.quiet(MENDED).await;
    // Only then does the server run it.
    let item = enqueue_one(workpool, Kind::Once, How::Takes(1)).await;
    let mut tx = workpool.db().begin().await.unwrap();
    workpool.within(&mut tx).cancel(WorkId::<u32>::from_uuid(item.id)).await.unwrap();
    let claim = "UPDATE workpool.callbacks SET worker = $1, attempt = 1, fence = 1";
    sqlx::query(claim).bind(worker.id()).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    // It looks again after two seconds, and each minute in case this test was slower than that.
    line.world.quiet(Duration::from_secs(90)).await;
    assert_eq!(line.world.count("SELECT count(*) FROM callback_ledger").await, 2);
    worker.shutdown().await;
}

/// Every statement that a worker sends while it works, lost before and after, in the middle of
/// mixed work: whatever is lost, everything ends as it should, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_statement_or_answer_is_lost_all_work_ends_once() {
    const NAMES: [&str; 22] = [
        "succeed",
        "succeed_and_call",
        "turn",
        "next_turn",
        "claim",
        "claim_pool",
        "finish",
        "retry",
        "lock_pools",
        "lock_own",
        "take",
        "sync",
        "due",
        "claim_callbacks",
        "next_callback",
        "finish_callbacks",
        "renew",
        "leases",
        "bury",
        "orphans",
        "prune",
        "add_stats",
    ];
    const PLAIN: [&str; 2] = ["COMMIT", BEGIN];
    let line = Line::new().await;
    let worker = line.worker().await;
    let statements = NAMES.map(|name| (name, line.sql(name)));
    let all = statements.into_iter().chain(PLAIN.map(|text| (text, text.to_owned())));
    let (mut items, mut missed) = (Vec::new(), Vec::new());
    for (name, sql) in all {
        for loses in [Loses::Statement, Loses::Answer] {
            let before = line.proxy.hits();
            line.proxy.arm(Fault::new(loses, sql.clone()));
            // Slots have to be taken anew.
            line.world.limit(2 + u32::from(loses == Loses::Answer)).await;
            items.extend(line.mixture().await);
            let struck = async || line.proxy.hits() > before;
            // Some are sent only now and then, and some perhaps not at all.
            let _ = timeout(Duration::from_millis(800), eventually("it strikes", struck)).await;
            line.world.quiet(MENDED).await;
            if line.proxy.disarm() {
                missed.push((name, loses));
            }
        }
    }
    worker.shutdown().await;
    println!("struck {} times; not sent meanwhile: {missed:?}", line.proxy.hits());
    let findings = audit::check(&line.world, &items).await;
    assert_eq!(findings.lost, 0);
    assert!(line.proxy.hits() >= 28, "too little was lost to show anything");
    audit::nobody_is_left(&line.world).await;
}

/// Mutations that wait in a pool of one, and so share transactions.
async fn queue_of_books(line: &Line) -> Vec<Enqueued> {
    line.world.limit(1).await;
    more_books(line).await
}

async fn more_books(line: &Line) -> Vec<Enqueued> {
    let mut queue = Vec::new();
    for _ in 0..20 {
        queue.push(enqueue_plain(line.world.workpool(), Kind::Book, How::Takes(0)).await);
    }
    queue
}

/// Until a fault has struck what only a group sends. Bodies that are slow, as they all are on a
/// machine that is busy, have no company; so more of them may be needed than wait.
async fn until_grouped(line: &Line, queue: &mut Vec<Enqueued>) {
    for _ in 0..20 {
        if timeout(Duration::from_secs(3), line.struck()).await.is_ok() {
            return;
        }
        queue.extend(more_books(line).await);
    }
    panic!("each had a transaction of its own");
}

#[tokio::test]
async fn a_group_whose_commit_got_no_answer_is_applied_once_as_a_whole() {
    let line = Line::new().await;
    let mut queue = queue_of_books(&line).await;
    // The next commit is that of a group.
    line.proxy.arm(line.loses(Loses::Time, "succeed_group"));
    let worker = line.worker().await;
    until_grouped(&line, &mut queue).await;
    line.proxy.arm(Fault::new(Loses::Answer, "COMMIT").of(BODIES));
    line.proxy.let_go();
    line.mended(&queue).await;
    assert_eq!(line.proxy.hits(), 2, "its answer was lost");
    for item in &queue {
        assert_eq!(line.attempts(item), [1], "it was committed, so it is not run again");
    }
    worker.shutdown().await;
    audit::nobody_is_left(&line.world).await;
}

#[tokio::test]
async fn a_group_whose_end_never_arrived_is_run_again_under_the_same_attempts() {
    for loses in [Loses::Statement, Loses::Answer] {
        let line = Line::new().await;
        let mut queue = queue_of_books(&line).await;
        line.proxy.arm(line.loses(loses, "succeed_group"));
        let worker = line.worker().await;
        until_grouped(&line, &mut queue).await;
        line.mended(&queue).await;
        let entered: Vec<_> = queue.iter().map(|item| line.attempts(item)).collect();
        assert!(entered.iter().flatten().all(|attempt| *attempt == 1), "{entered:?}");
        let again = entered.iter().filter(|of_one| of_one.len() == 2).count();
        assert!(again > 1, "the first and others: {entered:?}");
        worker.shutdown().await;
        audit::nobody_is_left(&line.world).await;
    }
}

#[tokio::test]
async fn a_group_whose_first_item_was_taken_over_leaves_nothing() {
    let line = Line::new().await;
    let mut queue = queue_of_books(&line).await;
    // Its end is on its way when the lease is over: others have recovered the first by then.
    line.proxy.arm(line.loses(Loses::Time, "join"));
    let late = line.worker_with(Duration::from_millis(600)).await;
    until_grouped(&line, &mut queue).await;
    line.proxy.mute("workpool heartbeat");
    let other = line.world.worker_here().start().await.unwrap();
    within(MENDED, "the other one takes over", async || {
        line.world.count("SELECT count(*) FROM workpool.finished").await > 0
    })
    .await;
    line.proxy.let_go();
    line.mended(&queue).await;
    drop(late);
    other.shutdown().await;
}

//! Turns of many ends, which one connection writes while another claims: nobody sees more run than the
//! limit, and whichever of the two is lost, all work ends once.

use std::time::Duration;

use workpool::{WorkId, Worker};
use workpool_tests::{Fault, Loses};

use super::POOL;
use crate::audit::{self, Enqueued, Kind};
use crate::functions::{How, Task};
use crate::line::{Line, MENDED};
use crate::load::{one, plain_id};
use crate::world::eventually;

const LIMIT: u32 = 100;
const ENDED: &str = "SELECT count(*) FROM workpool.finished";
const RUNNING: &str = "SELECT count(*) FROM workpool.work WHERE worker IS NOT NULL";

/// How such a claim is committed: the first of them while it measures how far the server is.
const COMMITS: [&str; 2] = ["COMMIT", "COMMIT AND CHAIN"];

/// The statements that write ends beside a claim: with the second, every other item calls back.
const ENDS: [&str; 2] = ["succeed", "succeed_and_call"];

/// A worker before many short items, which it may not begin yet. They are such as this statement ends.
async fn queue(line: &Line, ends: &str) -> (Vec<Enqueued>, Worker) {
    line.world.limit(LIMIT).await;
    line.world.workpool().pool(POOL).pause().await.unwrap();
    let (workpool, calls) = (line.world.workpool(), ends == ENDS[1]);
    let (mut tx, mut queue) = (workpool.db().begin().await.unwrap(), Vec::new());
    let within = workpool.within(&mut tx);
    for kind in [Kind::Once, Kind::Again].into_iter().cycle().take(4000) {
        let id = if calls && kind == Kind::Again { WorkId::new() } else { plain_id() };
        one(&within, kind, id, Task { how: How::Takes(0), fails: 0 }).await;
        queue.push(Enqueued::new(id.uuid(), kind));
    }
    drop(within);
    tx.commit().await.unwrap();
    (queue, line.worker().await)
}

/// So many have ended when the claims of turns of many ends begin the transaction of the next.
const LATER: i64 = 1200;

/// Lets it begin, and waits until more than so many have ended.
async fn resume(line: &Line, ended: i64) {
    line.world.workpool().pool(POOL).resume().await.unwrap();
    eventually("some have ended", async || line.world.count(ENDED).await > ended).await;
}

const IN_TRANSACTION: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'workpool' AND state = 'idle in transaction'";

/// Whether a claim has been made and is not committed, once nothing ends any more: a turn that goes by
/// is in a transaction too.
async fn a_claim_waits(line: &Line) -> bool {
    line.struck().await;
    eventually("nothing ends any more", async || {
        let ended = line.world.count(ENDED).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        line.world.count(ENDED).await == ended
    })
    .await;
    line.world.count(IN_TRANSACTION).await > 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_claimed_before_the_ends_are_known_to_be_written() {
    for ends in ENDS {
        let mut waited = false;
        // It may strike what the completer writes, which no claim waits for.
        for _ in 0..5 {
            let line = Line::new().await;
            let (queue, worker) = queue(&line, ends).await;
            resume(&line, LATER).await;
            line.proxy.arm(line.loses(Loses::Time, ends).of("workpool ends"));
            waited = a_claim_waits(&line).await;
            let running = line.world.count(RUNNING).await;
            line.proxy.let_go();
            assert!(
                !waited || running <= i64::from(LIMIT) - 64,
                "{running} run beside 64 that end"
            );
            line.world.quiet(MENDED).await;
            assert_eq!(audit::check(&line.world, &queue).await.succeeded, queue.len());
            worker.shutdown().await;
            audit::nobody_is_left(&line.world).await;
            if waited {
                break;
            }
        }
        assert!(waited, "no claim has waited for {ends}");
    }
}

/// Breaks a connection at a statement of a turn of many ends, as it is by then.
async fn lose(
    statement: &str,
    of: &'static str,
    (loses, ends): (Loses, &str),
) -> (Line, Vec<Enqueued>, Worker) {
    let line = Line::new().await;
    let (queue, worker) = queue(&line, ends).await;
    resume(&line, LATER).await;
    line.proxy.arm(line.loses(loses, statement).of(of));
    line.struck().await;
    line.world.quiet(MENDED).await;
    (line, queue, worker)
}

/// The same at the commit of a claim beside ends. On a busy machine there may be too few of them.
async fn lose_a_commit(
    commit: &str,
    (loses, ends): (Loses, &str),
) -> (Line, Vec<Enqueued>, Worker) {
    for _ in 0..5 {
        let line = Line::new().await;
        let (queue, worker) = queue(&line, ends).await;
        // Its slots are taken by then.
        resume(&line, 0).await;
        line.proxy.arm(Fault::new(loses, commit).of("workpool"));
        line.world.quiet(4 * MENDED).await;
        if !line.proxy.is_armed() {
            return (line, queue, worker);
        }
        worker.shutdown().await;
    }
    panic!("no claim was committed by {commit}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_holds_when_ends_beside_a_claim_are_lost() {
    for (loses, ends) in
        ENDS.map(|ends| (Loses::Statement, ends)).into_iter().chain([(Loses::Answer, ENDS[1])])
    {
        let (line, queue, worker) = lose(ends, "workpool ends", (loses, ends)).await;
        let found = audit::check(&line.world, &queue).await;
        assert_eq!(found.succeeded, queue.len(), "{ends}, {loses:?}");
        assert!(audit::peak(&line.world).await <= i64::from(LIMIT), "beyond the limit");
        worker.shutdown().await;
        audit::nobody_is_left(&line.world).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_is_lost_beside_ends_is_handed_back_and_the_ends_stand() {
    for how in [Loses::Answer, Loses::Statement].into_iter().zip(ENDS) {
        let [first, others] = COMMITS;
        for (line, queue, worker) in [
            lose("claim_pool", "workpool", how).await,
            lose_a_commit(first, how).await,
            lose_a_commit(others, how).await,
        ] {
            let found = audit::check(&line.world, &queue).await;
            assert_eq!((found.succeeded, found.repeated), (queue.len(), 0), "{how:?}");
            worker.shutdown().await;
            audit::nobody_is_left(&line.world).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_has_nothing_to_claim_is_in_no_transaction() {
    let lost = lose_a_commit(COMMITS[1], (Loses::Statement, ENDS[0]));
    let (line, queue, worker) = lost.await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(line.world.count(IN_TRANSACTION).await, 0);
    assert_eq!(audit::check(&line.world, &queue).await.succeeded, queue.len());
    worker.shutdown().await;
}

//! Items that an enqueue writes as claimed, into slots that an idle worker of its process lends.

use std::time::Duration;

use uuid::Uuid;
use workpool::{Worker, Workpool, sqlx};
use workpool_tests::Loses;

use super::{ALL, POOL, database};
use crate::audit::{self, Kind};
use crate::functions::{How, Task, again};
use crate::hand::Hand;
use crate::line::{Line, MENDED};
use crate::load::enqueue_plain;
use crate::world::{World, eventually, within};

/// A worker that finds nothing in time by polling.
const TOO_LATE: Duration = Duration::from_mins(5);
/// Starts beyond the limit, and steps that may not be.
const FAULTS: &str = "SELECT to_json(b)::text FROM audit_breaches b
    UNION ALL SELECT to_json(m)::text FROM audit_moves m WHERE NOT legal";

/// Enqueues an action under an id that nobody gave.
async fn enqueue(workpool: &Workpool, how: How) -> Uuid {
    again::enqueue(workpool, Task { how, fails: 0 }).await.unwrap().uuid()
}

/// Whether an item was written as claimed, whatever has become of it.
async fn was_claimed_at_once(world: &World, id: Uuid) -> bool {
    let claimed =
        "SELECT COALESCE(started_at = enqueued_at, false) FROM workpool.work WHERE id = $1
        UNION ALL SELECT started_at = enqueued_at FROM workpool.finished WHERE id = $1";
    sqlx::query_scalar(claimed).bind(id).fetch_one(world.workpool().db()).await.unwrap()
}

/// Has it done until a worker lends slots: what was enqueued when it did.
pub(super) async fn once_lent(world: &World, workpool: &Workpool) -> Vec<Uuid> {
    let mut all = Vec::new();
    eventually("slots are lent", async || {
        let id = enqueue(workpool, How::Takes(0)).await;
        all.push(id);
        was_claimed_at_once(world, id).await
    })
    .await;
    all
}

/// All of these have run once and succeeded, and nothing was seen that may not be.
async fn each_ran_once(world: &World, all: &[Uuid]) {
    world.quiet(MENDED).await;
    let notes = world.notes();
    for id in all {
        let attempts: Vec<_> = notes.entries(*id).iter().map(|entry| entry.attempt).collect();
        assert_eq!(attempts, [1], "{id}");
    }
    let ended = "SELECT count(*) FROM workpool.finished WHERE outcome = 0";
    assert_eq!(world.count(ended).await, i64::try_from(all.len()).unwrap());
    let faults: Vec<String> =
        sqlx::query_scalar(FAULTS).fetch_all(world.workpool().db()).await.unwrap();
    assert!(faults.is_empty(), "{faults:#?}");
}

async fn end(world: &World, worker: Worker) {
    worker.shutdown().await;
    audit::nobody_is_left(world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_run_than_the_limit_where_slots_are_lent() {
    let world = World::new().await;
    let worker = world.worker_here().start().await.unwrap();
    let mut all = once_lent(&world, world.workpool()).await;
    for burst in 0..100 {
        let tasks: Vec<_> = (0..burst % 7)
            .map(|n| {
                let workpool = world.workpool().clone();
                tokio::spawn(async move { enqueue(&workpool, How::Takes(n % 3)).await })
            })
            .collect();
        for task in tasks {
            all.push(task.await.unwrap());
        }
        // Else slots are lent only now and then.
        let waits = "SELECT count(*) FROM workpool.work WHERE worker IS NULL";
        eventually("all have started", async || world.count(waits).await == 0).await;
    }
    each_ran_once(&world, &all).await;
    let at_once = "SELECT count(*) FROM workpool.finished WHERE started_at = enqueued_at";
    assert!(world.count(at_once).await > 20, "{} of {}", world.count(at_once).await, all.len());
    end(&world, worker).await;
}

#[tokio::test]
async fn a_pause_that_is_not_over_holds_up_no_enqueue_and_one_that_is_stops_it() {
    let world = World::new().await;
    let worker = world.worker_here().poll_interval(TOO_LATE).start().await.unwrap();
    let mut all = once_lent(&world, world.workpool()).await;
    let mut pause = world.workpool().db().begin().await.unwrap();
    let paused = "UPDATE workpool.pools SET paused = true";
    sqlx::query(paused).execute(&mut *pause).await.unwrap();
    let waiting =
        tokio::time::timeout(Duration::from_secs(1), enqueue(world.workpool(), How::Takes(0)));
    all.push(waiting.await.expect("it waits for the pause"));
    assert!(!was_claimed_at_once(&world, all[all.len() - 1]).await);
    pause.rollback().await.unwrap();
    each_ran_once(&world, &all).await;

    all.extend(once_lent(&world, world.workpool()).await);
    // Nobody tells the worker.
    sqlx::query(paused).execute(world.workpool().db()).await.unwrap();
    all.push(enqueue(world.workpool(), How::Takes(0)).await);
    assert!(!was_claimed_at_once(&world, all[all.len() - 1]).await);
    world.workpool().pool(POOL).resume().await.unwrap();
    each_ran_once(&world, &all).await;
    end(&world, worker).await;
}

#[tokio::test]
async fn what_is_due_goes_first() {
    const DUE: &str = "INSERT INTO workpool.work (id, pool, function, kind, run_at, args)
        SELECT gen_random_uuid(), pool, function, kind, statement_timestamp(), args FROM workpool.work
        RETURNING id";
    let world = World::new().await;
    let worker = world.worker_here().poll_interval(TOO_LATE).start().await.unwrap();
    let mut all = once_lent(&world, world.workpool()).await;
    each_ran_once(&world, &all).await;
    let later = again::enqueue(world.workpool(), Task { how: How::Takes(0), fails: 0 });
    let later = later.run_after(Duration::from_hours(1)).await.unwrap().uuid();
    // Another process enqueues, and the notification is lost.
    let due: Uuid = sqlx::query_scalar(DUE).fetch_one(world.workpool().db()).await.unwrap();
    let next = enqueue(world.workpool(), How::Takes(0)).await;
    assert!(!was_claimed_at_once(&world, next).await);
    world.workpool().cancel(workpool::WorkId::<u32>::from_uuid(later)).await.unwrap();
    all.extend([due, next]);
    each_ran_once(&world, &all).await;
    end(&world, worker).await;
}

#[tokio::test]
async fn recovery_would_find_what_was_claimed_at_once() {
    const YOUNG: &str =
        "SELECT count(*) FROM workpool.slots WHERE claimed_to >= statement_timestamp()";
    const BEYOND: &str =
        "SELECT count(*) FROM workpool.work w JOIN workpool.slots s USING (worker, pool)
        WHERE (w.run_at, w.id) > (s.claimed_to, s.claimed_id)";
    let world = World::new().await;
    let worker = world.worker_here().poll_interval(TOO_LATE).start().await.unwrap();
    let mut all = once_lent(&world, world.workpool()).await;
    eventually("the mark is old", async || world.count(YOUNG).await == 0).await;
    let id = enqueue(world.workpool(), How::Waits).await;
    assert!(was_claimed_at_once(&world, id).await);
    assert_eq!(world.count(BEYOND).await, 0, "claimed beyond the mark");
    world.open_gate();
    all.push(id);
    each_ran_once(&world, &all).await;
    end(&world, worker).await;
}

/// Enqueues an item into slots of this worker, which has to have so many. Whether that claimed it.
async fn enqueue_by_hand(hand: &mut Hand, slots: i64) -> bool {
    let query = sqlx::query_scalar(hand.sql("enqueue_claimed"))
        .bind(POOL)
        .bind([Uuid::now_v7()])
        .bind(["{}"])
        .bind("once")
        .bind(0_i16)
        .bind(None::<&str>)
        .bind(0_i16)
        .bind(None::<i32>)
        .bind(None::<i64>)
        .bind(None::<f64>)
        .bind(None::<i64>)
        .bind(false)
        .bind(None::<i64>)
        .bind(None::<&str>)
        .bind(7_i16)
        .bind(None::<&str>)
        .bind(None::<&str>)
        .bind(hand.worker)
        .bind(slots)
        .bind(ALL);
    query.fetch_one(&mut hand.conn).await.unwrap()
}

#[tokio::test]
async fn an_enqueue_claims_no_more_than_the_slots() {
    let db = database().await;
    let mut worker = Hand::with_slots(db.workpool(), POOL, 2).await;
    assert!(enqueue_by_hand(&mut worker, 2).await);
    worker.give_back(POOL, 1).await;
    assert!(!enqueue_by_hand(&mut worker, 2).await, "one slot is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_enqueue_that_claims_is_written_once_and_runs_soon() {
    for loses in [Loses::Statement, Loses::Answer] {
        let line = Line::new().await;
        let worker = line.worker().await;
        let mut all = once_lent(&line.world, &line.far).await;
        line.proxy.arm(line.loses(loses, "enqueue_claimed"));
        within(MENDED, "the fault strikes", async || {
            all.push(enqueue(&line.far, How::Takes(0)).await);
            line.proxy.hits() > 0
        })
        .await;
        each_ran_once(&line.world, &all).await;
        end(&line.world, worker).await;
    }
}

/// An enqueue that has claimed, and whose answer is kept.
async fn kept(line: &Line, how: How) -> tokio::task::JoinHandle<Vec<Uuid>> {
    line.proxy.arm(line.loses(Loses::Time, "enqueue_claimed"));
    let far = line.far.clone();
    let kept = tokio::spawn(async move {
        // The first may come while nothing is lent.
        let mut all = Vec::new();
        for _ in 0..2 {
            all.push(enqueue(&far, how).await);
        }
        all
    });
    line.struck().await;
    kept
}

/// An enqueue takes one slot of three. Before its worker is told, other items take all that are left.
async fn overtake_a_loan() {
    const LIMIT: i64 = 3;
    const YOUNG: &str = "SELECT count(*) FROM workpool.work WHERE worker IS NULL
        AND run_at >= statement_timestamp() - interval '1.1 seconds'";
    const RUNNING: &str = "SELECT count(*) FROM workpool.work WHERE worker IS NOT NULL";
    let line = Line::new().await;
    // Nothing else wakes it.
    let worker = line.far.worker().state(line.world.witness()).poll_interval(TOO_LATE);
    let worker = worker.lease(TOO_LATE).heartbeat(TOO_LATE / 5).start().await.unwrap();
    let mut all = once_lent(&line.world, &line.far).await;
    line.world.quiet(MENDED).await;
    let near = line.world.workpool();
    let mut tx = near.db().begin().await.unwrap();
    for _ in 0..LIMIT {
        let task = Task { how: How::Waits, fails: 0 };
        all.push(again::enqueue(&near.within(&mut tx), task).await.unwrap().uuid());
    }
    let kept = kept(&line, How::Waits).await;
    // They wake the worker, which has no slot left when it sleeps again.
    tx.commit().await.unwrap();
    eventually("it is full", async || line.world.count(RUNNING).await == LIMIT).await;
    line.proxy.let_go();
    all.extend(kept.await.unwrap());
    eventually("nothing that has just come waits", async || line.world.count(YOUNG).await == 0)
        .await;
    all.push(enqueue(&line.far, How::Waits).await);
    assert_eq!(line.world.count(RUNNING).await, LIMIT);
    line.world.open_gate();
    each_ran_once(&line.world, &all).await;
    end(&line.world, worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_a_loan_is_not_lent_once_other_items_run_there() {
    // Now and then one of them wakes between the two, and says anew what it lends.
    tokio::join!(overtake_a_loan(), overtake_a_loan(), overtake_a_loan());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_enqueue_has_claimed_is_not_handed_back_before_its_answer_comes() {
    const CLAIMED: &str =
        "SELECT count(*) FROM workpool.work WHERE worker IS NOT NULL AND attempt = 1";
    let line = Line::new().await;
    let worker = line.worker().await;
    let mut all = once_lent(&line.world, &line.far).await;
    line.world.quiet(MENDED).await;
    let kept = kept(&line, How::Takes(0)).await;
    // A claim whose answer is lost: what is marked as the worker's own without its knowing is handed back.
    line.proxy.arm(line.loses(Loses::Answer, "claim_pool").with_rows());
    let other = enqueue_plain(line.world.workpool(), Kind::Again, How::Takes(0)).await;
    eventually("the other one has ended", async || {
        line.world.count("SELECT count(*) FROM workpool.work").await == 1
    })
    .await;
    assert!(!line.proxy.is_armed());
    assert_eq!(line.world.count(CLAIMED).await, 1);
    line.proxy.let_go();
    all.extend(kept.await.unwrap());
    all.push(other.id);
    each_ran_once(&line.world, &all).await;
    end(&line.world, worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_hands_back_what_an_enqueue_claims_meanwhile() {
    let line = Line::new().await;
    let worker = line.worker().await;
    let mut all = once_lent(&line.world, &line.far).await;
    line.world.quiet(MENDED).await;
    let kept = kept(&line, How::Takes(0)).await;
    let shutdown = tokio::spawn(worker.shutdown());
    // It may be further than it ought to be by then.
    tokio::time::sleep(Duration::from_millis(500)).await;
    line.proxy.let_go();
    all.extend(kept.await.unwrap());
    shutdown.await.unwrap();
    audit::nobody_is_left(&line.world).await;
    let worker = line.worker().await;
    each_ran_once(&line.world, &all).await;
    end(&line.world, worker).await;
}

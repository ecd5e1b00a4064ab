//! Slots and claims: the limit holds whatever waits for whatever.

use futures_util::future::join_all;

use super::{ALL, POOL, count, database, enqueued, in_order};
use crate::audit::Kind;
use crate::hand::{Claim, End, Hand};
use crate::load::Random;

const GRANTED: &str = "SELECT sum(granted)::bigint FROM workpool.slots";

/// Which statement claims: for one pool, or for any number.
#[derive(Debug, Clone, Copy)]
enum By {
    Pool,
    List,
}

impl By {
    const BOTH: [Self; 2] = [Self::Pool, Self::List];

    async fn claim(self, hand: &mut Hand, items: i64, running: i64) -> Vec<Claim> {
        if matches!(self, Self::Pool) {
            return hand.claim(POOL, items, running, &ALL).await;
        }
        let query = sqlx::query(hand.sql("claim"))
            .bind(hand.worker)
            .bind([POOL])
            .bind([items])
            .bind([running])
            .bind(["epoch"])
            .bind(ALL)
            .bind([false]);
        let rows = query.fetch_all(&mut hand.conn).await.unwrap();
        rows.iter().map(Claim::read).collect()
    }
}

#[tokio::test]
async fn takers_that_waited_for_one_another_are_not_granted_the_same_slots() {
    let db = database().await;
    let workpool = db.workpool();
    workpool.pool(POOL).set_max_parallelism(5).await.unwrap();
    let mut takers = Vec::new();
    for _ in 0..8 {
        let mut taker = Hand::new(workpool).await;
        taker.register(POOL).await;
        takers.push(taker);
    }
    let mut gate = Hand::new(workpool).await;
    for round in 0..5 {
        for taker in &mut takers {
            taker.give_back(POOL, 0).await;
        }
        // All of them have begun before any of them can count.
        gate.begin().await;
        gate.lock_pools(POOL).await;
        let backends: Vec<_> = takers.iter().map(Hand::backend).collect();
        let open = async {
            for backend in &backends {
                backend.waits().await;
            }
            gate.commit().await;
        };
        let all = join_all(takers.iter_mut().map(|taker| taker.take(POOL, 0, 3)));
        let (granted, ()) = tokio::join!(all, open);
        let sum: i64 = granted.into_iter().map(|grant| grant.unwrap().0).sum();
        assert_eq!(sum, 5, "round {round}");
        assert_eq!(count(workpool, GRANTED).await, 5);
    }
}

#[tokio::test]
async fn a_claim_takes_no_more_than_asked_and_nothing_twice_however_it_is_planned() {
    // And no time spent on compiling what looks expensive by that.
    const PLANS: [&str; 6] = [
        "enable_hashjoin",
        "enable_mergejoin",
        "enable_material",
        "enable_hashagg",
        "enable_sort",
        "jit",
    ];
    let mut random = Random::seeded("claimers");
    let db = database().await;
    let workpool = db.workpool();
    workpool.pool(POOL).set_max_parallelism(1000).await.unwrap();
    for _ in 0..30 {
        enqueued(workpool, Kind::Again).await;
    }
    let mut claimers = Vec::new();
    for nth in 0..5 {
        let mut claimer = Hand::with_slots(workpool, POOL, 100).await;
        if nth == 0 {
            // So that a choice which may be made again for each row is.
            for off in PLANS {
                let set = sqlx::query("SELECT set_config($1, 'off', false)").bind(off);
                set.execute(&mut claimer.conn).await.unwrap();
            }
        }
        claimers.push(claimer);
    }
    for round in 0..20 {
        let asked: Vec<_> = claimers.iter().map(|_| random.between(0, 6).cast_signed()).collect();
        let by = By::BOTH[round % 2];
        let claims = claimers.iter_mut().zip(&asked).map(|(c, items)| by.claim(c, *items, 0));
        let claimed = join_all(claims).await;
        let mut all: Vec<_> = claimed.iter().flatten().map(|claim| claim.id).collect();
        for (claimed, asked) in claimed.iter().zip(&asked) {
            assert!(number(claimed) <= *asked, "round {round}: {} of {asked}", claimed.len());
        }
        let total = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), total, "round {round}: claimed twice");
        // Back again, so that every row has many versions.
        for (claimer, claims) in claimers.iter_mut().zip(claimed) {
            for claim in claims {
                assert!(claimer.release(claim, false).await);
            }
        }
    }
}

#[tokio::test]
async fn a_claim_is_bounded_by_the_slots_and_not_by_what_the_worker_believes() {
    let db = database().await;
    let workpool = db.workpool();
    for _ in 0..5 {
        enqueued(workpool, Kind::Once).await;
    }
    for by in By::BOTH {
        let mut worker = Hand::with_slots(workpool, POOL, 2).await;
        assert_eq!(by.claim(&mut worker, 100, 0).await.len(), 2, "{by:?}");
        assert_eq!(by.claim(&mut worker, 100, 2).await.len(), 0, "{by:?}");
        worker.give_back(POOL, 0).await;
        assert_eq!(by.claim(&mut worker, 100, 0).await.len(), 0, "{by:?}");
    }
}

#[tokio::test]
async fn a_claim_waits_for_slots_that_its_worker_gave_back_without_an_answer() {
    let db = database().await;
    let workpool = db.workpool();
    enqueued(workpool, Kind::Once).await;
    let mut worker = Hand::with_slots(workpool, POOL, 1).await;
    // Its client has given this connection up; the server has got everything but the COMMIT yet.
    let mut late = worker.twin(workpool).await;
    late.begin().await;
    late.lock_slots().await;
    let backend = worker.backend();
    let lands = async {
        late.give_back_locked(POOL, 0).await;
        late.commit().await;
    };
    let claimed = in_order(backend, worker.claim(POOL, 1, 0, &ALL), lands).await;
    assert!(claimed.is_empty(), "it runs something on slots that others may take: {claimed:?}");
}

#[tokio::test]
async fn a_pause_waits_for_a_claim_under_way_and_nothing_starts_after_it() {
    for by in By::BOTH {
        let db = database().await;
        let workpool = db.workpool();
        for _ in 0..2 {
            enqueued(workpool, Kind::Once).await;
        }
        let mut worker = Hand::with_slots(workpool, POOL, 2).await;
        let mut pausing = Hand::new(workpool).await;
        worker.begin().await;
        assert_eq!(by.claim(&mut worker, 1, 0).await.len(), 1);
        let backend = pausing.backend();
        in_order(backend, pausing.resize(POOL, None, Some(true)), worker.commit()).await;
        assert!(by.claim(&mut worker, 1, 1).await.is_empty(), "{by:?}: a start after the pause");
        let (_, frozen) = worker.take(POOL, 1, 2).await.unwrap();
        assert!(frozen && by.claim(&mut worker, 1, 1).await.is_empty(), "{by:?}");
        workpool.pool(POOL).resume().await.unwrap();
        assert!(by.claim(&mut worker, 1, 1).await.is_empty(), "{by:?}: slots are taken anew first");
        assert_eq!(worker.take(POOL, 1, 2).await, Some((2, false)));
        assert_eq!(by.claim(&mut worker, 1, 1).await.len(), 1, "{by:?}");
    }
}

#[tokio::test]
async fn a_claim_that_waited_for_a_pause_or_a_smaller_limit_starts_nothing() {
    let changes = [(None, Some(true)), (Some(0), None), (Some(1), None)];
    for (by, (limit, paused)) in By::BOTH.into_iter().flat_map(|by| changes.map(|to| (by, to))) {
        let db = database().await;
        let workpool = db.workpool();
        enqueued(workpool, Kind::Once).await;
        let mut worker = Hand::with_slots(workpool, POOL, 2).await;
        let mut changing = Hand::new(workpool).await;
        changing.begin().await;
        changing.resize(POOL, limit, paused).await;
        let backend = worker.backend();
        let claimed = in_order(backend, by.claim(&mut worker, 1, 0), changing.commit()).await;
        assert!(claimed.is_empty(), "{by:?}, limit {limit:?}, paused {paused:?}: {claimed:?}");
    }
}

#[tokio::test]
async fn a_take_that_waited_for_a_change_of_the_limit_goes_by_the_new_one() {
    let db = database().await;
    let workpool = db.workpool();
    let mut worker = Hand::new(workpool).await;
    worker.register(POOL).await;
    let mut changing = Hand::new(workpool).await;
    changing.begin().await;
    changing.resize(POOL, Some(2), None).await;
    let backend = worker.backend();
    let taken = in_order(backend, worker.take(POOL, 0, 9), changing.commit()).await;
    assert_eq!(taken, Some((2, false)));
}

#[tokio::test]
async fn slots_in_use_beyond_a_lowered_limit_stay_frozen_until_few_enough_run() {
    let db = database().await;
    let workpool = db.workpool();
    for _ in 0..6 {
        enqueued(workpool, Kind::Once).await;
    }
    let mut one = Hand::with_slots(workpool, POOL, 2).await;
    let mut two = Hand::with_slots(workpool, POOL, 1).await;
    let claims = one.claim(POOL, 2, 0, &ALL).await;
    assert_eq!((claims.len(), two.claim(POOL, 1, 0, &ALL).await.len()), (2, 1));
    workpool.pool(POOL).set_max_parallelism(2).await.unwrap();
    assert_eq!(one.take(POOL, 2, 3).await, Some((2, true)));
    assert!(one.finish(claims[0], End::Success).await);
    // Two run, and two may: nothing starts.
    assert_eq!(one.take(POOL, 1, 3).await, Some((1, false)));
    assert!(one.claim(POOL, 1, 1, &ALL).await.is_empty());
    assert!(one.finish(claims[1], End::Success).await);
    assert_eq!(one.take(POOL, 0, 3).await, Some((1, false)));
    assert_eq!(one.claim(POOL, 3, 0, &ALL).await.len(), 1);
}

#[tokio::test]
async fn a_dead_worker_takes_no_slots_though_it_waited_for_its_own_burial() {
    let db = database().await;
    let workpool = db.workpool();
    enqueued(workpool, Kind::Once).await;
    let mut late = Hand::with_slots(workpool, POOL, 1).await;
    let mut heir = Hand::new(workpool).await;
    late.expire().await;
    heir.begin().await;
    assert_eq!(heir.bury(&[late.worker]).await, [late.worker]);
    let backend = late.backend();
    let taken = in_order(backend, late.take(POOL, 0, 1), heir.commit()).await;
    let claimed = late.claim(POOL, 1, 0, &ALL).await;
    assert_eq!((taken, claimed), (None, vec![]), "a dead worker took slots, and work");
}

#[tokio::test]
async fn sixteen_sessions_that_do_everything_at_once_never_lock_one_another_out() {
    let db = database().await;
    let workpool = db.workpool();
    for nth in 0..5 {
        let pool = workpool::Pool::new(["a", "b", "c", "d", "e"][nth]).max_parallelism(50);
        workpool.create_pool(pool).await.unwrap();
    }
    let sessions = (0..16).map(|seed| bustle(workpool.clone(), seed));
    join_all(sessions.map(tokio::spawn)).await.into_iter().for_each(Result::unwrap);
}

async fn everybody(workpool: &workpool::Workpool) -> Vec<uuid::Uuid> {
    let ids = sqlx::query_scalar("SELECT id FROM workpool.workers");
    ids.fetch_all(workpool.db()).await.unwrap()
}

fn number<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).unwrap()
}

/// What a busy installation does, in any order. A deadlock would be an error, which panics here.
async fn bustle(workpool: workpool::Workpool, seed: u64) {
    let mut random = Random::of(seed);
    let mut hand = Hand::new(&workpool).await;
    hand.register(POOL).await;
    let mut claims = Vec::new();
    for _ in 0..60 {
        match random.below(9) {
            0 | 1 => drop(enqueued(&workpool, Kind::Again).await),
            2 => drop(hand.take(POOL, number(&claims), 5).await),
            3 => {
                let by = By::BOTH[usize::try_from(random.below(2)).unwrap()];
                claims.extend(by.claim(&mut hand, 5, number(&claims)).await);
            }
            4 => hand.give_back(POOL, number(&claims)).await,
            5 => {
                for claim in claims.drain(..) {
                    hand.finish(claim, End::Success).await;
                }
            }
            6 => {
                let limit = u32::try_from(random.below(20)).unwrap();
                workpool.pool(POOL).set_max_parallelism(limit).await.unwrap();
            }
            7 => drop(workpool.pool(POOL).cancel_all().limit(20).run().await.unwrap()),
            _ => {
                // Everybody buries everybody.
                hand.expire().await;
                let everybody = everybody(&workpool).await;
                for dead in hand.bury(&everybody).await {
                    hand.begin().await;
                    hand.free_abandoned(dead).await;
                    hand.commit().await;
                    hand.inter(dead).await;
                }
                hand.worker = uuid::Uuid::now_v7();
                hand.register(POOL).await;
                claims.clear();
            }
        }
    }
}

//! The protocol as a model, searched until no state is left: two workers, two work items, a pool
//! with a limit of one or two, and every fault at every place, within a bound on their number.
//!
//! To be read beside the SQL: `statements.rs` has a method for each statement about claims (with an enqueue
//! too), ends, slots, recovery and callbacks, one step with the same guards. `steps.rs` and `attempts.rs` are what workers do with them, `faults.rs` what they
//! do without an answer, `state.rs`, `rows.rs` and `hand.rs` what there is, `properties.rs` what must
//! hold, and `sabotage.rs` shows for each guard that without it something does not.
//!
//! What is left out: time (whatever may be due is due, backoffs and polls take any time or none), hints,
//! batches (a statement about two items is two steps), transactions that are shared, ends that are written with a claim, several pools, shutdowns, rows that
//! somebody deletes, an enqueue that the server runs after it was sent again and has ended. A worker that is frozen is one that takes no step, so every search has it; it
//! counts as a fault when its lease runs out. Faults are bounded, since each one multiplies the
//! states: a table of searches covers them in pairs, and more of them on fewer items. With
//! `WORKPOOL_MODEL=deep` there are further ones, of some minutes.
#![allow(missing_docs, reason = "tests are named by sentences")]
#![expect(clippy::print_stdout, reason = "how many states there are")]

mod attempts;
mod faults;
mod hand;
mod model;
mod properties;
mod rows;
mod sabotage;
mod seen;
mod state;
mod statements;
mod steps;
mod symmetry;

use std::sync::Arc;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model as _};

use self::model::Model;
use self::sabotage::CASES;
use self::seen::{Event, Seen};
use self::state::{Kind, Left};

const ONCE: &[Kind] = &[Kind::Once];
const AGAIN: &[Kind] = &[Kind::Again];
const BOOK: &[Kind] = &[Kind::Book];
const ONCES: &[Kind] = &[Kind::Once; 2];
const AGAINS: &[Kind] = &[Kind::Again; 2];
const BOOKS: &[Kind] = &[Kind::Book; 2];
const MIXED: &[Kind] = &[Kind::Once, Kind::Book];

/// A search that takes longer has got out of hand.
const BOUND: Duration = Duration::from_mins(30);

/// Functions, limits, lives, and deaths, lost answers, cancels, callbacks that are rolled back.
type Search = (&'static [Kind], &'static [u8], usize, [u8; 4]);

/// Searches all states of each, and that each of the events was among what happened.
fn exhaust(searches: &[Search], deep: &[Search], events: &[Event]) {
    exhaust_all(false, searches, deep, events);
}

/// The same; `lends`: items are enqueued meanwhile, also by processes whose workers lend slots.
fn exhaust_all(lends: bool, searches: &[Search], deep: &[Search], events: &[Event]) {
    let seen = Arc::new(Seen::default());
    let deep =
        if std::env::var("WORKPOOL_MODEL").is_ok_and(|how| how == "deep") { deep } else { &[] };
    for (kinds, limits, lives, [deaths, answers, cancels, rollbacks]) in searches.iter().chain(deep)
    {
        let (deaths, answers) = (*deaths, *answers);
        let faults = Left { deaths, answers, cancels: *cancels, rollbacks: *rollbacks };
        search(Model {
            kinds: [kinds[0], kinds[kinds.len() - 1]],
            items: kinds.len(),
            limits,
            lives: *lives,
            faults,
            lends,
            sabotage: None,
            seen: Arc::clone(&seen),
        });
    }
    for event in events {
        assert!(seen.has(*event), "{event:?} was never reached");
    }
}

fn search(model: Model) {
    let shown = format!("{model:?}");
    let begun = Instant::now();
    let search = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
    let checker = search.timeout(BOUND).spawn_bfs().join();
    let (states, took) = (checker.unique_state_count(), begun.elapsed());
    println!("{states} states in {took:.0?}: {shown}");
    if let Some((promise, path)) = checker.discoveries().into_iter().next() {
        let end = *path.last_state();
        panic!("broken: {promise}\n{:#?}\n{end:#?}", path.into_actions());
    }
    assert!(checker.is_done() && took < BOUND, "not all states were searched");
}

#[test]
fn two_workers_may_die_over_one_item() {
    exhaust(
        &[
            (ONCE, &[1], 3, [2, 0, 0, 0]),
            (AGAIN, &[1], 3, [2, 0, 0, 0]),
            (BOOK, &[1], 3, [2, 0, 0, 0]),
        ],
        &[
            (ONCE, &[1], 3, [2, 1, 0, 0]),
            (AGAIN, &[1], 3, [2, 1, 0, 0]),
            (BOOK, &[1], 3, [2, 1, 0, 0]),
            (ONCES, &[1], 3, [2, 0, 0, 0]),
            (BOOKS, &[1], 3, [2, 0, 0, 0]),
        ],
        &[Event::Recovered, Event::Lost, Event::Poison, Event::GivenBack, Event::CallbackAgain],
    );
}

#[test]
fn a_worker_may_die_and_two_answers_get_lost_over_one_item() {
    exhaust(
        &[
            (ONCE, &[1], 2, [1, 2, 0, 0]),
            (AGAIN, &[1], 2, [1, 2, 0, 0]),
            (BOOK, &[1], 2, [1, 2, 0, 0]),
        ],
        &[(BOOKS, &[1], 2, [1, 2, 0, 0])],
        &[
            Event::ZombieRefused,
            Event::ClaimAnswerLost,
            Event::EndSentAgain,
            Event::CommitFound,
            Event::CommitNotFound,
        ],
    );
}

#[test]
fn a_worker_may_die_between_two_items() {
    exhaust(
        &[
            (ONCES, &[1], 2, [1, 0, 0, 0]),
            (AGAINS, &[1], 2, [1, 0, 0, 0]),
            (BOOKS, &[1], 2, [1, 0, 0, 0]),
            (MIXED, &[1], 2, [1, 0, 0, 0]),
        ],
        &[
            (ONCES, &[1], 2, [1, 1, 0, 0]),
            (AGAINS, &[1], 2, [1, 1, 0, 0]),
            (BOOKS, &[1], 2, [1, 1, 0, 0]),
            (MIXED, &[1], 2, [1, 1, 0, 0]),
        ],
        &[Event::Recovered, Event::Lost, Event::GivenBack, Event::WaitedForSlot],
    );
}

#[test]
fn an_answer_may_get_lost_between_two_items() {
    exhaust(
        &[
            (ONCES, &[1], 2, [0, 1, 0, 0]),
            (AGAINS, &[1], 2, [0, 1, 0, 0]),
            (BOOKS, &[1], 2, [0, 1, 0, 1]),
            (MIXED, &[2], 2, [0, 1, 0, 0]),
        ],
        &[
            (ONCES, &[1], 2, [0, 2, 0, 0]),
            (AGAINS, &[1], 2, [0, 2, 0, 0]),
            (BOOKS, &[1], 2, [0, 2, 0, 1]),
        ],
        &[
            Event::ClaimAnswerLost,
            Event::EndSentAgain,
            Event::CommitFound,
            Event::CommitNotFound,
            Event::WaitedForSlot,
            Event::CallbackAgain,
        ],
    );
}

#[test]
fn a_cancel_may_come_at_any_time() {
    exhaust(
        &[
            (ONCE, &[1], 2, [1, 1, 1, 0]),
            (AGAIN, &[1], 2, [1, 1, 1, 0]),
            (BOOK, &[1], 2, [1, 1, 1, 1]),
            (AGAINS, &[1], 2, [0, 1, 1, 0]),
        ],
        &[
            (ONCES, &[1], 2, [1, 0, 1, 1]),
            (AGAINS, &[1], 2, [1, 0, 1, 1]),
            (BOOKS, &[1], 2, [1, 0, 1, 1]),
        ],
        &[Event::CancelBeatsRetry, Event::Prevented, Event::Recovered, Event::CallbackAgain],
    );
}

#[test]
fn the_limit_may_change_at_any_time() {
    exhaust(
        &[
            (ONCES, &[1, 0, 1], 2, [1, 0, 0, 0]),
            (BOOKS, &[2, 1], 2, [1, 0, 0, 0]),
            (AGAINS, &[2, 1], 2, [0, 0, 0, 0]),
            (MIXED, &[1, 2, 1], 2, [0, 0, 0, 0]),
        ],
        &[
            (ONCES, &[2, 1], 2, [1, 0, 1, 0]),
            (AGAINS, &[2, 1], 2, [1, 0, 0, 0]),
            (BOOKS, &[2, 1], 2, [0, 1, 0, 0]),
            (ONCES, &[1, 0, 1], 2, [0, 1, 1, 0]),
            (BOOK, &[1, 0, 1], 2, [1, 1, 1, 1]),
            (AGAIN, &[1, 0, 1], 2, [1, 1, 1, 1]),
        ],
        &[Event::Frozen, Event::Thawed, Event::WaitedForSlot],
    );
}

#[test]
fn an_enqueue_may_claim_where_a_worker_lends_slots() {
    exhaust_all(
        true,
        &[
            (ONCE, &[1], 2, [1, 2, 0, 0]),
            (ONCES, &[1], 2, [0, 1, 0, 0]),
            (ONCES, &[2, 1], 2, [0, 0, 0, 0]),
            (AGAIN, &[1], 2, [1, 1, 1, 0]),
            (BOOK, &[1, 0, 1], 2, [1, 1, 0, 0]),
            (BOOKS, &[1], 2, [1, 0, 0, 0]),
        ],
        &[
            (ONCES, &[1], 2, [1, 1, 0, 0]),
            (MIXED, &[2, 1], 2, [1, 1, 0, 0]),
            (AGAINS, &[1], 2, [0, 2, 0, 0]),
            (ONCE, &[1], 3, [2, 1, 0, 0]),
        ],
        &[
            Event::LoanUsed,
            Event::LoanInVain,
            Event::ClaimAnswerLost,
            Event::Recovered,
            Event::Frozen,
        ],
    );
}

#[test]
fn every_sabotage_breaks_a_promise() {
    for (sabotage, kinds, limits, faults, promise) in CASES {
        let (lends, sabotage, seen) = (sabotage.lends(), Some(sabotage), Arc::default());
        let model = Model { kinds, items: 2, limits, lives: 2, faults, lends, sabotage, seen };
        let begun = Instant::now();
        let search = model.checker().finish_when(HasDiscoveries::AnyFailures);
        let checker = search.timeout(BOUND).spawn_bfs().join();
        let broken: Vec<_> = checker.discoveries().into_keys().collect();
        let (states, took) = (checker.unique_state_count(), begun.elapsed());
        println!("{states} states in {took:.1?}: {sabotage:?} breaks {broken:?}");
        assert!(broken.contains(&promise), "{sabotage:?} breaks {broken:?} and not: {promise}");
    }
}

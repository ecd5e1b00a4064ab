//! Calls that are cut off, and what their answers are worth.

use std::collections::HashMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use tokio::time::timeout;
use workpool::{Error, Result, Workpool, sqlx};
use workpool_tests::{Loses, Proxy};

use crate::place::{self, Place};
use crate::report::{Report, Setup};

/// How a transaction of the product begins.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// A call that takes longer hangs.
const HANGS: Duration = Duration::from_secs(30);
/// How often a caller asks again.
const REPEATS: u32 = 5;

/// A statement, and what becomes of it.
type Cut = (&'static str, Loses);

/// A database behind a proxy, and the books.
pub(super) struct Bench<'r> {
    pub(super) place: Place,
    pub(super) far: Workpool,
    pub(super) far_url: String,
    pub(super) proxy: Proxy,
    pub(super) numbers: StdRng,
    pub(super) report: &'r mut Report,
    /// The cuts that are still to be tried, by call.
    decks: HashMap<&'static str, Vec<Cut>>,
}

/// What a call said in the end.
pub(super) struct Answer<T> {
    pub(super) value: T,
    /// It had to be asked again, because the first answer was that nobody knows.
    pub(super) again: bool,
}

impl<'r> Bench<'r> {
    pub(super) async fn new(setup: &Setup, part: u64, report: &'r mut Report) -> Self {
        let place = Place::new().await;
        place.execute(include_str!("../../simulation/audit.sql")).await;
        let (proxy, far_url) = place.proxy().await;
        let far = place::handle(&far_url, 5).await;
        Self {
            place,
            far,
            far_url,
            proxy,
            numbers: setup.numbers(part),
            report,
            decks: HashMap::new(),
        }
    }

    /// Makes a call in which one of these statements is lost, or its answer; asks again as long as
    /// the answer is that nobody knows. A definite failure is a false one: it was only a cut.
    pub(super) async fn ask<T>(
        &mut self,
        what: &'static str,
        statements: &[&'static str],
        mut call: impl AsyncFnMut(u32) -> Result<T>,
    ) -> Option<Answer<T>> {
        let (lost, loses) = self.next_cut(what, statements);
        let what = format!("{what}, {loses:?} of {}", lost.split_whitespace().next().unwrap());
        let before = self.proxy.hits();
        self.proxy.arm(self.place.fault(loses, lost));
        let mut answer = timeout(HANGS, call(0)).await;
        self.proxy.disarm();
        if self.proxy.hits() == before {
            self.report.count("not struck");
        } else {
            self.report.exposures += 1;
        }
        for repeat in 0..=REPEATS {
            match answer {
                Err(_) => {
                    self.report.breach(format!("{what}: it hangs"));
                    return None;
                }
                Ok(Ok(value)) => return Some(Answer { value, again: repeat > 0 }),
                Ok(Err(error)) if !is_unknown(&error) => {
                    self.report.breach(format!("{what}: a false failure: {error}"));
                    return None;
                }
                Ok(Err(_)) => self.report.count("answered unknown"),
            }
            answer = timeout(HANGS, call(repeat + 1)).await;
        }
        self.report.count("without an answer");
        None
    }

    /// Each cut of a call comes once in a round; what happens to its commit comes first.
    fn next_cut(&mut self, what: &'static str, statements: &[&'static str]) -> Cut {
        let deck = self.decks.entry(what).or_default();
        if deck.is_empty() {
            for loses in [Loses::Statement, Loses::Answer] {
                deck.extend(statements.iter().map(|statement| (*statement, loses)));
            }
            deck.shuffle(&mut self.numbers);
            deck.sort_by_key(|cut| cut.0 == "COMMIT");
        }
        deck.pop().expect("a call has statements")
    }

    /// As `count` of the place, of what must be so.
    pub(super) async fn must(&mut self, what: &str, sql: String, wanted: i64) {
        let found = self.place.count(&sql).await;
        self.report.require(found == wanted, || format!("{what}: {found}, not {wanted}: {sql}"));
    }
}

/// Whether an error says that nobody knows whether it took place.
pub(super) fn is_unknown(error: &Error) -> bool {
    match error {
        Error::Unconfirmed { .. } => true,
        Error::Database(error) => was_lost(error),
        _ => false,
    }
}

/// Whether the server said nothing.
fn was_lost(error: &sqlx::Error) -> bool {
    error.as_database_error().is_none()
}

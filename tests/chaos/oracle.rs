//! Holds what happened to each item against the promises.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use workpool::Cancel;

use crate::books::{Books, Call, End, Move, Step};
use crate::functions::{ATTEMPTS, calls_back};
use crate::items::{Item, Kind, Origin};
use crate::outside::{Left, Sighting};

/// What came of all of it.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) breaches: Vec<String>,
    /// Items that were there.
    pub(crate) items: usize,
    pub(crate) succeeded: usize,
    pub(crate) canceled: usize,
    /// Actions without retries whose worker died.
    pub(crate) lost: usize,
    /// Attempts that were entered by somebody.
    pub(crate) entries: usize,
    /// Items that nobody entered although they were there.
    pub(crate) untouched: usize,
    /// Enqueues without an answer.
    pub(crate) unknown: usize,
}

/// All that is known when everything is over.
pub(crate) struct Oracle<'a> {
    pub(crate) books: &'a Books,
    pub(crate) sightings: HashMap<Uuid, Vec<&'a Sighting>>,
    pub(crate) children: &'a HashSet<Uuid>,
    pub(crate) pids: HashMap<Uuid, u32>,
    /// Nobody died: each attempt of an action that counts was entered.
    pub(crate) exact: bool,
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(
        books: &'a Books,
        sightings: &'a [Sighting],
        children: &'a HashSet<Uuid>,
        exact: bool,
    ) -> Self {
        let mut by_work: HashMap<Uuid, Vec<&Sighting>> = HashMap::new();
        for sighting in sightings {
            by_work.entry(sighting.work).or_default().push(sighting);
        }
        Self { books, sightings: by_work, children, pids: books.pids(), exact }
    }

    /// Checks every promise about every item.
    pub(crate) fn judge(&self, items: &[Item]) -> Findings {
        let mut findings = Findings::default();
        for item in items {
            if let Err(fault) = self.check(item, &mut findings) {
                let moves = self.moves(item.id);
                let seen = self.seen(item.id);
                findings.breaches.push(format!("{item:?}: {fault}\n    {moves:?}\n    {seen:?}"));
            }
        }
        let known: HashSet<_> = items.iter().map(|item| item.id).collect();
        for id in self.books.moves.keys().filter(|id| !known.contains(id)) {
            findings.breaches.push(format!("{id}: nobody enqueued it"));
        }
        findings
    }

    fn moves(&self, id: Uuid) -> &[Move] {
        self.books.moves.get(&id).map_or(&[], Vec::as_slice)
    }

    fn seen(&self, id: Uuid) -> &[&'a Sighting] {
        self.sightings.get(&id).map_or(&[], Vec::as_slice)
    }

    fn check(&self, item: &Item, findings: &mut Findings) -> Result<(), String> {
        let there = !self.moves(item.id).is_empty();
        findings.unknown += usize::from(item.origin == Origin::Unknown);
        self.check_presence(item, there)?;
        if !there {
            let trace = self.seen(item.id).len() + self.books.ended.get(&item.id).unwrap_or(&0);
            return require(trace == 0, || "what is not there was run".into());
        }
        findings.items += 1;
        let enqueued = self.moves(item.id).iter().filter(|m| m.what == Step::Enqueue).count();
        require(enqueued == 1, || format!("it was stored {enqueued} times"))?;
        let ended = self.books.ended.get(&item.id).copied().unwrap_or(0);
        require(ended == 1, || format!("it ended {ended} times"))?;
        let end = self.books.ends.get(&item.id).ok_or("its end is not kept")?;
        self.count(item, end, findings);
        self.check_callback(item, end)?;
        self.check_entries(item, end)?;
        self.check_winner(item, end)?;
        self.check_cancel(item, end)?;
        check_outcome(item, end)
    }

    fn count(&self, item: &Item, end: &End, findings: &mut Findings) {
        let entries = self.seen(item.id).len();
        findings.entries += entries;
        findings.untouched += usize::from(entries == 0 && end.outcome != 2);
        findings.succeeded += usize::from(end.outcome == 0);
        findings.canceled += usize::from(end.outcome == 2);
        findings.lost +=
            usize::from(item.kind == Kind::Once && end.error.as_deref() == Some("lost"));
    }

    fn check_presence(&self, item: &Item, there: bool) -> Result<(), String> {
        match item.origin {
            Origin::Stored => require(there, || "it is not there".into()),
            Origin::Unknown => Ok(()),
            Origin::RolledBack => require(!there, || "it was rolled back and is there".into()),
            Origin::Refused => Err("its enqueue was refused".into()),
            Origin::Child { parent, of: Kind::Book } => {
                let succeeded = self.books.ends.get(&parent).is_some_and(|end| end.outcome == 0);
                require(there == succeeded, || format!("parent succeeded: {succeeded}"))
            }
            Origin::Child { parent, .. } => {
                let confirmed = self.children.contains(&item.id);
                require(there || !confirmed, || "its parent was told that it is there".into())?;
                let entered = !self.seen(parent).is_empty();
                require(!there || entered, || "its parent was never entered".into())
            }
        }
    }

    fn check_callback(&self, item: &Item, end: &End) -> Result<(), String> {
        let calls: &[Call] = self.books.calls.get(&item.id).map_or(&[], Vec::as_slice);
        if !calls_back(item.id) {
            return require(calls.is_empty(), || "it has no callback, and one ran".into());
        }
        let [call] = calls else {
            return Err(format!("its callback took effect {} times", calls.len()));
        };
        let outcome = ["success", "failed", "canceled"][usize::try_from(end.outcome).unwrap_or(2)];
        let why = end.outcome != 1 || call.failure == end.error;
        let told = call.outcome == outcome && call.attempts == end.attempts && why;
        require(told, || format!("its callback was told {call:?}, it ended as {end:?}"))?;
        require(call.context == item.id.to_string(), || format!("context {}", call.context))
    }

    /// How often it may be entered, and how often it must be.
    fn check_entries(&self, item: &Item, end: &End) -> Result<(), String> {
        let seen = self.seen(item.id);
        let mut attempts: Vec<_> = seen.iter().map(|sighting| sighting.attempt).collect();
        attempts.sort_unstable();
        let most = match item.kind {
            Kind::Once => 1,
            Kind::Again => ATTEMPTS,
            Kind::Book => u32::MAX,
        };
        // A mutation that was rolled back may run again within its attempt.
        let twice = item.kind != Kind::Book && attempts.windows(2).any(|pair| pair[0] == pair[1]);
        require(!twice, || format!("an attempt was entered twice: {attempts:?}"))?;
        let counted = end.attempts.unsigned_abs();
        require(counted <= most, || format!("{counted} attempts"))?;
        let highest = attempts.last().copied().unwrap_or(0);
        require(highest <= counted, || format!("{counted} attempts, entered {attempts:?}"))?;
        let exact = item.kind == Kind::Book || seen.len() == end.attempts.unsigned_abs() as usize;
        require(exact || !self.exact, || format!("{counted} attempts, entered {attempts:?}"))?;
        let lost = end.error.as_deref() == Some("lost");
        require(!seen.is_empty() || end.outcome == 2 || lost, || "nobody entered it".into())
    }

    /// A success is that of the attempt that held the item when it ended. A mutation that shared the
    /// transaction of another was held by nobody that is seen: its effect speaks for it.
    fn check_winner(&self, item: &Item, end: &End) -> Result<(), String> {
        let booked = self.books.ledger.get(&item.id).copied().unwrap_or(0);
        let wanted = usize::from(item.kind == Kind::Book && end.outcome == 0);
        require(booked == wanted, || format!("its effect is there {booked} times"))?;
        if end.outcome != 0 {
            return Ok(());
        }
        let result = end.result.as_deref();
        require(result == Some(&*end.attempts.to_string()), || format!("result {result:?}"))?;
        let last = self.moves(item.id).last().filter(|last| last.what == Step::End);
        let shared = |last: &Move| {
            last.worker.is_none() && (last.fence, last.attempt, end.attempts) == (0, 0, 1)
        };
        let may_share = item.kind == Kind::Book && !calls_back(item.id);
        let shared = may_share && last.is_some_and(shared);
        let holder = last.and_then(|last| last.worker);
        let holder = holder.and_then(|worker| self.pids.get(&worker));
        let won = |sighting: &&&Sighting| {
            sighting.attempt == end.attempts.unsigned_abs()
                && sighting.left.is_some_and(|(_, how)| how == Left::Well)
                && (shared || Some(&sighting.pid) == holder)
        };
        require(self.seen(item.id).iter().find(won).is_some(), || "a success of nobody".into())
    }

    fn check_cancel(&self, item: &Item, end: &End) -> Result<(), String> {
        let Some(cancel) = item.cancel else {
            return require(end.outcome != 2, || "canceled by nobody".into());
        };
        match cancel.answer {
            Some(Cancel::Canceled) => {
                let after = self.seen(item.id).iter().any(|seen| seen.entered > cancel.at);
                require(end.outcome == 2 && !after, || format!("{cancel:?}, but {end:?}"))
            }
            Some(Cancel::AlreadyFinished) => {
                let ended = self.moves(item.id).last().is_some_and(|last| last.at < cancel.at);
                require(ended && end.outcome != 2, || format!("{cancel:?}, but {end:?}"))
            }
            Some(Cancel::Unknown) => Err("a cancel did not find it".into()),
            Some(Cancel::Requested) | None => Ok(()),
        }
    }
}

/// An item fails because it was told to, or because its worker died where that is allowed.
fn check_outcome(item: &Item, end: &End) -> Result<(), String> {
    let error = end.error.as_deref();
    let lost_may_fail = match item.kind {
        Kind::Once => true,
        Kind::Again => end.attempts.unsigned_abs() == ATTEMPTS,
        Kind::Book => false,
    };
    let good = match end.outcome {
        // Also one that should fail each time an action may try comes through, when it was a mutation
        // and so many of its workers were lost.
        0 => end.attempts.unsigned_abs() > item.fails,
        1 if item.fails > 0 && error == Some("error") => true,
        1 => error == Some("lost") && lost_may_fail,
        _ => item.cancel.is_some(),
    };
    require(good, || format!("it ended like this: {end:?}"))
}

fn require(holds: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault()) }
}

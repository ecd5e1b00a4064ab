//! The statements of the store, each one step with the guards of its SQL. A method bears the name
//! of its file.

use super::model::Model;
use super::sabotage::Sabotage;
use super::seen::Event;
use super::state::{
    ATTEMPTS, At, Attempt, Breach, Call, CallAt, Item, Kind, LOST_BOUND, Life, Outcome, Row, State,
    Work,
};

/// The number and the fence of a claim, as its worker knows them.
pub(crate) type Key = (u8, u8);

impl Model {
    /// Behind the lock of its own slots: so a frozen row, which a change of the limit or a burial
    /// leaves behind, stops it. `running` is as old as the statement.
    pub(crate) fn claim(&self, s: &mut State, life: Life, running: u8, item: Item) -> bool {
        let worker = *s.worker(life);
        let work = s.item(item);
        let free = worker.row != Row::Gone && !worker.frozen && worker.granted > running;
        if !free || work.at != At::Waiting || work.locked {
            return false;
        }
        work.at = At::Running(life);
        work.attempt += u8::from(!self.is(Sabotage::AttemptCountedAtEnd));
        work.fence += 1;
        if worker.row == Row::Dead {
            s.breach = Some(Breach::DeadClaimed);
        }
        true
    }

    /// An enqueue into slots that a worker has lent, under the rules of a claim: what waits goes first.
    pub(crate) fn enqueue_claimed(&self, s: &mut State, life: Life, item: Item, slots: u8) -> bool {
        let worker = *s.worker(life);
        let frozen = worker.frozen && !self.is(Sabotage::LoanWhileFrozen);
        let free = worker.row != Row::Gone && !frozen && worker.granted >= slots;
        let claims = free && !s.anybody_waits();
        let work = s.item(item);
        work.at = if claims { At::Running(life) } else { At::Waiting };
        (work.attempt, work.fence) = (u8::from(claims), u8::from(claims));
        if claims && worker.row == Row::Dead {
            s.breach = Some(Breach::DeadClaimed);
        }
        self.note(if claims { Event::LoanUsed } else { Event::LoanInVain });
        claims
    }

    /// `id = … AND worker = … AND fence = …`, the guard of all that is written for an attempt.
    fn finds(&self, s: &mut State, life: Life, item: Item, (number, fence): Key) -> bool {
        let work = *s.item(item);
        let held = work.at == At::Running(life);
        let finds = match self.sabotage {
            Some(Sabotage::NoFence) => !matches!(work.at, At::Ended(_)),
            Some(Sabotage::FenceIsAttempt) => held && work.attempt == number,
            _ => held && work.fence == fence,
        };
        if finds && !(held && work.fence == fence) {
            s.breach = Some(Breach::StaleWrite);
        }
        finds
    }

    /// Ends the item and records its callback, for the worker itself if it runs it `at_once`.
    pub(crate) fn finish(
        &self,
        s: &mut State,
        (life, item, key): (Life, Item, Key),
        outcome: Outcome,
        at_once: bool,
    ) -> bool {
        self.finds(s, life, item, key) && {
            self.end(s, item, outcome, at_once.then_some(life));
            true
        }
    }

    fn end(&self, s: &mut State, item: Item, outcome: Outcome, caller: Option<Life>) {
        let work = s.item(item);
        *work = Work { at: At::Ended(outcome), done: work.done, ..Work::new() };
        let call = s.call(item);
        if call.at != CallAt::Absent || call.effects > 0 {
            s.breach = Some(Breach::EndedTwice);
        }
        if self.is(Sabotage::CallbackApart) {
            return;
        }
        let call = s.call(item);
        call.at = caller.map_or(CallAt::Waiting, CallAt::Running);
        call.fence = u8::from(caller.is_some());
    }

    /// Leaves out what somebody canceled: its worker ends it as such.
    pub(crate) fn retry(&self, s: &mut State, life: Life, item: Item, key: Key) -> bool {
        let canceled = s.item(item).cancel_requested && !self.is(Sabotage::RetryIgnoresCancel);
        let found = !canceled && self.finds(s, life, item, key);
        if found {
            let work = s.item(item);
            work.at = At::Waiting;
            work.attempt += u8::from(self.is(Sabotage::AttemptCountedAtEnd));
        }
        found
    }

    /// Hands back what was never entered, or frees what the database has rolled back (`lost`). What
    /// somebody canceled meanwhile is canceled again in the same transaction, now that it waits.
    pub(crate) fn release(
        &self,
        s: &mut State,
        (life, item, key): (Life, Item, Key),
        lost: bool,
    ) -> bool {
        if (lost && s.item(item).cancel_requested) || !self.finds(s, life, item, key) {
            return false;
        }
        let work = s.item(item);
        work.at = At::Waiting;
        work.attempt = work.attempt.saturating_sub(u8::from(!lost));
        work.lost += u8::from(lost);
        if work.cancel_requested {
            self.end(s, item, Outcome::Canceled, None);
        }
        true
    }

    /// Hands back what is marked as the worker's and is not in its hand. Behind the lock of its
    /// slots, in one transaction: a claim that it does not see comes to nothing or comes later.
    pub(crate) fn release_unknown(&self, s: &mut State, life: Life, in_hand: u8) {
        for item in 0..2 {
            let work = s.item(item);
            if work.at == At::Running(life) && in_hand & (1 << item) == 0 && !work.locked {
                self.note(Event::ClaimAnswerLost);
                work.at = At::Waiting;
                work.attempt = work.attempt.saturating_sub(1);
                work.unknown = false;
                if work.cancel_requested {
                    self.end(s, item, Outcome::Canceled, None);
                }
            }
        }
    }

    /// What waits ends; what runs is told.
    pub(crate) fn cancel(&self, s: &mut State, item: Item) -> bool {
        let work = s.item(item);
        match work.at {
            _ if work.locked => false,
            At::Waiting => {
                self.end(s, item, Outcome::Prevented, None);
                true
            }
            At::Running(_) if self.is(Sabotage::CancelEndsRunning) => {
                self.end(s, item, Outcome::Prevented, None);
                true
            }
            At::Running(_) => {
                work.cancel_requested = true;
                true
            }
            At::Absent | At::Ended(_) => false,
        }
    }

    /// Slots that the others hold: what `take` counts, and when it counts matters.
    pub(crate) fn others(s: &State, life: Life) -> u8 {
        let others = s.lives.iter().enumerate().filter(|(l, _)| *l != usize::from(life));
        others.map(|(_, worker)| worker.granted).sum()
    }

    /// The second statement, behind the locks of the pool and of its own row.
    pub(crate) fn take(&self, s: &mut State, life: Life, running: u8, others: u8) {
        let waiting = s.work.iter().filter(|work| work.at == At::Waiting).count();
        let due = u8::try_from(waiting).unwrap_or(u8::MAX).max(1);
        let limit = s.limit;
        let usable = (running + due).min(limit).max(running);
        let room = limit.saturating_sub(others).saturating_sub(running);
        let worker = s.worker(life);
        let granted = running + (usable - running).min(room);
        let frozen = others + granted > limit;
        if worker.frozen && !frozen {
            self.note(Event::Thawed);
        }
        if worker.wanted && granted > worker.granted {
            self.note(Event::WaitedForSlot);
        }
        (worker.granted, worker.frozen, worker.wanted) = (granted, frozen, usable > granted);
    }

    pub(crate) fn give_back(s: &mut State, life: Life, keep: u8) {
        let worker = s.worker(life);
        worker.granted = worker.granted.min(keep);
        worker.wanted = false;
    }

    /// The update of the pool and its trigger: everybody's slots are frozen.
    pub(crate) fn resize(&self, s: &mut State, limit: u8) {
        s.limit = limit;
        if !self.is(Sabotage::ResizeFreezesNothing) {
            for worker in s.lives.iter_mut().filter(|worker| worker.row != Row::Gone) {
                worker.frozen = true;
            }
        }
    }

    pub(crate) fn bury(&self, s: &mut State, life: Life) {
        let worker = s.worker(life);
        worker.row = Row::Dead;
        worker.wanted = false;
        worker.frozen |= !self.is(Sabotage::BuryFreezesNothing);
    }

    /// One item of a dead worker, by kind, under the dead worker's fence. What a committing
    /// transaction holds is skipped by `abandoned`.
    pub(crate) fn recover(&self, s: &mut State, dead: Life, item: Item) -> bool {
        let work = *s.item(item);
        if work.at != At::Running(dead) || work.locked {
            return false;
        }
        let whose = (dead, item, (work.attempt, work.fence));
        let again = work.attempt < ATTEMPTS;
        match self.kinds[usize::from(item)] {
            Kind::Once if self.is(Sabotage::LostIsRunAgain) => self.release(s, whose, true),
            Kind::Again if again && work.cancel_requested => {
                self.finish(s, whose, Outcome::Canceled, false)
            }
            Kind::Again if again => self.retry(s, dead, item, whose.2),
            Kind::Once | Kind::Again => {
                self.note(Event::Lost);
                self.finish(s, whose, Outcome::Lost, false)
            }
            Kind::Book if work.cancel_requested => self.finish(s, whose, Outcome::Canceled, false),
            Kind::Book if work.lost >= LOST_BOUND => {
                self.note(Event::Poison);
                self.finish(s, whose, Outcome::Lost, false)
            }
            Kind::Book => self.release(s, whose, true),
        };
        s.item(item).unknown = false;
        self.note(Event::Recovered);
        true
    }

    /// Frees a dead worker's callbacks, and forgets it once nothing is left of it.
    pub(crate) fn inter(&self, s: &mut State, dead: Life) {
        for call in &mut s.calls {
            if call.at == CallAt::Running(dead) && !call.locked {
                call.at = CallAt::Waiting;
            }
        }
        let left = s.work.iter().filter(|work| work.at == At::Running(dead)).count();
        let (work, left) = (left > 0, u8::try_from(left).unwrap_or(u8::MAX));
        let calls = s.calls.iter().any(|call| call.at == CallAt::Running(dead));
        let worker = s.worker(dead);
        if self.is(Sabotage::GrantsGoFirst) || !(work || calls) {
            (worker.granted, worker.frozen) = (0, false);
        }
        worker.granted = worker.granted.min(left);
        if !(work || calls) {
            worker.row = Row::Gone;
        }
    }

    /// None: there is nothing to claim, or the worker is dead.
    pub(crate) fn claim_callback(s: &mut State, life: Life, item: Item) -> Option<u8> {
        let alive = matches!(s.worker(life).row, Row::Valid | Row::Expired);
        let call = s.call(item);
        (alive && call.at == CallAt::Waiting).then(|| {
            call.at = CallAt::Running(life);
            call.fence += 1;
            call.fence
        })
    }

    /// In the transaction of the effects. False: superseded, and the effects are rolled back.
    pub(crate) fn finish_callback(&self, s: &mut State, life: Life, item: Item, fence: u8) -> bool {
        let call = s.call(item);
        let found = call.at == CallAt::Running(life) && call.fence == fence;
        if found || self.is(Sabotage::CallbackWithoutFence) {
            if found && call.fence > 1 {
                self.note(Event::CallbackAgain);
            }
            *call = Call { effects: call.effects + 1, ..Call::new() };
        }
        found
    }

    pub(crate) fn retry_callback(s: &mut State, life: Life, item: Item, fence: u8) {
        let call = s.call(item);
        if call.at == CallAt::Running(life) && call.fence == fence {
            call.at = CallAt::Waiting;
        }
    }

    /// Hands back callbacks that are marked as the worker's and are not in its hand.
    pub(crate) fn release_callbacks(s: &mut State, life: Life) {
        for item in 0..2 {
            let known = s.worker(life).calls[usize::from(item)].is_some();
            let call = s.call(item);
            if call.at == CallAt::Running(life) && !known && !call.locked {
                call.at = CallAt::Waiting;
            }
        }
    }

    /// Whether the row of this attempt is still there: `held`.
    pub(crate) fn is_held(s: &mut State, life: Life, item: Item, attempt: Attempt) -> bool {
        let work = s.item(item);
        work.at == At::Running(life) && work.fence == attempt.fence
    }
}

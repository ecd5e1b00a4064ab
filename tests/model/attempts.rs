//! An attempt in the hand of its process, from the answer to its claim to the answer to its end:
//! the executor, the transaction of a mutation, the completer.

use super::model::Model;
use super::sabotage::Sabotage;
use super::seen::Event;
use super::state::{
    ATTEMPTS, At, Attempt, Breach, Called, Hand, Item, Kind, Life, Outcome, Phase, Process, Row,
    State, Verdict,
};
use super::steps::called;

impl Model {
    pub(crate) fn enters(&self, s: &mut State, hand @ (life, item, _): Hand) -> bool {
        if !moves(s, hand, Phase::Cleared, Phase::Entered) {
            return false;
        }
        let lawful = s.worker(life).row == Row::Valid;
        if lawful && s.item(item).at == At::Ended(Outcome::Prevented) {
            s.breach = Some(Breach::EnteredCanceled);
        }
        if self.kinds[usize::from(item)] != Kind::Book || self.is(Sabotage::EffectApart) {
            s.item(item).done += 1;
        }
        true
    }

    /// A mutation that fails is rolled back, and ends as failed.
    pub(crate) fn returns(&self, s: &mut State, hand: Hand, well: bool) -> bool {
        let kind = self.kinds[usize::from(hand.1)];
        let Some(attempt) = *s.attempt(hand) else { return false };
        let verdict = match kind {
            Kind::Book if well => return false,
            _ if well => Verdict::Success,
            Kind::Again if attempt.number < ATTEMPTS => Verdict::Retry,
            _ => Verdict::Failed,
        };
        moves(s, hand, Phase::Entered, Phase::Ending(verdict, false))
    }

    /// Writes the end inside the transaction of the body, and commits.
    pub(crate) fn commits(&self, s: &mut State, hand @ (life, item, _): Hand) -> bool {
        let Some(attempt) = self.in_transaction(s, hand) else { return false };
        let at_once = s.worker(life).process == Process::Up;
        let whose = (life, item, (attempt.number, attempt.fence));
        if self.finish(s, whose, Outcome::Success, at_once) {
            s.item(item).done += u8::from(!self.is(Sabotage::EffectApart));
            hand_over(s, life, item, at_once);
            *s.attempt(hand) = None;
            return true;
        }
        self.note(Event::ZombieRefused);
        moves(s, hand, Phase::Entered, Phase::Ending(Verdict::Release, false))
    }

    /// A mutation whose body has returned, unless somebody holds the row.
    pub(crate) fn in_transaction(&self, s: &mut State, hand: Hand) -> Option<Attempt> {
        let book = self.kinds[usize::from(hand.1)] == Kind::Book;
        let free = !s.item(hand.1).locked;
        s.attempt(hand).filter(|attempt| book && free && attempt.phase == Phase::Entered)
    }

    /// Whether the row is still there, once the transaction that may hold it is over.
    pub(crate) fn asks(&self, s: &mut State, hand @ (life, item, _): Hand) -> bool {
        let asking = s.attempt(hand).filter(|attempt| attempt.phase == Phase::Asking);
        let Some(attempt) = asking.filter(|_| !s.item(item).locked) else { return false };
        if Self::is_held(s, life, item, attempt) {
            self.note(Event::CommitNotFound);
            return moves(s, hand, Phase::Asking, Phase::Entered);
        }
        self.note(Event::CommitFound);
        hand_over(s, life, item, true);
        *s.attempt(hand) = None;
        true
    }

    /// The completer: an end, its answer, and what follows from it.
    pub(crate) fn writes(&self, s: &mut State, hand @ (life, item, _): Hand) -> bool {
        let Some(attempt) = *s.attempt(hand) else { return false };
        let Phase::Ending(verdict, again) = attempt.phase else { return false };
        if s.item(item).locked {
            return false;
        }
        let canceled = s.item(item).cancel_requested;
        let at_once = !again && s.worker(life).process == Process::Up;
        let whose = (life, item, (attempt.number, attempt.fence));
        let written = self.write(s, whose, verdict, at_once);
        if !written && verdict == Verdict::Retry {
            // Somebody had canceled it, or it is superseded: the fence finds out.
            let next = Phase::Ending(Verdict::Canceled, false);
            return moves(s, hand, attempt.phase, next);
        }
        match verdict {
            _ if !written && again => self.note(Event::EndSentAgain),
            _ if !written => self.note(Event::ZombieRefused),
            Verdict::Release => self.note(Event::GivenBack),
            Verdict::Canceled if canceled => self.note(Event::CancelBeatsRetry),
            _ => {}
        }
        hand_over(s, life, item, at_once && written);
        *s.attempt(hand) = None;
        true
    }

    pub(crate) fn write(
        &self,
        s: &mut State,
        whose @ (life, item, key): (Life, Item, (u8, u8)),
        verdict: Verdict,
        at_once: bool,
    ) -> bool {
        match verdict {
            Verdict::Success => self.finish(s, whose, Outcome::Success, at_once),
            Verdict::Failed => self.finish(s, whose, Outcome::Failed, at_once),
            Verdict::Canceled => self.finish(s, whose, Outcome::Canceled, at_once),
            Verdict::Retry => self.retry(s, life, item, key),
            Verdict::Release => self.release(s, whose, false),
        }
    }
}

/// Before the entry: whoever has taken over may have entered it already.
pub(crate) fn checks(s: &mut State, hand: Hand) -> bool {
    let valid = s.worker(hand.0).is_valid();
    let next = if valid { Phase::Cleared } else { Phase::Ending(Verdict::Release, false) };
    moves(s, hand, Phase::Claimed, next)
}

/// The attempt goes from one phase to the next.
pub(crate) fn moves(s: &mut State, hand: Hand, from: Phase, to: Phase) -> bool {
    match s.attempt(hand) {
        Some(attempt) if attempt.phase == from => {
            attempt.phase = to;
            true
        }
        _ => false,
    }
}

pub(crate) fn take_in_hand(s: &mut State, life: Life, item: Item, attempt: Attempt) {
    let hand = &mut s.worker(life).hand[usize::from(item)];
    if hand[0].is_some() {
        assert!(hand[1].is_none(), "more ends are outstanding than there can be");
        hand[1] = hand[0];
    }
    hand[0] = Some(attempt);
}

/// The callback of what has ended here, claimed by the statement that ended it.
fn hand_over(s: &mut State, life: Life, item: Item, at_once: bool) {
    let ended = matches!(s.item(item).at, At::Ended(_));
    if at_once && ended {
        called(s, life, item).get_or_insert(Called::Ours(1));
    }
}

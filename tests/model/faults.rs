//! Answers that do not come. The client gives the statement up and goes on; the server may have
//! run it, may run it at any later time, or never.

use super::attempts::{moves, take_in_hand};
use super::model::{Action, Model};
use super::sabotage::Sabotage;
use super::state::{
    At, Attempt, CallAt, Called, Flying, Hand, Item, Life, Outcome, Phase, Process, Row, State,
};
use super::steps::{called, spend, surplus};

impl Model {
    pub(crate) fn fault(&self, s: &mut State, action: Action) -> bool {
        use Action as A;
        match action {
            A::Land(n, item) => self.lands(s, n, item),
            A::RollBack(n) => rolls_back(s, n),
            _ if !spend(&mut s.left.answers) => false,
            A::GiveUpClaim(life) => self.gives_up_claim(s, life),
            A::GiveUpEnqueue(hand) => gives_up_enqueue(s, hand),
            A::GiveUpReconcile(life) => self.gives_up_reconcile(s, life),
            A::GiveUpGiveBack(life) => self.gives_up_slots(s, life),
            A::GiveUpCommit(hand) => {
                let Some(attempt) = self.in_transaction(s, hand) else { return false };
                let (life, item, _) = hand;
                s.item(item).locked = true;
                Self::is_held(s, life, item, attempt)
                    && fly(s, Flying::Commit { life, item })
                    && moves(s, hand, Phase::Entered, Phase::Asking)
            }
            A::GiveUpEnd(hand) => {
                let Some(attempt) = *s.attempt(hand) else { return false };
                let Phase::Ending(verdict, again) = attempt.phase else { return false };
                let (life, item, _) = hand;
                let at_once = !again && s.worker(life).process == Process::Up;
                let key = (attempt.number, attempt.fence);
                s.worker(life).calls_uncertain = s.worker(life).process == Process::Up;
                fly(s, Flying::End { life, item, key, verdict, at_once })
                    && moves(s, hand, attempt.phase, Phase::Ending(verdict, true))
            }
            A::GiveUpClaimCallback(life, item) => {
                let worker = s.worker(life);
                let may = !worker.calls_uncertain && worker.calls[usize::from(item)].is_none();
                worker.calls_uncertain = true;
                may && s.call(item).at == CallAt::Waiting
                    && fly(s, Flying::ClaimCallback { life, item })
            }
            A::GiveUpCallback(life, item) => {
                let Some(Called::Ours(fence)) = *called(s, life, item) else { return false };
                let call = s.call(item);
                let held = call.at == CallAt::Running(life) && call.fence == fence && !call.locked;
                call.locked = true;
                *called(s, life, item) = Some(Called::Asking(fence));
                held && fly(s, Flying::FinishCallback { life, item })
            }
            _ => unreachable!("{action:?} is no fault"),
        }
    }

    fn gives_up_claim(&self, s: &mut State, life: Life) -> bool {
        let worker = *s.worker(life);
        if !self.may_claim(&worker) || !s.anybody_waits() {
            return false;
        }
        s.worker(life).uncertain = true;
        if self.is(Sabotage::EnterUnconfirmed) {
            let item = u8::from(s.work[0].at != At::Waiting);
            let work = *s.item(item);
            let (number, fence) = (work.attempt + 1, work.fence + 1);
            take_in_hand(s, life, item, Attempt { number, fence, phase: Phase::Claimed });
        }
        fly(s, Flying::Claim { life, running: self.running(&worker) })
    }

    /// Otherwise its transaction holds the slots until it is over, and nothing overtakes it.
    fn gives_up_reconcile(&self, s: &mut State, life: Life) -> bool {
        let worker = s.worker(life);
        let may = worker.is_valid() && worker.taking.is_none();
        let in_hand = worker.in_hand(true);
        worker.uncertain = true;
        may && self.is(Sabotage::ReconcileMayBeLate) && fly(s, Flying::Reconcile { life, in_hand })
    }

    /// The same.
    fn gives_up_slots(&self, s: &mut State, life: Life) -> bool {
        let Some(keep) = surplus(s, life) else { return false };
        let worker = s.worker(life);
        worker.uncertain = true;
        worker.granted > keep
            && self.is(Sabotage::GiveBackMayBeLate)
            && fly(s, Flying::GiveBack { life, keep })
    }

    /// The server runs what was given up.
    fn lands(&self, s: &mut State, n: u8, chosen: Item) -> bool {
        let Some(flying) = s.flying[usize::from(n)].take() else { return false };
        match flying {
            Flying::Claim { life, running } => {
                let claimed = self.claim(s, life, running, chosen);
                s.item(chosen).unknown |= claimed;
                claimed
            }
            // One that runs after another one of the same id has ended is left out: nothing tells it.
            Flying::Enqueue { life, item, slots } => {
                let first = s.item(item).at == At::Absent;
                s.item(item).unknown |= first && self.enqueue_claimed(s, life, item, slots);
                first
            }
            Flying::End { life, item, key, verdict, at_once } => {
                !s.item(item).locked && {
                    self.write(s, (life, item, key), verdict, at_once);
                    true
                }
            }
            Flying::Commit { life, item } => {
                let work = s.item(item);
                let key = (work.attempt, work.fence);
                work.done += u8::from(!self.is(Sabotage::EffectApart));
                // Not claimed at once by a worker that has ended: recovery frees it.
                self.finish(s, (life, item, key), Outcome::Success, true)
            }
            Flying::ClaimCallback { life, item } => Self::claim_callback(s, life, item).is_some(),
            Flying::FinishCallback { life, item } => {
                let fence = s.call(item).fence;
                self.finish_callback(s, life, item, fence)
            }
            Flying::GiveBack { life, keep } => {
                Self::give_back(s, life, keep);
                true
            }
            Flying::Reconcile { life, in_hand } => {
                self.release_unknown(s, life, in_hand);
                true
            }
        }
    }

    /// Forgets statements that can find nothing any more, and items that are in no hand.
    pub(crate) fn settle(&self, s: &mut State) {
        let now = *s;
        let gone = |life: Life| now.lives[usize::from(life)].row == Row::Gone;
        for slot in &mut s.flying {
            let vain = match *slot {
                Some(Flying::End { life, item, key, .. }) => {
                    let work = now.work[usize::from(item)];
                    let ended = matches!(work.at, At::Ended(_));
                    let loose = self.is(Sabotage::NoFence) || self.is(Sabotage::FenceIsAttempt);
                    ended || (!loose && (work.at != At::Running(life) || work.fence != key.1))
                }
                Some(
                    Flying::Claim { life, .. }
                    | Flying::GiveBack { life, .. }
                    | Flying::Reconcile { life, .. },
                ) => gone(life),
                Some(Flying::Enqueue { item, .. }) => now.work[usize::from(item)].at != At::Absent,
                Some(Flying::ClaimCallback { life, item }) => {
                    gone(life) || now.calls[usize::from(item)].effects > 0
                }
                _ => false,
            };
            if vain {
                *slot = None;
            }
        }
        s.flying.sort();
    }
}

/// Whoever enqueues sends it again, under the same id; the worker looks for what is marked as its own.
fn gives_up_enqueue(s: &mut State, hand @ (life, item, _): Hand) -> bool {
    let Some(phase) = s.attempt(hand).map(|attempt| attempt.phase) else { return false };
    *s.attempt(hand) = None;
    let worker = s.worker(life);
    worker.uncertain = worker.process == Process::Up;
    match phase {
        Phase::Lent(slots) => fly(s, Flying::Enqueue { life, item, slots }),
        Phase::Written(claimed) => {
            s.item(item).unknown |= claimed;
            true
        }
        _ => false,
    }
}

fn fly(s: &mut State, flying: Flying) -> bool {
    let free = s.flying.iter_mut().find(|slot| slot.is_none());
    free.map(|slot| *slot = Some(flying)).is_some()
}

/// The transaction of a COMMIT that never came.
fn rolls_back(s: &mut State, n: u8) -> bool {
    match s.flying[usize::from(n)].take() {
        Some(Flying::Commit { item, .. }) => s.item(item).locked = false,
        Some(Flying::FinishCallback { item, .. }) => s.call(item).locked = false,
        _ => return false,
    }
    true
}

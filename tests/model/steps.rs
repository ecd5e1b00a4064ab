//! What workers, people and faults do: which statement is sent when, and what the process makes of
//! the answer. A worker that is frozen is one that takes no step; it becomes a fault when its lease
//! runs out meanwhile.

use super::attempts::{checks, moves, take_in_hand};
use super::model::{Action, Model};
use super::sabotage::Sabotage;
use super::seen::Event;
use super::state::{
    At, Attempt, CallAt, Called, Flying, Hand, Item, Life, Outcome, Phase, Process, Row, State,
    Worker,
};

impl Model {
    /// False: it cannot happen.
    pub(crate) fn apply(&self, s: &mut State, action: Action) -> bool {
        use Action as A;
        match action {
            A::Claim(life, item) => self.claims(s, life, item),
            A::Reconcile(life) => self.reconciles(s, life),
            A::LockPool(life) => self.locks_pool(s, life),
            A::Take(life) => self.takes(s, life),
            A::GiveBack(life) => gives_back(s, life),
            A::Add(item) => adds(s, item),
            A::Borrow(life, item) => borrows(s, life, item),
            A::Enqueue(hand) => self.enqueues(s, hand),
            A::TakeBack(hand) => takes_back(s, hand),
            A::Check(hand) => checks(s, hand),
            A::Enter(hand) => self.enters(s, hand),
            A::Return(hand, well) => self.returns(s, hand, well),
            A::Commit(hand) => self.commits(s, hand),
            A::Ask(hand) => self.asks(s, hand),
            A::Write(hand) => self.writes(s, hand),
            A::ReleaseCallbacks(life) => self.releases_callbacks(s, life),
            A::ClaimCallback(life, item) => claims_callback(s, life, item),
            A::Callback(life, item) => self.calls_back(s, life, item),
            A::CallbackFails(life, item) => callback_fails(s, life, item),
            A::AskCallback(life, item) => asks_callback(s, life, item),
            A::Begin(life) => begins(s, life),
            A::Renew(life) => renews(s, life),
            A::Bury(life) => self.buries(s, life),
            A::Recover(life, item) => {
                s.worker(life).row == Row::Dead && self.recover(s, life, item)
            }
            A::Inter(life) => {
                let dead = s.worker(life).row == Row::Dead;
                if dead {
                    self.inter(s, life);
                }
                dead
            }
            A::Cancel(item) => spend(&mut s.left.cancels) && self.cancels(s, item),
            A::Resize => self.resizes(s),
            A::Expire(life) => expires(s, life),
            A::Crash(life) => crashes(s, life),
            fault => self.fault(s, fault),
        }
    }

    /// What it counts when it claims.
    pub(crate) fn running(&self, worker: &Worker) -> u8 {
        if self.is(Sabotage::LoanUncounted) { worker.started() } else { worker.running() }
    }

    pub(crate) fn may_claim(&self, worker: &Worker) -> bool {
        let free = !worker.frozen && worker.granted > self.running(worker);
        worker.is_valid() && !worker.uncertain && worker.taking.is_none() && free
    }

    /// The claim and its answer.
    fn claims(&self, s: &mut State, life: Life, item: Item) -> bool {
        let worker = *s.worker(life);
        let running = self.running(&worker);
        let claimed = self.may_claim(&worker) && self.claim(s, life, running, item);
        if claimed {
            let work = *s.item(item);
            let phase = Phase::Claimed;
            take_in_hand(s, life, item, Attempt { number: work.attempt, fence: work.fence, phase });
        }
        claimed
    }

    /// After an error, and now and then: nothing else happens in the dispatcher before that.
    fn reconciles(&self, s: &mut State, life: Life) -> bool {
        let worker = s.worker(life);
        if !worker.is_valid() || worker.taking.is_some() {
            return false;
        }
        worker.uncertain = false;
        let in_hand = worker.in_hand(!self.is(Sabotage::LoanHandedBack));
        self.release_unknown(s, life, in_hand);
        true
    }

    /// Locks the pool, when there is something to gain. What others hold is counted later; to
    /// count it now would be the mistake.
    fn locks_pool(&self, s: &mut State, life: Life) -> bool {
        let early = self.is(Sabotage::CountBeforeLock);
        let others = Self::others(s, life);
        let worker = *s.worker(life);
        let running = worker.running();
        let short = worker.frozen || worker.granted <= running;
        let may = worker.is_valid() && !worker.uncertain && worker.taking.is_none();
        let locked = !early && s.lives.iter().any(|other| other.taking.is_some());
        if !(may && short && s.anybody_waits()) || locked {
            return false;
        }
        let mut then = *s;
        self.take(&mut then, life, running, others);
        let gains = *then.worker(life) != worker;
        s.worker(life).taking = Some((running, if early { others } else { 0 }));
        gains
    }

    fn takes(&self, s: &mut State, life: Life) -> bool {
        let Some((running, early)) = s.worker(life).taking.take() else { return false };
        let now = Self::others(s, life);
        let others = if self.is(Sabotage::CountBeforeLock) { early } else { now };
        self.take(s, life, running, others);
        true
    }

    /// The enqueue in the process of a worker that has lent a slot; its answer may take its time.
    fn enqueues(&self, s: &mut State, hand @ (life, item, _): Hand) -> bool {
        let Some(Phase::Lent(slots)) = s.attempt(hand).map(|attempt| attempt.phase) else {
            return false;
        };
        let claimed = self.enqueue_claimed(s, life, item, slots);
        moves(s, hand, Phase::Lent(slots), Phase::Written(claimed))
    }

    fn releases_callbacks(&self, s: &mut State, life: Life) -> bool {
        let worker = s.worker(life);
        if self.is(Sabotage::CallbacksReconciledOnce) && !worker.calls_uncertain {
            return false;
        }
        worker.calls_uncertain = false;
        Self::release_callbacks(s, life);
        true
    }

    fn calls_back(&self, s: &mut State, life: Life, item: Item) -> bool {
        let Some(Called::Ours(fence)) = *called(s, life, item) else { return false };
        if s.call(item).locked {
            return false;
        }
        self.finish_callback(s, life, item, fence);
        *called(s, life, item) = None;
        true
    }

    fn buries(&self, s: &mut State, life: Life) -> bool {
        let worker = s.worker(life);
        let over = worker.row == Row::Expired;
        // Locked while it takes slots; and nobody buries itself.
        let free = worker.taking.is_none();
        let others =
            s.lives.iter().enumerate().any(|(l, w)| l != usize::from(life) && w.is_valid());
        if over && free && others {
            self.bury(s, life);
        }
        over && free && others
    }

    fn cancels(&self, s: &mut State, item: Item) -> bool {
        let found = self.cancel(s, item);
        if s.item(item).at == At::Ended(Outcome::Prevented) {
            self.note(Event::Prevented);
        }
        found
    }

    /// Waits for whoever has locked the pool.
    fn resizes(&self, s: &mut State) -> bool {
        let Some(limit) = self.limits.get(usize::from(s.changes) + 1) else { return false };
        if s.lives.iter().any(|worker| worker.taking.is_some()) {
            return false;
        }
        s.changes += 1;
        self.resize(s, *limit);
        if s.lives.iter().any(|worker| worker.frozen && worker.granted > 0) {
            self.note(Event::Frozen);
        }
        true
    }
}

/// Somebody enqueues it elsewhere, or again after an answer was lost.
fn adds(s: &mut State, item: Item) -> bool {
    let adds = s.item(item).at == At::Absent && !s.is_on_loan(item);
    if adds {
        s.item(item).at = At::Waiting;
    }
    adds
}

/// A dispatcher that sleeps has lent a slot, and an enqueue takes it: not one that is sent again.
fn borrows(s: &mut State, life: Life, item: Item) -> bool {
    let sent = |flying: &Flying| matches!(flying, Flying::Enqueue { item: i, .. } if *i == item);
    if s.flying.iter().flatten().any(sent) {
        return false;
    }
    let worker = *s.worker(life);
    let sleeps = worker.is_valid() && !worker.uncertain && worker.taking.is_none();
    let free = worker.granted > worker.running() && worker.hand[usize::from(item)] == [None; 2];
    let borrows = sleeps && free && s.item(item).at == At::Absent && !s.is_on_loan(item);
    if borrows {
        let phase = Phase::Lent(worker.running() + 1);
        take_in_hand(s, life, item, Attempt { number: 1, fence: 1, phase });
    }
    borrows
}

/// The answer comes; a worker that has ended starts nothing.
fn takes_back(s: &mut State, hand: Hand) -> bool {
    let Some(Phase::Written(claimed)) = s.attempt(hand).map(|attempt| attempt.phase) else {
        return false;
    };
    if claimed && s.worker(hand.0).process == Process::Up {
        return moves(s, hand, Phase::Written(true), Phase::Claimed);
    }
    *s.attempt(hand) = None;
    true
}

/// Uses up one of the faults that are left.
pub(crate) fn spend(left: &mut u8) -> bool {
    let some = *left > 0;
    *left -= u8::from(some);
    some
}

pub(crate) fn called(s: &mut State, life: Life, item: Item) -> &mut Option<Called> {
    &mut s.worker(life).calls[usize::from(item)]
}

/// Slots that others wait for, or the wish for more when nothing waits any more.
pub(crate) fn gives_back(s: &mut State, life: Life) -> bool {
    let waits = s.anybody_waits();
    let Some(keep) = surplus(s, life) else { return false };
    let idle = s.worker(life).wanted && !waits;
    let keeps = s.worker(life).granted <= keep;
    Model::give_back(s, life, keep);
    idle || !keeps
}

/// How many slots to keep, when some others want more.
pub(crate) fn surplus(s: &mut State, life: Life) -> Option<u8> {
    let mut others = s.lives.iter().enumerate().filter(|(l, _)| *l != usize::from(life));
    let wanted = others.any(|(_, worker)| worker.wanted);
    let worker = *s.worker(life);
    let may = worker.is_valid() && !worker.uncertain && worker.taking.is_none();
    may.then(|| if wanted { worker.running().min(worker.granted) } else { worker.granted })
}

fn claims_callback(s: &mut State, life: Life, item: Item) -> bool {
    let worker = s.worker(life);
    if worker.calls_uncertain || worker.calls[usize::from(item)].is_some() {
        return false;
    }
    let claimed = Model::claim_callback(s, life, item);
    *called(s, life, item) = claimed.map(Called::Ours);
    claimed.is_some()
}

/// Its effects are rolled back; it is due again.
fn callback_fails(s: &mut State, life: Life, item: Item) -> bool {
    let Some(Called::Ours(fence)) = *called(s, life, item) else { return false };
    if !spend(&mut s.left.rollbacks) {
        return false;
    }
    Model::retry_callback(s, life, item, fence);
    *called(s, life, item) = None;
    true
}

fn asks_callback(s: &mut State, life: Life, item: Item) -> bool {
    let Some(Called::Asking(fence)) = *called(s, life, item) else { return false };
    let call = *s.call(item);
    let held = call.at == CallAt::Running(life) && call.fence == fence;
    *called(s, life, item) = held.then_some(Called::Ours(fence));
    !call.locked
}

/// A process begins anew, under another id, when one has ended or has lost its lease.
fn begins(s: &mut State, life: Life) -> bool {
    let up = s.lives.iter().filter(|worker| worker.process == Process::Up).count();
    *s.worker(life) = Worker::up();
    up < 2
}

/// The heartbeat: it renews, or learns that the lease is lost.
fn renews(s: &mut State, life: Life) -> bool {
    let worker = s.worker(life);
    match worker.row {
        Row::Valid => return false,
        Row::Expired => worker.row = Row::Valid,
        Row::Dead | Row::Gone => {
            worker.process = Process::Abandoned;
            (worker.uncertain, worker.calls_uncertain) = (false, false);
        }
    }
    true
}

/// A fault while the process lives: it was frozen, or its heartbeats did not arrive.
fn expires(s: &mut State, life: Life) -> bool {
    let worker = s.worker(life);
    let crashed = worker.process == Process::Crashed;
    let valid = worker.row == Row::Valid;
    worker.row = Row::Expired;
    valid && (crashed || spend(&mut s.left.deaths))
}

/// The database rolls back what was open.
fn crashes(s: &mut State, life: Life) -> bool {
    let worker = s.worker(life);
    let Worker { row, granted, frozen, wanted, .. } = *worker;
    *worker = Worker { row, granted, frozen, wanted, process: Process::Crashed, ..Worker::none() };
    spend(&mut s.left.deaths)
}

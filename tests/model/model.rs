//! The model: what may happen in a state, and what it makes of the state.

use std::fmt;
use std::sync::Arc;

use stateright::Property;

use super::properties;
use super::sabotage::Sabotage;
use super::seen::{Event, Seen};
use super::state::{Breach, Flying, Hand, ITEMS, Item, Kind, Left, Life, Process, Row, State};

/// One configuration.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) kinds: [Kind; ITEMS],
    /// How many items there are, one or two.
    pub(crate) items: usize,
    /// The limit of the pool, first and after each change.
    pub(crate) limits: &'static [u8],
    /// How many lives there are.
    pub(crate) lives: usize,
    pub(crate) faults: Left,
    /// Whether the items are yet to be enqueued, by processes whose workers may lend slots.
    pub(crate) lends: bool,
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) seen: Arc<Seen>,
}

/// One step of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    // The dispatcher.
    Claim(Life, Item),
    Reconcile(Life),
    LockPool(Life),
    Take(Life),
    GiveBack(Life),
    // An enqueue: by somebody else, or in the process of a worker, into a slot that this lends.
    Add(Item),
    Borrow(Life, Item),
    Enqueue(Hand),
    TakeBack(Hand),
    // An attempt.
    Check(Hand),
    Enter(Hand),
    /// The body returns: well, or with an error.
    Return(Hand, bool),
    /// A mutation's body has returned: its end is written in its transaction, which commits.
    Commit(Hand),
    /// After a COMMIT without an answer.
    Ask(Hand),
    Write(Hand),
    // Callbacks.
    ReleaseCallbacks(Life),
    ClaimCallback(Life, Item),
    Callback(Life, Item),
    CallbackFails(Life, Item),
    AskCallback(Life, Item),
    // Leases and recovery; whose, and not who does it, since all of it is decided by rows.
    Begin(Life),
    Renew(Life),
    Bury(Life),
    Recover(Life, Item),
    Inter(Life),
    // What people and faults do.
    Cancel(Item),
    Resize,
    Expire(Life),
    Crash(Life),
    /// The client gives up a statement that the server may still run.
    GiveUpClaim(Life),
    GiveUpEnqueue(Hand),
    GiveUpReconcile(Life),
    GiveUpGiveBack(Life),
    GiveUpCommit(Hand),
    GiveUpEnd(Hand),
    GiveUpClaimCallback(Life, Item),
    GiveUpCallback(Life, Item),
    /// The server runs it, with what it finds then; or its transaction is rolled back.
    Land(u8, Item),
    RollBack(u8),
}

impl Model {
    pub(crate) fn is(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }

    pub(crate) fn note(&self, event: Event) {
        self.seen.note(event);
    }

    /// All that may happen, whether or not it changes anything.
    fn candidates(s: &State, actions: &mut Vec<Action>) {
        use Action as A;
        for life in 0..3 {
            let worker = &s.lives[usize::from(life)];
            if worker.row != Row::Gone {
                actions.extend([A::Bury(life), A::Inter(life), A::Expire(life)]);
                actions.extend((0..2).map(|item| A::Recover(life, item)));
            }
            match worker.process {
                Process::Unborn => actions.push(A::Begin(life)),
                Process::Up => actions.extend([A::Renew(life), A::Crash(life)]),
                Process::Abandoned => actions.push(A::Crash(life)),
                Process::Crashed => continue,
            }
            if worker.process == Process::Up {
                actions.extend([A::Reconcile(life), A::LockPool(life), A::Take(life)]);
                actions.extend([A::GiveBack(life), A::ReleaseCallbacks(life)]);
                actions.extend([A::GiveUpClaim(life), A::GiveUpReconcile(life)]);
                actions.push(A::GiveUpGiveBack(life));
            }
            for item in 0..2 {
                if worker.process == Process::Up {
                    actions.extend([A::Claim(life, item), A::ClaimCallback(life, item)]);
                    actions.push(A::Borrow(life, item));
                    actions.push(A::GiveUpClaimCallback(life, item));
                }
                if worker.calls[usize::from(item)].is_some() {
                    actions.extend([A::Callback(life, item), A::CallbackFails(life, item)]);
                    actions.extend([A::AskCallback(life, item), A::GiveUpCallback(life, item)]);
                }
                for which in 0..2 {
                    if worker.hand[usize::from(item)][usize::from(which)].is_some() {
                        attempt((life, item, which), actions);
                    }
                }
            }
        }
        actions.extend([A::Cancel(0), A::Cancel(1), A::Add(0), A::Add(1), A::Resize]);
        for (n, flying) in (0..).zip(&s.flying) {
            match flying {
                Some(Flying::Claim { .. }) => actions.extend([A::Land(n, 0), A::Land(n, 1)]),
                Some(_) => actions.extend([A::Land(n, 0), A::RollBack(n)]),
                None => {}
            }
        }
    }

    /// Whether nothing happens by itself any more. What was given up and holds no lock may never
    /// be run, so nobody waits for it.
    pub(crate) fn is_still(&self, s: &State) -> bool {
        let mut actions = Vec::new();
        Self::candidates(s, &mut actions);
        actions.retain(|action| Self::goes_on_by_itself(s, *action));
        !actions.into_iter().any(|action| self.step(s, action).is_some())
    }

    fn goes_on_by_itself(s: &State, action: Action) -> bool {
        use Action as A;
        match action {
            A::Land(n, _) | A::RollBack(n) => matches!(
                s.flying[usize::from(n)],
                Some(Flying::Commit { .. } | Flying::FinishCallback { .. })
            ),
            A::Expire(life) => s.lives[usize::from(life)].process == Process::Crashed,
            A::Cancel(_)
            | A::Resize
            | A::Crash(_)
            | A::CallbackFails(..)
            | A::GiveUpClaim(_)
            | A::GiveUpEnqueue(_)
            | A::GiveUpReconcile(_)
            | A::GiveUpGiveBack(_)
            | A::GiveUpCommit(_)
            | A::GiveUpEnd(_)
            | A::GiveUpClaimCallback(..)
            | A::GiveUpCallback(..) => false,
            _ => true,
        }
    }

    /// None: it cannot happen, or changes nothing.
    fn step(&self, before: &State, action: Action) -> Option<State> {
        let mut s = *before;
        if !self.apply(&mut s, action) {
            return None;
        }
        let (lawful, was) = (s.lawful(), before.lawful());
        if lawful > was && lawful > s.limit {
            s.breach = Some(Breach::Limit);
        }
        self.settle(&mut s);
        self.canonical(&mut s);
        (s != *before).then_some(s)
    }
}

fn attempt(hand: Hand, actions: &mut Vec<Action>) {
    use Action as A;
    actions.extend([A::Check(hand), A::Enter(hand), A::Return(hand, true), A::Return(hand, false)]);
    actions.extend([A::Commit(hand), A::Ask(hand), A::Write(hand)]);
    actions.extend([A::Enqueue(hand), A::TakeBack(hand), A::GiveUpEnqueue(hand)]);
    actions.extend([A::GiveUpCommit(hand), A::GiveUpEnd(hand)]);
}

impl stateright::Model for Model {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.limits[0], self.items, self.lives, self.faults, self.lends)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // A broken rule ends the search there.
        if state.breach.is_none() {
            Self::candidates(state, actions);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.step(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { items, limits, lives, faults, sabotage, .. } = self;
        write!(f, "{:?}, limits {limits:?}, {lives} lives, {faults:?}", &self.kinds[..*items])?;
        sabotage.map_or(Ok(()), |sabotage| write!(f, ", {sabotage:?}"))
    }
}

//! What must hold in every state.

use stateright::Property;

use super::model::Model;
use super::state::{ATTEMPTS, At, Breach, CallAt, Kind, Outcome, Phase, Row, State};

pub(crate) fn all() -> Vec<Property<Model>> {
    vec![
        Property::always("an action without retries is entered at most once", once),
        Property::always("attempts never exceed their number", attempts),
        Property::always("a mutation's effect is there exactly when it succeeded", effect),
        Property::always("work ends once", |_, s: &State| s.breach != Some(Breach::EndedTwice)),
        Property::always("an end has one callback, and none comes before it", callback),
        Property::always("free slots are within the limit", slots),
        Property::always("what runs is covered by slots", covered),
        Property::always("nothing starts beyond the limit", |_, s: &State| {
            s.breach != Some(Breach::Limit)
        }),
        Property::always("nothing is written for what was superseded", |_, s: &State| {
            s.breach != Some(Breach::StaleWrite)
        }),
        Property::always("a worker that is marked as dead claims nothing", |_, s: &State| {
            s.breach != Some(Breach::DeadClaimed)
        }),
        Property::always("what was canceled before its start is not entered", |_, s: &State| {
            s.breach != Some(Breach::EnteredCanceled)
        }),
        Property::always("what was canceled while it ran never waits again", |_, s: &State| {
            !s.work.iter().any(|work| work.at == At::Waiting && work.cancel_requested)
        }),
        Property::always("when nothing more happens by itself, everything has ended", ended),
    ]
}

fn once(model: &Model, s: &State) -> bool {
    let mut both = model.kinds.iter().zip(&s.work);
    both.all(|(kind, work)| *kind != Kind::Once || work.done <= 1)
}

fn attempts(model: &Model, s: &State) -> bool {
    model.kinds.iter().zip(&s.work).all(|(kind, work)| {
        *kind != Kind::Again || (work.attempt <= ATTEMPTS && work.done <= ATTEMPTS)
    })
}

fn effect(model: &Model, s: &State) -> bool {
    model.kinds.iter().zip(&s.work).all(|(kind, work)| {
        let succeeded = work.at == At::Ended(Outcome::Success);
        *kind != Kind::Book || work.done == u8::from(succeeded)
    })
}

fn callback(_: &Model, s: &State) -> bool {
    s.work.iter().zip(&s.calls).all(|(work, call)| {
        let rows = u8::from(call.at != CallAt::Absent);
        rows + call.effects == u8::from(matches!(work.at, At::Ended(_)))
    })
}

/// After a change of the limit all slots are frozen, and those that exceed it stay so.
fn slots(_: &Model, s: &State) -> bool {
    let sum: u8 = s.lives.iter().map(|worker| worker.granted).sum();
    sum <= s.limit || s.lives.iter().all(|worker| worker.frozen || worker.granted == 0)
}

/// What was claimed behind a worker's back is not entered, and is handed back.
fn covered(_: &Model, s: &State) -> bool {
    (0..).zip(&s.lives).all(|(life, worker)| {
        let known = |work: &&super::state::Work| work.at == At::Running(life) && !work.unknown;
        s.work.iter().filter(known).count() <= usize::from(worker.granted)
    })
}

fn ended(model: &Model, s: &State) -> bool {
    let work = s.work.iter().all(|work| matches!(work.at, At::Ended(_)));
    let calls = s.calls.iter().all(|call| call.at == CallAt::Absent);
    let graves = s.lives.iter().any(|worker| matches!(worker.row, Row::Dead | Row::Expired));
    (work && calls && !graves) || s.limit == 0 || !model.is_still(s)
}

impl State {
    /// Attempts that run or are about to, of workers that nobody has buried: that their lease has
    /// run out is not enough, it may be renewed.
    pub(crate) fn lawful(&self) -> u8 {
        let mut lawful = 0;
        for (life, worker) in (0..).zip(&self.lives) {
            let buried = matches!(worker.row, Row::Dead | Row::Gone);
            if buried || !worker.acts() {
                continue;
            }
            for (hand, work) in worker.hand.iter().zip(&self.work) {
                for attempt in hand.iter().flatten() {
                    let ours = work.at == At::Running(life) && work.fence == attempt.fence;
                    let runs = !matches!(attempt.phase, Phase::Ending(..));
                    lawful += u8::from(ours && runs);
                }
            }
        }
        lawful
    }
}

//! States that differ only in which life or which item is the first are one.

use super::model::Model;
use super::state::{At, CallAt, Flying, LIVES, Life, State};

impl Model {
    /// Sorts lives and items as far as a look at each shows an order. Any order would be sound.
    pub(crate) fn canonical(&self, s: &mut State) {
        if self.kinds[0] == self.kinds[1] {
            let here = |s: &State, i: usize| (s.work[i], s.calls[i]);
            if here(s, 1) < here(s, 0) {
                swap_items(s);
            }
        }
        for end in (1..LIVES).rev() {
            for life in 0..end {
                if s.lives[life + 1] < s.lives[life] {
                    swap_lives(s, life);
                }
            }
        }
        s.flying.sort();
    }
}

fn swap_items(s: &mut State) {
    s.work.swap(0, 1);
    s.calls.swap(0, 1);
    for worker in &mut s.lives {
        worker.hand.swap(0, 1);
        worker.calls.swap(0, 1);
    }
    for flying in s.flying.iter_mut().flatten() {
        match flying {
            Flying::Enqueue { item, .. }
            | Flying::End { item, .. }
            | Flying::Commit { item, .. }
            | Flying::ClaimCallback { item, .. }
            | Flying::FinishCallback { item, .. } => *item = 1 - *item,
            Flying::Reconcile { in_hand, .. } => {
                *in_hand = (*in_hand & 1) << 1 | *in_hand >> 1;
            }
            Flying::Claim { .. } | Flying::GiveBack { .. } => {}
        }
    }
}

fn swap_lives(s: &mut State, first: usize) {
    s.lives.swap(first, first + 1);
    let other = |life: &mut Life| {
        let at = usize::from(*life);
        if at == first {
            *life += 1;
        } else if at == first + 1 {
            *life -= 1;
        }
    };
    for work in &mut s.work {
        if let At::Running(life) = &mut work.at {
            other(life);
        }
    }
    for call in &mut s.calls {
        if let CallAt::Running(life) = &mut call.at {
            other(life);
        }
    }
    for flying in s.flying.iter_mut().flatten() {
        match flying {
            Flying::Claim { life, .. }
            | Flying::Enqueue { life, .. }
            | Flying::End { life, .. }
            | Flying::Commit { life, .. }
            | Flying::ClaimCallback { life, .. }
            | Flying::FinishCallback { life, .. }
            | Flying::GiveBack { life, .. }
            | Flying::Reconcile { life, .. } => other(life),
        }
    }
}

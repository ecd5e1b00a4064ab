//! What is announced in the database is heard by every worker of a pool. Where they are many, a few
//! look at once, and the others a little later, when there is rarely anything left.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

/// So many look at once, on average.
const FEW: i64 = 4;
/// When the others look, in milliseconds.
const LATER: Range<u64> = 5..50;

/// The other workers of a pool, and when this one looks because of what they have heard too.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    others: i64,
    look_at: Option<Instant>,
}

impl Crowd {
    /// Takes in how many serve the pool beside this one.
    pub(crate) const fn counted(&mut self, others: i64) {
        self.others = others;
    }

    /// Whether to look at once at what was announced; if not, it is looked at later.
    pub(crate) fn goes_first(&mut self) -> bool {
        let first = rand::random_range(0..=self.others.max(0)) < FEW;
        if !first {
            let later = || Instant::now() + Duration::from_millis(rand::random_range(LATER));
            self.look_at.get_or_insert_with(later);
        }
        first
    }

    pub(crate) const fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// Somebody has looked.
    pub(crate) const fn looked(&mut self) {
        self.look_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_look_at_once_and_the_others_once_each() {
        let mut crowd = Crowd::default();
        crowd.counted(FEW - 1);
        assert!((0..1000).all(|_| crowd.goes_first()), "there is nobody to spare");
        crowd.counted(39);
        let first = (0..10_000).filter(|_| crowd.goes_first()).count();
        assert!((700..1300).contains(&first), "a tenth of forty: {first}");
        let at = crowd.look_at();
        assert!(at.is_some_and(|at| at < Instant::now() + Duration::from_millis(LATER.end)));
        while crowd.goes_first() {}
        assert_eq!(crowd.look_at(), at, "one look for all that it has heard");
        crowd.looked();
        assert_eq!(crowd.look_at(), None);
    }
}

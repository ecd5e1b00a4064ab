//! How much bodies are trusted with a transaction of others, by what came of the last ones. Kept
//! for each pool of mutations, and for each callback.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// After a group was undone as a whole, nobody has company for so long.
const ALONE: Duration = Duration::from_secs(1);
/// After a body failed in company, each has a savepoint of its own for so long.
const CAREFUL: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Caution(Mutex<HashMap<Arc<str>, Lessons>>);

#[derive(Debug, Clone, Copy, Default)]
struct Lessons {
    undone: Option<Instant>,
    failed: Option<Instant>,
}

impl Caution {
    /// A whole group was undone.
    pub(crate) fn undone(&self, of: &str) {
        self.learn(of, |lessons| lessons.undone = Some(Instant::now()));
    }

    /// A body failed, and what had been done since the last savepoint was undone with it.
    pub(crate) fn failed(&self, of: &str) {
        self.learn(of, |lessons| lessons.failed = Some(Instant::now()));
    }

    /// Whether company is out of the question for now.
    pub(crate) fn is_alone(&self, of: &str) -> bool {
        self.lessons(of).undone.is_some_and(|since| since.elapsed() < ALONE)
    }

    /// Whether each body is to have a savepoint of its own.
    pub(crate) fn is_careful(&self, of: &str) -> bool {
        self.lessons(of).failed.is_some_and(|since| since.elapsed() < CAREFUL)
    }

    fn lessons(&self, of: &str) -> Lessons {
        self.all().get(of).copied().unwrap_or_default()
    }

    fn learn(&self, of: &str, learn: impl FnOnce(&mut Lessons)) {
        let mut all = self.all();
        // What is over teaches nothing.
        all.retain(|_, lessons| {
            lessons.failed.max(lessons.undone).is_some_and(|at| at.elapsed() < CAREFUL)
        });
        learn(all.entry(of.into()).or_default());
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Arc<str>, Lessons>> {
        self.0.lock().expect("no code panics with this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_to_one_teaches_nothing_about_another() {
        let caution = Caution::default();
        caution.undone("a");
        caution.failed("b");
        assert!(caution.is_alone("a") && !caution.is_careful("a"));
        assert!(!caution.is_alone("b") && caution.is_careful("b"));
        assert!(!caution.is_alone("c") && !caution.is_careful("c"));
    }
}

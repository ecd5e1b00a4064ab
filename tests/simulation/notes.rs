//! What a witness has written down.

use std::collections::BTreeMap;
use std::path::Path;

use uuid::Uuid;

/// What a witness has, by work item.
#[derive(Debug, Default)]
pub(crate) struct Notes(BTreeMap<Uuid, Vec<Note>>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) left: bool,
    pub(crate) attempt: i32,
    pub(crate) pid: u32,
}

impl Notes {
    pub(crate) fn read(path: &Path) -> Self {
        let mut notes = Self::default();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // A line that is just being written has no end yet.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let words: Vec<_> = line.split_whitespace().collect();
            let [what, work, attempt, pid] = *words else { panic!("an odd line: {line}") };
            let note = Note {
                left: what == "leave",
                attempt: attempt.parse().unwrap(),
                pid: pid.parse().unwrap(),
            };
            notes.0.entry(work.parse().unwrap()).or_default().push(note);
        }
        notes
    }

    /// The entries of an item, as they happened.
    pub(crate) fn entries(&self, work: Uuid) -> Vec<Note> {
        self.of(work, false)
    }

    /// The attempts of an item that came to a good end.
    pub(crate) fn exits(&self, work: Uuid) -> Vec<Note> {
        self.of(work, true)
    }

    fn of(&self, work: Uuid, left: bool) -> Vec<Note> {
        let all = self.0.get(&work).into_iter().flatten();
        all.filter(|note| note.left == left).cloned().collect()
    }
}

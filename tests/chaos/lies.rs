//! Wrong clocks for workers, by libfaketime: what a process takes for the time of day is written in a
//! file that it reads again and again. Monotonic time stays what it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// A file for each seat.
#[derive(Debug, Clone)]
pub(crate) struct Clocks {
    folder: PathBuf,
    library: String,
}

impl Clocks {
    /// The library is found by the program that comes with it.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        let output = Command::new("faketime").args(["-m", "-f", "+0", "env"]).output();
        let output = output.context("`faketime` is needed: is it installed?")?.stdout;
        let library = String::from_utf8(output)?
            .lines()
            .find_map(|line| line.strip_prefix("LD_PRELOAD=").map(str::to_owned))
            .context("`faketime` does not say where its library is")?;
        Ok(Self { folder: folder.to_owned(), library })
    }

    fn file(&self, seat: usize) -> PathBuf {
        self.folder.join(format!("clock-{seat}"))
    }

    /// From now on the clock of a seat is off by so much, as in `-10m` and `+400d`.
    pub(crate) fn set(&self, seat: usize, off: &str) -> anyhow::Result<()> {
        // In one step: nobody reads half of it.
        let new = self.folder.join("clock");
        std::fs::write(&new, format!("{off}\n"))?;
        Ok(std::fs::rename(new, self.file(seat))?)
    }

    /// What the environment of the worker on a seat has to say.
    pub(crate) fn variables(&self, seat: usize) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", self.library.clone()),
            ("FAKETIME_TIMESTAMP_FILE", self.file(seat).display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }
}

//! What was done to whom and when: printed as it happens, and kept beside the run.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The timeline of a run. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Timeline(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    begun: Instant,
    file: Mutex<File>,
}

impl Timeline {
    pub(crate) fn begin(folder: &Path) -> anyhow::Result<Self> {
        let file = Mutex::new(File::create(folder.join("timeline"))?);
        Ok(Self(Arc::new(Inner { begun: Instant::now(), file })))
    }

    pub(crate) fn begun(&self) -> Instant {
        self.0.begun
    }

    /// `t+ms what target detail`
    pub(crate) fn note(&self, what: &str, target: &str, detail: &str) {
        let line = format!("t+{} {what} {target} {detail}", self.0.begun.elapsed().as_millis());
        println!("{line}");
        // A full disk shows elsewhere.
        let _ = writeln!(self.0.file.lock().unwrap(), "{line}");
    }
}

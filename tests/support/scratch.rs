//! A folder of a test's own, for what programs write beside it.

use std::path::{Path, PathBuf};

/// A folder that goes with it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    keeps: bool,
}

impl Scratch {
    /// A new one, with a word in its name that says whose it is.
    #[must_use]
    pub fn new(of: &str) -> Self {
        let name = format!("workpool-{of}-{}", uuid::Uuid::now_v7());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self { path, keeps: false }
    }

    /// One that stays when the test fails, to be read.
    #[must_use]
    pub fn kept_on_failure(of: &str) -> Self {
        let mut scratch = Self::new(of);
        scratch.keeps = true;
        scratch
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.keeps && std::thread::panicking() {
            println!("kept for reading: {}", self.path.display());
        } else {
            // A process that is on its way out may still write; then a little stays.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

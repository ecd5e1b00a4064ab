//! What the tests share: a stage to play on, gates to hold handlers at, a witness of what they did,
//! and waiting that ends. Time is nowhere used to synchronize.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "seeds, and where to look after a failure")]

mod events;
mod gates;
mod http;
mod log;
pub mod pooler;
mod process;
pub mod program;
mod proxy;
mod random;
mod scene;
mod scratch;
mod stage;
mod waiting;
mod wire;
mod witness;

pub use events::{Event, Events};
pub use gates::Gates;
pub use http::get;
pub use log::log_to_stderr;
pub use process::Process;
pub use proxy::{Fault, Loses, Proxy};
pub use random::Random;
pub use scene::{Scene, encoded};
pub use scratch::Scratch;
pub use stage::Stage;
pub use waiting::{PATIENCE, eventually, patiently};
pub use wire::{Weather, Wire};
pub use witness::{Inside, Witness};

/// Databases and workers.
pub mod setup {
    use std::time::Duration;

    use workpool::testing::TestDatabase;
    use workpool::{WorkerBuilder, Workpool};

    /// A fresh database.
    pub async fn database() -> TestDatabase {
        TestDatabase::create().await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// A worker with short times.
    pub fn quick(workpool: &Workpool) -> WorkerBuilder {
        workpool
            .worker()
            .lease(Duration::from_secs(2))
            .heartbeat(Duration::from_millis(200))
            .poll_interval(Duration::from_millis(100))
    }
}

/// The programs of the README compile, and the last one runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;

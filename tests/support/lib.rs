//! What the tests share.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// A worker with short times.
pub mod setup {
    use std::time::Duration;

    use workpool::testing::TestDatabase;
    use workpool::{Workpool, WorkerBuilder};

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
    #[expect(unused, reason = "x")]
    fn x() { Some(1).unwrap(); }
}

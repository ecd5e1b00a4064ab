//! Workers.

use std::collections::HashMap;

use uuid::Uuid;

use super::{BOUNDS, Inspector};
use crate::error::Result;
use crate::view::{WorkerPool, WorkerRow};

impl Inspector {
    /// The workers that have registered and are not yet forgotten, the living ones first.
    pub async fn workers(&self) -> Result<Vec<WorkerRow>> {
        let store = self.workpool.store();
        let (mut workers, slots) = self
            .read(async |conn| {
                let workers = store.list_workers(conn).await?;
                Ok((workers, store.list_slots(conn, BOUNDS).await?))
            })
            .await?;
        let mut pools: HashMap<Uuid, Vec<WorkerPool>> = HashMap::new();
        for (worker, pool) in slots {
            pools.entry(worker).or_default().push(pool);
        }
        for worker in &mut workers {
            worker.pools = pools.remove(&worker.id).unwrap_or_default();
        }
        Ok(workers)
    }
}

//! What is measured of a worker once in a while, rather than counted as it happens.

use std::sync::Arc;

use super::shared::Shared;
use crate::meter::Sample;
use crate::store::{PoolCounts, SqlResult};

/// Its own state: also while the database cannot be reached.
pub(crate) fn sample(shared: &Shared) {
    let links = &shared.connections;
    shared.meter.sampled(&Sample {
        lease: shared.lease.left(),
        transactions: shared.permits.in_use(),
        connections: [
            ("control", links.control.in_use()),
            ("ends", links.ending.in_use()),
            ("mutations", links.bodies.in_use()),
            ("callbacks", links.callbacks.in_use()),
            ("application", shared.workpool.link().in_use()),
        ],
    });
}

/// What waits in a pool that this worker reports.
pub(crate) async fn look(shared: &Shared, counts: &PoolCounts) -> SqlResult<()> {
    let store = shared.store();
    let look = shared.control(async |conn| store.look(conn, &counts.pool).await).await?;
    shared.meter.looked(&Arc::from(&*counts.pool), counts.backlog, &look);
    Ok(())
}

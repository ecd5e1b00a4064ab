//! `workers`.

use std::time::Duration;

use comfy_table::{Cell, Color};
use workpool::inspect::{Inspector, WorkerRow};

use crate::exit::{End, Failed};
use crate::output::{Out, clean, table, time};
use crate::pools::number;

pub(crate) async fn workers(inspector: &Inspector, out: &Out) -> Result<End, Failed> {
    out.answer(&inspector.workers().await?, |workers| {
        if workers.is_empty() {
            return "no worker has registered".into();
        }
        let columns =
            ["HOST", "PROCESS", "VERSION", "STATE", "LEASE", "RUNNING", "SLOTS", "POOLS", "ID"];
        let mut rows = table(&columns);
        for worker in workers {
            let sum = |of: fn(&workpool::inspect::WorkerPool) -> u64| {
                worker.pools.iter().map(of).sum::<u64>()
            };
            rows.add_row([
                clean(&worker.host).into(),
                number(worker.pid),
                clean(&worker.version).into(),
                state(worker),
                lease(worker).into(),
                number(sum(|pool| pool.running)),
                number(sum(|pool| pool.granted)),
                number(worker.pools.len()),
                worker.id.to_string().into(),
            ]);
        }
        rows.to_string()
    })?;
    Ok(End::Done)
}

fn state(worker: &WorkerRow) -> Cell {
    if worker.alive {
        Cell::new("alive").fg(Color::Green)
    } else {
        Cell::new("dead").fg(Color::Red)
    }
}

fn lease(worker: &WorkerRow) -> String {
    let left = time(Duration::from_millis(worker.lease_left_ms.unsigned_abs()));
    if worker.lease_left_ms < 0 { format!("over for {left}") } else { format!("{left} left") }
}

//! `status` and `pools`.

use std::fmt::Write;

use comfy_table::{Cell, CellAlignment};
use serde::Serialize;
use workpool::inspect::{Health, Inspector, PoolOverview};

use crate::exit::{End, Failed};
use crate::output::{Out, clean, facts, health, millis, table};

#[derive(Debug, Serialize)]
struct Status {
    schema: String,
    workers: u64,
    pools: Vec<PoolOverview>,
}

pub(crate) async fn status(inspector: &Inspector, out: &Out) -> Result<End, Failed> {
    let workers = inspector.workers().await?;
    let status = Status {
        schema: inspector.workpool().schema().to_owned(),
        workers: workers.iter().filter(|worker| worker.alive).count() as u64,
        pools: inspector.pools().await?,
    };
    out.answer(&status, |status| {
        let sum = |of: fn(&PoolOverview) -> u64| status.pools.iter().map(of).sum::<u64>();
        let capped = if status.pools.iter().any(|pool| pool.backlog.more) { "+" } else { "" };
        let mut text = format!(
            "{} workers, {} pools; {} run, {}{capped} due, {} failed in the last hour\n",
            status.workers,
            status.pools.len(),
            sum(|pool| pool.running.items),
            sum(|pool| pool.backlog.items),
            sum(|pool| pool.hour.failed),
        );
        let ill = || status.pools.iter().filter(|pool| pool.health != Health::Ok);
        if ill().next().is_none() {
            text.push_str("all pools do what they should");
            return text;
        }
        let mut rows = table(&["POOL", "HEALTH", "WHY"]);
        for pool in ill() {
            rows.add_row([
                clean(&pool.name).into(),
                health(pool.health),
                clean(&pool.reason).into(),
            ]);
        }
        let _ = write!(text, "{rows}");
        text
    })?;
    Ok(End::Done)
}

pub(crate) async fn pools(
    inspector: &Inspector,
    name: Option<String>,
    out: &Out,
) -> Result<End, Failed> {
    if let Some(name) = name {
        let unknown = || workpool::Error::UnknownPool(name.clone());
        let pool = inspector.pool(&name).await?.ok_or_else(unknown)?;
        out.answer(&pool, one)?;
        return Ok(End::Done);
    }
    out.answer(&inspector.pools().await?, |pools| {
        let columns = [
            "POOL", "HEALTH", "RUNNING", "LIMIT", "DUE", "LAG", "LATER", "DONE/H", "FAILED/H",
            "WHY",
        ];
        let mut rows = table(&columns);
        for pool in pools {
            let limit = pool.max_parallelism.to_string();
            rows.add_row([
                clean(&pool.name).into(),
                health(pool.health),
                number(pool.running),
                number(if pool.paused { "paused".into() } else { limit }),
                number(pool.backlog),
                number(if pool.backlog.is_zero() { "-".into() } else { millis(pool.lag_ms) }),
                number(pool.scheduled),
                number(pool.hour.succeeded),
                number(pool.hour.failed),
                clean(&pool.reason).into(),
            ]);
        }
        rows.to_string()
    })?;
    Ok(End::Done)
}

fn one(pool: &PoolOverview) -> String {
    let holder = |holder: &workpool::inspect::Holder| {
        let host = holder.host.as_deref().map_or_else(|| holder.worker.to_string(), clean);
        let pid = holder.pid.map(|pid| format!(":{pid}")).unwrap_or_default();
        format!("{host}{pid} ({})", holder.granted)
    };
    let ended = |ended: workpool::inspect::Ended| {
        let workpool::inspect::Ended { succeeded, failed, retries, canceled, .. } = ended;
        format!("{succeeded} succeeded, {failed} failed, {canceled} canceled, {retries} retries")
    };
    facts([
        ("pool", clean(&pool.name)),
        ("health", format!("{} {}", pool.health, clean(&pool.reason))),
        ("limit", format!("{}{}", pool.max_parallelism, if pool.paused { ", paused" } else { "" })),
        ("running", pool.running.to_string()),
        ("due", format!("{}, the oldest for {}", pool.backlog, millis(pool.lag_ms))),
        ("later", pool.scheduled.to_string()),
        ("last minute", ended(pool.minute)),
        ("last hour", ended(pool.hour)),
        ("workers", pool.workers.to_string()),
        ("slots held by", pool.holders.iter().map(holder).collect::<Vec<_>>().join(", ")),
        ("parked callbacks", pool.parked_callbacks.to_string()),
    ])
}

pub(crate) fn number(value: impl Into<Cell>) -> Cell {
    value.into().set_alignment(CellAlignment::Right)
}

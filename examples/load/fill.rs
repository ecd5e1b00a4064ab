//! Filling the pools before something is measured.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::Value;
use sqlx::Executor;

use crate::enqueue::rate;
use crate::functions;
use crate::options::{Filler, Options};
use crate::place::Place;

/// What an earlier command has put there, and how much of it ran since.
struct Filled {
    config: String,
    pools: i64,
    items: i64,
    executed: i64,
}

const FILLED: &str = "
    SELECT config, pools, items, (SELECT COALESCE(sum(executed), 0) FROM load_runs)::bigint AS executed
    FROM load_fill";

/// Everything of ours but the rows of `fill`, which have a name.
const CLEAR: &str = "
    DELETE FROM workpool.work WHERE pool ~ '^load(-\\d+)?$' AND name IS NULL;
    DELETE FROM workpool.finished WHERE pool ~ '^load(-\\d+)?$' AND name IS NULL;
    DELETE FROM workpool.callbacks;
    TRUNCATE load_rows, load_fill, load_runs";

/// Forgets what earlier runs have left.
pub(crate) async fn clear(place: &mut Place) -> Result<()> {
    place.observer.execute(CLEAR).await?;
    Ok(())
}

/// Adds `n` items to what waits, or starts anew if that is of another kind or was run.
pub(crate) async fn prefill(place: &mut Place, options: &Options) -> Result<Value> {
    let filled = Filled::read(place).await?;
    let offset = match filled {
        Some(filled) if filled.is_like(options) && filled.executed == 0 => filled.items,
        _ => {
            clear(place).await?;
            0
        }
    };
    place.make_pools(options).await?;
    let begun = Instant::now();
    let names = options.pool_names();
    let pools = i64::from(options.pools.max(1));
    ensure!(options.n % pools == 0, "{} items cannot be spread over {pools} pools", options.n);
    let end = offset + options.n;
    let share = (options.n / pools).max(1);
    let mut from = offset;
    let mut place_of = names.iter().cycle();
    while from < end {
        let pool = place_of.next().expect("a cycle");
        let to = (from + share).min(end);
        for start in (from..to).step_by(usize::try_from(options.chunk.max(1))?) {
            let numbers = start..(start + options.chunk.max(1)).min(to);
            let db = &place.workpool;
            functions::enqueue_batch(db, options.config, pool, numbers).await?;
        }
        from = to;
    }
    sqlx::query("DELETE FROM load_fill").execute(&mut place.observer).await?;
    sqlx::query("INSERT INTO load_fill (config, pools, items) VALUES ($1, $2, $3)")
        .bind(options.config.as_str())
        .bind(pools)
        .bind(end)
        .execute(&mut place.observer)
        .await?;
    Ok(rate(options.n, begun))
}

impl Filled {
    async fn read(place: &mut Place) -> Result<Option<Self>> {
        let filled = sqlx::query_as(FILLED).fetch_optional(&mut place.observer).await?;
        let of = |(config, pools, items, executed)| Self { config, pools, items, executed };
        Ok(filled.map(of))
    }

    fn is_like(&self, options: &Options) -> bool {
        self.config == options.config.as_str() && self.pools == i64::from(options.pools.max(1))
    }
}

/// Sees to it that `n` items of the right kind wait, of which another process may run some already.
pub(crate) async fn ready(place: &mut Place, options: &Options) -> Result<()> {
    place.lock().await?;
    let filled = Filled::read(place).await?;
    let fits = filled.is_some_and(|filled| {
        filled.is_like(options) && filled.items == options.n && filled.executed < filled.items
    });
    if !fits {
        clear(place).await?;
        prefill(place, options).await?;
        place.settle().await?;
    }
    place.make_pools(options).await?;
    place.unlock().await
}

/// Ids as a program makes them: they begin with the time.
const ID: &str = "
    (lpad(to_hex((extract(epoch FROM now() - interval '1 hour') * 1000)::bigint + g / 100), 12, '0')
        || '7' || substr(md5(g::text), 1, 3) || '8' || substr(md5(g::text), 4, 15))::uuid";
const ENDED: &str = "
    INSERT INTO workpool.finished (
        id, pool, function, kind, name, outcome, attempts, enqueued_at, started_at, finished_at, expires_at, result
    )
    SELECT {id}, 'load', w.function, w.kind, 'filler', 0, 1, now(), now(), now(), now() + interval '1 day', '{\"ok\":true}'
    FROM workpool.work w, generate_series(1, $1) g WHERE w.name = 'pattern'";
const LATER: &str = "
    INSERT INTO workpool.work (id, pool, function, kind, name, run_at, status_ttl_ms, args)
    SELECT {id}, 'load', w.function, w.kind, 'filler', now() + {delay} + g * interval '1 microsecond', w.status_ttl_ms, '{\"n\":-1}'
    FROM workpool.work w, generate_series(1, $1) g WHERE w.name = 'pattern'";

/// Writes rows straight into the tables, a million in some seconds.
pub(crate) async fn fill(place: &mut Place, options: &Options) -> Result<Value> {
    let begun = Instant::now();
    functions::enqueue_pattern(&place.workpool).await?;
    let (text, delay) = match options.what {
        Filler::Finished => (ENDED, ""),
        Filler::Scheduled => (LATER, "interval '1 year'"),
        Filler::Waiting => (LATER, "interval '-1 hour'"),
    };
    let text = text.replace("{id}", ID).replace("{delay}", delay);
    let written = sqlx::query(sqlx::AssertSqlSafe(text)).bind(options.n);
    written.execute(&mut place.observer).await?;
    place.observer.execute("DELETE FROM workpool.work WHERE name = 'pattern'").await?;
    place.settle().await?;
    Ok(rate(options.n, begun))
}

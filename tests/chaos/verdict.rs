//! What is said at the end: each breach, and one line of JSON; and what is kept after a failure.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use sqlx::postgres::PgPoolCopyExt;
use workpool::Workpool;
use workpool::testing::Postgres;

use crate::Options;
use crate::books::Books;
use crate::fleet::Death;
use crate::items::Item;
use crate::monitor::Seen;
use crate::oracle::{Findings, Oracle};
use crate::outside::Outside;
use crate::overlap;
use crate::recovery::Times;
use crate::run::Setting;
use crate::scenarios::percentiles;

/// More are only counted.
const SHOWN: usize = 20;
/// Percent by which a process may grow after its first minute.
const GROWTH: u64 = 10;

/// The verdict of a run.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) breaches: Vec<String>,
    facts: Map<String, Value>,
    folder: PathBuf,
    exposures: usize,
}

impl Verdict {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { breaches: Vec::new(), facts: Map::new(), folder, exposures: 0 }
    }

    /// One more member of the line at the end.
    pub(crate) fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// A number among the facts.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.facts.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// So many more trials in which a promise could have been broken.
    pub(crate) fn expose(&mut self, trials: usize) {
        self.exposures += trials;
    }

    pub(crate) fn take_seen(&mut self, seen: Seen) {
        self.fact("connections", seen.connections);
        self.fact("growth_percent", seen.growth());
        if let Some(growth) = seen.growth().filter(|growth| *growth > GROWTH) {
            self.breaches.push(format!("a worker grew by {growth} %"));
        }
        self.breaches.extend(seen.breaches);
    }

    /// Holds everything against the promises.
    pub(crate) async fn judge(
        &mut self,
        workpool: &Workpool,
        items: &[Item],
        outside: &Outside,
        deaths: &[Death],
        setting: &Setting,
        options: &Options,
    ) -> Result<Books, sqlx::Error> {
        self.check_rest(workpool).await?;
        let books = Books::read(workpool.db()).await?;
        let (sightings, children) = (outside.sightings(), outside.children());
        let findings = Oracle::new(&books, &sightings, &children, setting.exact).judge(items);
        self.take_findings(findings);
        if setting.steady {
            let most = overlap::most(setting.limits.len(), items, &sightings, &books);
            for (nth, (most, limit)) in most.iter().zip(&setting.limits).enumerate() {
                if *most > i64::from(*limit) {
                    self.breaches.push(format!("{most} were inside of pool {nth} of {limit}"));
                }
            }
            self.fact("most_inside", most);
        }
        if !deaths.is_empty() {
            self.take_times(&Times::of(deaths, &books, options.lease()), options);
        }
        Ok(books)
    }

    fn take_findings(&mut self, findings: Findings) {
        self.fact("items", findings.items);
        self.fact("succeeded", findings.succeeded);
        self.fact("canceled", findings.canceled);
        self.fact("lost", findings.lost);
        self.fact("entries", findings.entries);
        self.fact("unknown", findings.unknown);
        // A run in which everything fails at once must not pass.
        if findings.untouched * 20 > findings.items {
            self.breaches.push(format!("{} items were entered by nobody", findings.untouched));
        }
        self.breaches.extend(findings.breaches);
    }

    fn take_times(&mut self, times: &Times, options: &Options) {
        let (p99, max) = (times.percentile(99), times.percentile(100));
        self.fact("recovery_ms", percentiles(times.all().to_vec()));
        for (what, time, beyond) in [("p99", p99, 2), ("max", max, 5)] {
            let bound = options.bound(options.lease() + Duration::from_secs(beyond));
            if time > bound {
                self.breaches.push(format!("recovery takes {time:?} ({what}), beyond {bound:?}"));
            }
        }
    }

    /// All workers have ended in order: nothing of them is left, and nothing of the work.
    async fn check_rest(&mut self, workpool: &Workpool) -> Result<(), sqlx::Error> {
        for (sql, what) in [
            ("SELECT count(*) FROM workpool.workers", "workers"),
            ("SELECT count(*) FROM workpool.slots", "rows of slots"),
            ("SELECT count(*) FROM workpool.work", "items"),
            ("SELECT count(*) FROM workpool.callbacks", "callbacks"),
            ("SELECT count(*) FROM audit_running", "running items"),
            ("SELECT count(*) FROM audit_breaches", "starts beyond the limit"),
            ("SELECT count(*) FROM audit_moves WHERE NOT legal", "illegal steps"),
            ("SELECT count(*) FROM audit_slots WHERE granted < running", "grants below what ran"),
        ] {
            let left: i64 = sqlx::query_scalar(sql).fetch_one(workpool.db()).await?;
            if left > 0 {
                self.breaches.push(format!("{left} {what} at the end"));
            }
        }
        Ok(())
    }

    /// Says everything. Whether all promises held.
    pub(crate) async fn close(
        mut self,
        server: &Postgres,
        workpool: &Workpool,
        outside: &Outside,
        items: &[Item],
    ) -> bool {
        for breach in self.breaches.iter().take(SHOWN) {
            println!("BREACH {breach}");
        }
        let holds = self.breaches.is_empty();
        if !holds {
            if let Err(error) = self.keep(server, workpool, outside, items).await {
                println!("not all evidence could be kept: {error}");
            }
            let mut again: Vec<_> = std::env::args().skip(1).collect();
            if let Some(at) = again.iter().position(|argument| argument == "--seed") {
                again.drain(at..(at + 2).min(again.len()));
            }
            let seed = self.facts.get("seed").map(Value::to_string).unwrap_or_default();
            println!("kept in {}", self.folder.display());
            println!("again: chaos {} --seed {seed}", again.join(" "));
        }
        self.fact("exposures", self.exposures);
        // Without a failure in n trials, the failure rate is below 3/n with 95 % confidence.
        let trials = u32::try_from(self.exposures).ok().filter(|trials| *trials > 0);
        self.fact("bound", trials.map(|trials| 3.0 / f64::from(trials)));
        self.fact("breaches", self.breaches.len());
        println!("{}", Value::Object(std::mem::take(&mut self.facts)));
        if holds {
            // Nobody misses it.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
        holds
    }

    async fn keep(
        &self,
        server: &Postgres,
        workpool: &Workpool,
        outside: &Outside,
        items: &[Item],
    ) -> anyhow::Result<()> {
        let write = |name: &str, lines: &mut dyn Iterator<Item = String>| {
            let mut text = String::new();
            for line in lines {
                writeln!(text, "{line}").expect("writing to a string cannot fail");
            }
            std::fs::write(self.folder.join(name), text)
        };
        write("breaches", &mut self.breaches.iter().cloned())?;
        write("items", &mut items.iter().map(|item| format!("{item:?}")))?;
        write("outside", &mut outside.sightings().iter().map(|seen| format!("{seen:?}")))?;
        if let Some(log) = server.log_file() {
            std::fs::copy(log, self.folder.join("postgres.log"))?;
        }
        for table in [
            "audit_moves",
            "audit_slots",
            "audit_workers",
            "audit_breaches",
            "audit_ends",
            "ledger",
            "callback_ledger",
            "workpool.finished",
            "workpool.work",
            "workpool.workers",
            "workpool.slots",
            "workpool.callbacks",
        ] {
            copy(workpool, table, &self.folder).await?;
        }
        Ok(())
    }
}

async fn copy(workpool: &Workpool, table: &str, folder: &Path) -> anyhow::Result<()> {
    let statement = format!("COPY {table} TO STDOUT (FORMAT csv, HEADER)");
    let mut rows = workpool.db().copy_out_raw(&statement).await?;
    let mut text = Vec::new();
    while let Some(row) = rows.try_next().await? {
        text.extend_from_slice(&row);
    }
    std::fs::write(folder.join(format!("{table}.csv")), text)?;
    Ok(())
}

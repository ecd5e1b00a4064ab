//! The server goes away, crashes, throws sessions out and turns read-only, under load.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::time::{Instant, sleep, timeout};
use workpool::testing::Stop;
use workpool_tests::Random;

use super::percentiles;
use crate::Options;
use crate::books::{Books, Step};
use crate::clock::Moment;
use crate::logs;
use crate::run::{Run, Setting};
use crate::verdict::Verdict;

const LIMITS: [u32; 8] = [20, 15, 10, 8, 6, 4, 3, 2];
const STORMS_EACH: usize = 10;
/// What happens to the server in twenty of twenty-four outages, and in the others.
const OUTAGES: [Outage; 24] = {
    use Outage::{Crash, Fast, Immediate, ReadOnly};
    [
        Fast, Fast, Fast, Fast, Fast, Fast, Fast, Fast, Immediate, Immediate, Immediate, Immediate,
        Immediate, Immediate, Crash, Crash, Crash, Crash, Crash, Crash, ReadOnly, ReadOnly,
        ReadOnly, ReadOnly,
    ]
};
/// After an outage nothing else happens for so long: what workers log then is of the outage.
const CALM: Duration = Duration::from_millis(2500);
const LINES: usize = 20;
const FIRST_CLAIM: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outage {
    Fast,
    Immediate,
    /// A server process is killed, and all others have to start anew.
    Crash,
    ReadOnly,
}

/// Whose sessions are terminated.
#[derive(Debug, Clone, Copy)]
enum Whose {
    One,
    Half,
    All,
}

#[derive(Debug)]
enum Fault {
    Outage { what: Outage, down: Duration, victim: f64 },
    Terminate { whose: Whose, pause: Duration },
}

/// From the beginning of an outage to the moment when the server was ready again.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Moment,
    ready: Moment,
}

pub(crate) async fn run(options: &Options, seed: u64) -> anyhow::Result<bool> {
    let setting = Setting {
        scenario: "database",
        items: options.items.unwrap_or(40_000),
        ms: (20, 280),
        limits: LIMITS.to_vec(),
        ..Setting::usual()
    };
    let mut run = Run::begin(options, setting, seed).await?;
    let feed = run.feed();
    sleep(CALM).await;
    let mut spans = Vec::new();
    for fault in plan(options, seed) {
        match fault {
            Fault::Terminate { whose, pause } => {
                sleep(pause).await;
                terminate(&mut run, whose).await?;
            }
            Fault::Outage { what, down, victim } => {
                spans.push(outage(&mut run, what, down, victim).await?);
                sleep(CALM).await;
            }
        }
    }
    let bound = run.options.bound(FIRST_CLAIM);
    let lines = run.options.scaled(LINES);
    let (folder, seats) = (run.verdict.folder().to_owned(), run.options.workers);
    let check = |books: &Books, verdict: &mut Verdict| {
        check_claims(&spans, bound, books, verdict);
        let mut most_lines = 0;
        for seat in 0..seats {
            most_lines =
                most_lines.max(check_log(&logs::read(&folder, seat), seat, &spans, lines, verdict));
        }
        verdict.fact("most_lines", most_lines);
    };
    Ok(run.end_with(feed, check).await)
}

fn plan(options: &Options, seed: u64) -> Vec<Fault> {
    let mut random = Random::of(seed);
    let mut outages = OUTAGES;
    random.shuffle(&mut outages);
    let mut faults = Vec::new();
    for what in outages.into_iter().take(options.faults.unwrap_or(OUTAGES.len())) {
        for _ in 0..STORMS_EACH {
            let whose = [Whose::One, Whose::Half, Whose::All][random.index(3)];
            let pause = Duration::from_millis(random.between(100, 500));
            faults.push(Fault::Terminate { whose, pause });
        }
        let down = Duration::from_millis(random.below(5000));
        let victim = f64::from(u32::try_from(random.below(1000)).unwrap_or(0)) / 1000.0;
        faults.push(Fault::Outage { what, down, victim });
    }
    faults
}

/// Everybody's sessions but those of the monitor: the side that enqueues has to live with it too.
async fn terminate(run: &mut Run, whose: Whose) -> anyhow::Result<()> {
    let inside = run.outside.inside_all();
    let (part, hit) = match whose {
        Whose::One => (0.0, 1),
        Whose::Half => (0.5, inside / 2),
        Whose::All => (1.0, inside),
    };
    run.strikes("terminate", &format!("{whose:?}"), hit.min(inside));
    let mut conn = run.server.options().connect().await?;
    sqlx::query(
        "SELECT pg_terminate_backend(pid)
        FROM (
            SELECT pid, row_number() OVER (ORDER BY random()) AS nth, count(*) OVER () AS n
            FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
                AND application_name <> 'chaos monitor'
        ) s
        WHERE nth <= greatest(1, n * $1)",
    )
    .bind(part)
    .execute(&mut conn)
    .await?;
    conn.close().await?;
    Ok(())
}

async fn outage(run: &mut Run, what: Outage, down: Duration, victim: f64) -> anyhow::Result<Span> {
    let from = Moment::now();
    run.strikes("outage", &format!("{what:?} for {down:?}"), run.outside.inside_all());
    match what {
        Outage::Fast | Outage::Immediate => {
            let how = if what == Outage::Fast { Stop::Fast } else { Stop::Immediate };
            run.server.stop(how).await?;
            sleep(down).await;
            run.server.start_again().await?;
        }
        Outage::Crash => crash(run, victim).await?,
        Outage::ReadOnly => {
            read_only(run, "on").await?;
            sleep(down).await;
            read_only(run, "off").await?;
        }
    }
    run.timeline.note("ready", "server", "");
    Ok(Span { from, ready: Moment::now() })
}

/// Kills a process of our own server and waits until that has recovered.
async fn crash(run: &Run, victim: f64) -> anyhow::Result<()> {
    let mut conn = run.server.options().connect().await?;
    let pid: i32 = sqlx::query_scalar(
        "SELECT pid FROM (
            SELECT pid, row_number() OVER (ORDER BY pid) - 1 AS nth, count(*) OVER () AS n
            FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        ) s
        WHERE nth = floor(n * $1)",
    )
    .bind(victim)
    .fetch_one(&mut conn)
    .await?;
    let kill =
        std::process::Command::new("sh").arg("-c").arg(format!("kill -KILL {pid}")).status()?;
    anyhow::ensure!(kill.success(), "a server process could not be killed");
    let limit = Duration::from_secs(30);
    timeout(limit, thrown_out(&mut conn)).await?;
    let begun = Instant::now();
    while run.server.options().connect().await.is_err() {
        anyhow::ensure!(begun.elapsed() < limit, "the server does not recover from a crash");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Waits until the server has thrown out this session with all others.
async fn thrown_out(conn: &mut PgConnection) {
    while sqlx::query("SELECT 1").execute(&mut *conn).await.is_ok() {
        sleep(Duration::from_millis(5)).await;
    }
}

async fn read_only(run: &Run, on: &'static str) -> anyhow::Result<()> {
    let mut conn = run.server.options().connect().await?;
    let set = format!("ALTER SYSTEM SET default_transaction_read_only = {on}");
    sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut conn).await?;
    sqlx::query("SELECT pg_reload_conf()").execute(&mut conn).await?;
    Ok(conn.close().await?)
}

/// Work goes on by itself, soon after the server is back.
fn check_claims(spans: &[Span], bound: Duration, books: &Books, verdict: &mut Verdict) {
    let starts = books.moves.values().flatten().filter(|step| step.what == Step::Start);
    let mut starts: Vec<_> = starts.map(|step| step.at).collect();
    starts.sort_unstable();
    let mut times = Vec::new();
    for span in spans {
        let next = starts.partition_point(|at| *at < span.ready);
        let Some(first) = starts.get(next) else { continue };
        let time = first.since(span.ready);
        times.push(time);
        if time > bound {
            verdict.breaches.push(format!("the first claim came {time:?} after {span:?}"));
        }
    }
    verdict.fact("first_claim_ms", percentiles(times));
}

/// A worker that has no server says so, and does not go on about it. How many lines it took at most.
fn check_log(
    log: &[logs::Line],
    seat: usize,
    spans: &[Span],
    allowed: usize,
    verdict: &mut Verdict,
) -> usize {
    let mut most = 0;
    for span in spans {
        let until = Moment(span.ready.0 + i64::try_from(CALM.as_micros()).unwrap_or(0));
        let of_span = |line: &&logs::Line| line.at >= span.from && line.at < until;
        // What is said of single items is not about the outage.
        let lines = log.iter().filter(of_span).filter(|line| !line.text.contains("work_id="));
        let count = lines.count();
        most = most.max(count);
        if count > allowed {
            verdict.breaches.push(format!("worker {seat} logs {count} lines in {span:?}"));
        }
    }
    most
}

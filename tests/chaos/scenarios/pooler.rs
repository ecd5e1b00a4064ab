//! The storm through PgBouncer: first in transaction mode with workers in pooled mode, then in
//! session mode with workers as they usually are. Nobody meets a statement of somebody else.

use workpool_tests::pooler::Mode;

use super::storm;
use crate::Options;
use crate::books::Books;
use crate::logs;
use crate::roads::Way;
use crate::run::{Run, Setting};
use crate::verdict::Verdict;

const KILLS: usize = 50;
/// A statement that is not there, one that is there already, and a protocol out of step.
const STRANGE: [&str; 3] = ["26000", "42P05", "08P01"];

pub(crate) async fn run(options: &Options, seed: u64) -> anyhow::Result<bool> {
    let transactions = through(Mode::Transaction, "pooler-transaction", options, seed).await?;
    let sessions = through(Mode::Session, "pooler-session", options, seed).await?;
    Ok(transactions && sessions)
}

async fn through(
    mode: Mode,
    scenario: &'static str,
    options: &Options,
    seed: u64,
) -> anyhow::Result<bool> {
    let setting = Setting {
        items: options.items.unwrap_or(15_000),
        way: Way::Pooler(mode),
        server: &[("log_line_prefix", "%m [%p] %q%e ")],
        ..storm::setting(scenario)
    };
    let mut options = options.clone();
    options.folder = options.folder.map(|folder| folder.join(scenario));
    let mut run = Run::begin(&options, setting, seed).await?;
    let feed = storm::kill(&mut run, KILLS, seed).await;
    let (folder, seats) = (run.verdict.folder().to_owned(), options.workers);
    let log = run.server.log_file().map(std::fs::read_to_string).transpose()?.unwrap_or_default();
    let check = move |_: &Books, verdict: &mut Verdict| {
        let said = (0..seats).flat_map(|seat| logs::read(&folder, seat)).map(|line| line.text);
        let lines: Vec<_> = said.chain(log.lines().map(str::to_owned)).collect();
        // Ids and times have such digits too, though not as a word.
        let strange = |line: &&String| {
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
            words.any(|word| STRANGE.contains(&word))
        };
        let strange: Vec<_> = lines.iter().filter(strange).collect();
        verdict.fact("lines", lines.len());
        verdict.fact("strange", strange.len());
        verdict.breaches.extend(strange.iter().take(5).map(|line| format!("logged: {line}")));
    };
    Ok(run.end_with(feed, check).await)
}

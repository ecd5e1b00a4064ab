//! A second process of this program, and what it does there.

use std::env;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use crate::drain;
use crate::functions::{LOAD, stay};
use crate::latency::SETTLE;
use crate::options::Options;
use crate::place::Place;
use crate::tally::Tally;

/// It works until its standard input ends, as it does when this process ends.
pub(crate) struct Remote {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

const LIMIT: Duration = Duration::from_mins(1);

impl Remote {
    pub(crate) async fn start(url: &str, command: &str, more: &[String]) -> Result<Self> {
        let mut program = Command::new(env::current_exe()?);
        program.args([command, "--db", url]).args(more);
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = program.spawn()?;
        let input = child.stdin.take().context("its standard input is a pipe")?;
        let output = child.stdout.take().context("its standard output is a pipe")?;
        let mut output = BufReader::new(output);
        let mut said = String::new();
        timeout(LIMIT, output.read_line(&mut said))
            .await
            .context("the other process is late")??;
        ensure!(said.trim() == "ready", "the other process did not start");
        Ok(Self { child, input, output })
    }

    /// Ends it, and answers with when each item started there.
    pub(crate) async fn finish(mut self) -> Result<Vec<u64>> {
        drop(self.input);
        let mut said = String::new();
        let read = self.output.read_to_string(&mut said);
        timeout(LIMIT, read).await.context("the other process does not end")??;
        let status = self.child.wait().await?;
        ensure!(status.success(), "the other process failed: {status}");
        Ok(serde_json::from_str(&said)?)
    }
}

/// Until whoever started this process has had enough of it.
async fn until_end_of_input() -> Result<()> {
    println!("ready");
    let read = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(read).await??;
    Ok(())
}

/// Runs what another process enqueues.
pub(crate) async fn serve(place: &Place, options: &Options) -> Result<Value> {
    let tally = Tally::expecting(options.n);
    let worker = drain::worker(place, options, &tally).start().await?;
    sleep(SETTLE).await;
    until_end_of_input().await?;
    tally.all(LIMIT / 2).await?;
    worker.shutdown().await;
    ensure!(tally.again() == 0, "{} items ran again", tally.again());
    Ok(json!(tally.started_us()))
}

/// A worker that listens, and whose only slot is taken for as long as it runs.
pub(crate) async fn occupy(place: &Place) -> Result<Value> {
    let tally = Tally::expecting(1);
    place.workpool.pool(LOAD.name()).set_max_parallelism(1).await?;
    // It has a name, as all that is not counted.
    let id = stay::enqueue(&place.workpool, ()).name("stay").await?;
    let worker = place.workpool.worker().state(tally.clone()).start().await?;
    tally.all(LIMIT / 2).await?;
    sleep(SETTLE).await;
    until_end_of_input().await?;
    place.workpool.cancel(id).await?;
    worker.shutdown().await;
    Ok(json!([]))
}

//! A worker's line to the witness outside: nothing goes on before the witness has answered.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// The line of this process. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Line(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    out: mpsc::UnboundedSender<String>,
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    last: u64,
    waiting: HashMap<u64, oneshot::Sender<()>>,
}

/// Somebody is inside of a function. Dropped without having left: it was cut off.
#[derive(Debug)]
pub(crate) struct Visit {
    line: Line,
    entry: u64,
    left: bool,
}

impl Line {
    pub(crate) async fn open(path: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(path).await.context("the witness is not there")?;
        let (from, to) = stream.into_split();
        let (out, lines) = mpsc::unbounded_channel();
        let line = Self(Arc::new(Inner { out, asked: Mutex::default() }));
        tokio::spawn(write(to, lines));
        tokio::spawn(hear(from, line.clone()));
        line.say(&format!("hello {}", std::process::id())).await?;
        Ok(line)
    }

    pub(crate) async fn enter(&self, work: Uuid, attempt: u32) -> anyhow::Result<Visit> {
        let entry = self.say(&format!("enter {work} {attempt}")).await?;
        Ok(Visit { line: self.clone(), entry, left: false })
    }

    /// A child is there for certain.
    pub(crate) async fn confirm(&self, child: Uuid) -> anyhow::Result<()> {
        self.say(&format!("child {child}")).await.map(drop)
    }

    async fn say(&self, what: &str) -> anyhow::Result<u64> {
        let (number, heard) = {
            let mut asked = self.0.asked.lock().unwrap();
            asked.last += 1;
            let (answer, heard) = oneshot::channel();
            let number = asked.last;
            asked.waiting.insert(number, answer);
            // Under the lock, so that numbers come in order.
            self.0.out.send(format!("{number} {what}\n"))?;
            (number, heard)
        };
        heard.await.context("the witness has gone")?;
        Ok(number)
    }

    /// Without an answer: whoever says it does not wait any more.
    fn mention(&self, what: &str) {
        let mut asked = self.0.asked.lock().unwrap();
        asked.last += 1;
        // If the witness has gone, the run is over.
        let _ = self.0.out.send(format!("{} {what}\n", asked.last));
    }
}

impl Visit {
    pub(crate) async fn leave(mut self, well: bool) -> anyhow::Result<()> {
        let how = if well { "well" } else { "badly" };
        self.line.say(&format!("leave {} {how}", self.entry)).await?;
        self.left = true;
        Ok(())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if !self.left {
            self.line.mention(&format!("leave {} cut", self.entry));
        }
    }
}

async fn write(mut to: OwnedWriteHalf, mut lines: mpsc::UnboundedReceiver<String>) {
    while let Some(line) = lines.recv().await {
        if to.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn hear(from: OwnedReadHalf, line: Line) {
    let mut answers = BufReader::new(from).lines();
    while let Ok(Some(answer)) = answers.next_line().await {
        let number = answer.parse().unwrap_or(0);
        if let Some(waiting) = line.0.asked.lock().unwrap().waiting.remove(&number) {
            // Whoever asked may have been cut off meanwhile.
            let _ = waiting.send(());
        }
    }
    line.0.asked.lock().unwrap().waiting.clear();
}

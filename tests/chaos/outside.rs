//! The witness outside: the memory of the driver, which no worker and no server takes with it. A
//! process that dies closes its line, and with it everything that it was inside of.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use uuid::Uuid;

use crate::clock::Moment;

/// One stay inside of a function.
#[derive(Debug, Clone)]
pub(crate) struct Sighting {
    pub(crate) work: Uuid,
    pub(crate) attempt: u32,
    pub(crate) pid: u32,
    pub(crate) entered: Moment,
    pub(crate) left: Option<(Moment, Left)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// About to return a success.
    Well,
    /// About to return an error.
    Badly,
    /// The future was dropped.
    Cut,
    /// The process died.
    Died,
}

#[derive(Debug, Default)]
struct Memory {
    sightings: Vec<Sighting>,
    inside: HashMap<u32, BTreeSet<usize>>,
    children: HashSet<Uuid>,
}

/// The witness. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    path: PathBuf,
    memory: Arc<Mutex<Memory>>,
}

impl Outside {
    /// Listens on a socket at this path.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let listener = UnixListener::bind(path).context("the socket of the witness")?;
        let outside = Self { path: path.to_owned(), memory: Arc::default() };
        let memory = Arc::clone(&outside.memory);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(listen(stream, Arc::clone(&memory)));
            }
        });
        Ok(outside)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many attempts a process is inside of.
    pub(crate) fn inside(&self, pid: u32) -> usize {
        self.memory.lock().unwrap().inside.get(&pid).map_or(0, BTreeSet::len)
    }

    /// How many attempts anybody is inside of.
    pub(crate) fn inside_all(&self) -> usize {
        self.memory.lock().unwrap().inside.values().map(BTreeSet::len).sum()
    }

    /// Everything, as it happened.
    pub(crate) fn sightings(&self) -> Vec<Sighting> {
        self.memory.lock().unwrap().sightings.clone()
    }

    /// The children whose enqueue was confirmed to their parents.
    pub(crate) fn children(&self) -> HashSet<Uuid> {
        self.memory.lock().unwrap().children.clone()
    }
}

async fn listen(stream: UnixStream, memory: Arc<Mutex<Memory>>) {
    let (from, mut to) = stream.into_split();
    let mut lines = BufReader::new(from).lines();
    let mut caller = Caller::default();
    while let Ok(Some(line)) = lines.next_line().await {
        let number = caller.hear(&line, &memory).unwrap_or_else(|| panic!("an odd line: {line}"));
        if to.write_all(format!("{number}\n").as_bytes()).await.is_err() {
            break;
        }
    }
    caller.died(&memory);
}

/// One process on the line.
#[derive(Debug, Default)]
struct Caller {
    pid: u32,
    /// Where it is inside, by the number of the line that said so.
    open: HashMap<u64, usize>,
}

impl Caller {
    fn hear(&mut self, line: &str, memory: &Mutex<Memory>) -> Option<u64> {
        let words: Vec<_> = line.split(' ').collect();
        let (number, rest) = words.split_first()?;
        let number: u64 = number.parse().ok()?;
        let mut memory = memory.lock().unwrap();
        match *rest {
            ["hello", pid] => self.pid = pid.parse().ok()?,
            ["enter", work, attempt] => {
                let (work, attempt) = (work.parse().ok()?, attempt.parse().ok()?);
                let entered = Moment::now();
                let at = memory.sightings.len();
                memory.sightings.push(Sighting {
                    work,
                    attempt,
                    pid: self.pid,
                    entered,
                    left: None,
                });
                memory.inside.entry(self.pid).or_default().insert(at);
                self.open.insert(number, at);
            }
            ["leave", entry, how] => {
                let how = match how {
                    "well" => Left::Well,
                    "badly" => Left::Badly,
                    _ => Left::Cut,
                };
                // One who said that it leaves may be cut off before it hears the answer.
                if let Some(at) = self.open.remove(&entry.parse().ok()?) {
                    self.leave(&mut memory, at, how);
                }
            }
            ["child", id] => {
                memory.children.insert(id.parse().ok()?);
            }
            _ => return None,
        }
        Some(number)
    }

    fn leave(&self, memory: &mut Memory, at: usize, how: Left) {
        memory.sightings[at].left = Some((Moment::now(), how));
        if let Some(inside) = memory.inside.get_mut(&self.pid) {
            inside.remove(&at);
        }
    }

    fn died(&mut self, memory: &Mutex<Memory>) {
        let mut memory = memory.lock().unwrap();
        for at in std::mem::take(&mut self.open).into_values() {
            self.leave(&mut memory, at, Left::Died);
        }
    }
}

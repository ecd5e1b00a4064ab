//! A proxy in front of a server that understands just enough of the protocol to lose what a test
//! names: a statement before the server gets it, or the answer after the server has done it. Or it
//! keeps an answer until the test lets it go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What is to be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The text of the statement.
    pub sql: String,
    /// How the connections concerned call themselves; empty for all.
    pub application: &'static str,
    /// What becomes of it.
    pub loses: Loses,
    /// Only answers with rows count.
    pub with_rows: bool,
    /// Not once, but until it is disarmed.
    pub lasts: bool,
}

/// A statement is done, and the session is ready for the next.
const STRAY: &[u8] = b"C\0\0\0\x10DISCARD ALL\0Z\0\0\0\x05I";

/// How it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loses {
    /// The connection breaks before the server gets the statement.
    Statement,
    /// The connection breaks when the server has done it.
    Answer,
    /// The answer comes when the test says so.
    Time,
    /// Another answer, which nobody asked for, comes first: from then on each comes one late.
    Step,
}

impl Fault {
    /// Strikes once, on any connection.
    #[must_use]
    pub fn new(loses: Loses, sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), application: "", loses, with_rows: false, lasts: false }
    }

    /// Strikes only connections that call themselves like this.
    #[must_use]
    pub fn of(self, application: &'static str) -> Self {
        Self { application, ..self }
    }

    /// Strikes only when there are rows in the answer.
    #[must_use]
    pub fn with_rows(self) -> Self {
        Self { with_rows: true, ..self }
    }

    /// Strikes until it is disarmed.
    #[must_use]
    pub fn lasts(self) -> Self {
        Self { lasts: true, ..self }
    }
}

/// Listens on a port of this machine as long as it lives.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    plan: Arc<Plan>,
    over: CancellationToken,
}

#[derive(Debug)]
struct Plan {
    armed: Mutex<Vec<Fault>>,
    hits: watch::Sender<usize>,
    /// Whether answers that are kept may go.
    open: watch::Sender<bool>,
    /// All connections so far.
    lines: Mutex<Vec<Arc<Mutex<Turns>>>>,
}

impl Proxy {
    /// In front of the server on that port.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Plan {
            armed: Mutex::default(),
            hits: watch::Sender::new(0),
            open: watch::Sender::new(false),
            lines: Mutex::default(),
        });
        let over = CancellationToken::new();
        let accept = {
            let (plan, over) = (Arc::clone(&plan), over.clone());
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
                        continue;
                    };
                    tokio::spawn(serve(client, server, Arc::clone(&plan), over.child_token()));
                }
            }
        };
        tokio::spawn(over.clone().run_until_cancelled_owned(accept));
        Self { port, plan, over }
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// From now on the fault strikes.
    pub fn arm(&self, fault: Fault) {
        self.plan.armed.lock().unwrap().push(fault);
    }

    /// No fault strikes any more. Whether one was left.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn disarm(&self) -> bool {
        !std::mem::take(&mut *self.plan.armed.lock().unwrap()).is_empty()
    }

    /// Whether a fault is left that has not struck.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        !self.plan.armed.lock().unwrap().is_empty()
    }

    /// From now on nothing that the server sends on the present connections of this name arrives,
    /// as when a router forgets them: both sides believe that they are connected.
    pub fn mute(&self, application: &str) {
        for line in self.plan.lines.lock().unwrap().iter() {
            let mut turns = line.lock().unwrap();
            turns.muted |= turns.application.contains(application);
        }
    }

    /// Kept answers go.
    pub fn let_go(&self) {
        self.plan.open.send_replace(true);
    }

    /// How many faults have struck.
    #[must_use]
    pub fn hits(&self) -> usize {
        *self.plan.hits.borrow()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

impl Plan {
    /// What is to happen to this execution.
    fn matches(&self, application: &str, sql: &str) -> Option<Fault> {
        let armed = self.armed.lock().unwrap();
        let concerned =
            |fault: &&Fault| fault.sql == sql && application.contains(fault.application);
        armed.iter().find(concerned).cloned()
    }

    /// It strikes now, unless it did so on another connection.
    fn strike(&self, fault: &Fault) -> bool {
        let mut armed = self.armed.lock().unwrap();
        let Some(at) = armed.iter().position(|armed| armed == fault) else { return false };
        if !fault.lasts {
            armed.remove(at);
        }
        drop(armed);
        self.hits.send_modify(|hits| *hits += 1);
        true
    }
}

/// What both directions of a connection share.
#[derive(Debug, Default)]
struct Turns {
    /// Requests for an answer, and whole answers.
    asked: u64,
    answered: u64,
    /// The answer that is to be lost.
    held: Option<Held>,
    /// How the client calls itself.
    application: String,
    /// Nothing from the server arrives any more.
    muted: bool,
}

#[derive(Debug)]
struct Held {
    answer: u64,
    fault: Fault,
    rows: bool,
    bytes: Vec<u8>,
}

async fn serve(client: TcpStream, server: TcpStream, plan: Arc<Plan>, over: CancellationToken) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // The first answer belongs to the startup.
    let turns = Arc::new(Mutex::new(Turns { asked: 1, ..Turns::default() }));
    plan.lines.lock().unwrap().push(Arc::clone(&turns));
    let forth = forth(from_client, to_server, &plan, &turns);
    let back = back(from_server, to_client, &plan, &turns);
    tokio::select! {
        _ = forth => {}
        _ = back => {}
        () = over.cancelled() => {}
    }
    // Both sides are dropped here: the server sees the end, and so does the client.
}

/// From the client to the server. Ends with the connection.
async fn forth(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    plan: &Plan,
    turns: &Mutex<Turns>,
) -> std::io::Result<()> {
    let startup = frame(&mut from, Vec::new()).await?;
    let application = parameter(&startup, "application_name");
    turns.lock().unwrap().application.clone_from(&application);
    to.write_all(&startup).await?;
    let mut statements = HashMap::new();
    loop {
        let kind = from.read_u8().await?;
        let message = frame(&mut from, vec![kind]).await?;
        let mut texts = message[5..].split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let mut next = || texts.next().unwrap_or_default().into_owned();
        let executes = match kind {
            b'P' => {
                let name = next();
                statements.insert(name, next());
                None
            }
            b'B' => {
                next();
                statements.get(&next()).cloned()
            }
            b'Q' => Some(next()),
            _ => None,
        };
        if let Some(fault) = executes.and_then(|sql| plan.matches(&application, &sql)) {
            if fault.loses == Loses::Statement && plan.strike(&fault) {
                return Ok(());
            }
            let mut turns = turns.lock().unwrap();
            let answer = turns.asked + 1;
            turns.held = Some(Held { answer, fault, rows: false, bytes: Vec::new() });
        }
        if matches!(kind, b'S' | b'Q') {
            turns.lock().unwrap().asked += 1;
        }
        to.write_all(&message).await?;
    }
}

/// From the server to the client. Ends with the connection.
async fn back(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    plan: &Plan,
    turns: &Mutex<Turns>,
) -> std::io::Result<()> {
    loop {
        let kind = from.read_u8().await?;
        let message = frame(&mut from, vec![kind]).await?;
        let passed = turns.lock().unwrap().pass(kind, message, plan);
        match passed {
            Passed::On(bytes) => to.write_all(&bytes).await?,
            Passed::Later(bytes) => {
                // It fails only when nobody can let it go any more.
                let _ = plan.open.subscribe().wait_for(|open| *open).await;
                to.write_all(&bytes).await?;
            }
            Passed::Never => return Ok(()),
        }
    }
}

/// What becomes of a message from the server.
enum Passed {
    /// It goes on, or nothing of it does yet.
    On(Vec<u8>),
    /// It goes on when the test says so.
    Later(Vec<u8>),
    /// The connection breaks now.
    Never,
}

impl Turns {
    fn pass(&mut self, kind: u8, message: Vec<u8>, plan: &Plan) -> Passed {
        let ready = kind == b'Z';
        if self.muted {
            return Passed::On(Vec::new());
        }
        let turn = self.answered + 1;
        self.answered += u64::from(ready);
        let Some(held) = self.held.as_mut().filter(|held| held.answer == turn) else {
            return Passed::On(message);
        };
        held.rows |= kind == b'D';
        held.bytes.extend(message);
        if !ready {
            return Passed::On(Vec::new());
        }
        let Some(held) = self.held.take() else { return Passed::Never };
        let spared = held.fault.with_rows && !held.rows;
        if spared || !plan.strike(&held.fault) {
            return Passed::On(held.bytes);
        }
        match held.fault.loses {
            Loses::Time => Passed::Later(held.bytes),
            Loses::Step => Passed::On([STRAY, &held.bytes].concat()),
            Loses::Answer | Loses::Statement => Passed::Never,
        }
    }
}

/// A message with its length, after what has been read of it.
async fn frame(from: &mut OwnedReadHalf, mut head: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    head.extend(length.to_be_bytes());
    let start = head.len();
    head.resize(start + length as usize - 4, 0);
    from.read_exact(&mut head[start..]).await?;
    Ok(head)
}

/// A parameter of a startup message; empty when it is not there.
fn parameter(startup: &[u8], name: &str) -> String {
    let texts: Vec<_> =
        startup[8..].split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let at = texts.iter().position(|text| text == name);
    at.and_then(|at| texts.get(at + 1)).map_or_else(String::new, |value| value.clone().into_owned())
}

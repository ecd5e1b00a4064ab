//! The worker processes of a run: a number of seats, on each of which one process follows another.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use tokio::process::Command;
use workpool_tests::Process;

use crate::clock::Moment;
use crate::lies::Clocks;
use crate::roads::Road;

const SIGTERM: i32 = 15;
/// How a worker ends that could not be started. After a panic it would be another number.
const REFUSED: i32 = 1;
/// What it logs then, and how that goes on when its connection answered out of step.
const NOT_STARTED: &str = "the worker did not start: ";
const OUT_OF_STEP: [&str; 2] = ["got unexpected connection status", "Postgres protocol error"];

/// How workers are started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// How those on each seat get to the server.
    pub(crate) roads: Vec<Road>,
    /// The file that says what each seat takes for the time of day; none: what it is.
    pub(crate) clocks: Option<Clocks>,
    pub(crate) witness: PathBuf,
    pub(crate) lease: Duration,
    pub(crate) grace: Duration,
    /// Where their logs go.
    pub(crate) folder: PathBuf,
    /// Whether what is between may refuse a start: a pooler that gives out a session which is out of
    /// step. Whoever looks after the worker starts it again.
    pub(crate) refuses: bool,
}

/// A process that was killed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death {
    pub(crate) pid: u32,
    pub(crate) at: Moment,
}

/// All workers of a run.
#[derive(Debug)]
pub(crate) struct Fleet {
    launch: Launch,
    seats: Vec<Option<Process>>,
    deaths: Vec<Death>,
    refused: usize,
    breaches: Vec<String>,
}

impl Fleet {
    pub(crate) fn new(launch: Launch, seats: usize) -> Self {
        let seats = (0..seats).map(|_| None).collect();
        Self { launch, seats, deaths: Vec::new(), refused: 0, breaches: Vec::new() }
    }

    /// Starts a worker on each seat, and waits until all are ready.
    pub(crate) async fn start_all(&mut self) {
        for seat in 0..self.seats.len() {
            self.start(seat);
        }
        for process in self.seats.iter_mut().flatten() {
            process.ready().await;
        }
    }

    /// Starts a worker on an empty seat, and waits for nothing.
    pub(crate) fn start(&mut self, seat: usize) {
        let Launch { roads, clocks, witness, lease, grace, .. } = &self.launch;
        let log = OpenOptions::new().create(true).append(true).open(self.log(seat)).unwrap();
        let ms = |time: &Duration| time.as_millis().to_string();
        let mut command = Command::new(std::env::current_exe().unwrap());
        let Road { url, listen } = &roads[seat];
        command.arg("worker").arg("--url").arg(url).arg("--witness").arg(witness);
        if let Some(listen) = listen {
            command.arg("--listen").arg(listen);
        }
        if let Some(clocks) = clocks {
            command.envs(clocks.variables(seat));
        }
        command.args(["--lease-ms", &ms(lease), "--heartbeat-ms", &ms(&(*lease / 4))]);
        command.args(["--grace-ms", &ms(grace)]).stderr(log);
        self.seats[seat] = Some(Process::spawn(&mut command));
    }

    pub(crate) fn pid(&self, seat: usize) -> u32 {
        self.seats[seat].as_ref().map_or(0, Process::pid)
    }

    /// Takes the process of a seat. One that has ended by itself is a breach, unless its start was
    /// refused where that may be.
    fn take(&mut self, seat: usize) -> Option<Process> {
        let mut process = self.seats[seat].take()?;
        if let Some(status) = process.ending() {
            let refused = status.code() == Some(REFUSED) && self.is_out_of_step(seat);
            if self.launch.refuses && refused {
                self.refused += 1;
                return None;
            }
            self.breaches.push(format!("worker {seat} ended by itself: {status}"));
            return None;
        }
        Some(process)
    }

    /// Whether each start on a seat that was refused met a connection out of step.
    fn is_out_of_step(&self, seat: usize) -> bool {
        let log = std::fs::read_to_string(self.log(seat)).unwrap_or_default();
        let mut reasons = log.lines().filter_map(|line| line.strip_prefix(NOT_STARTED));
        reasons.all(|why| OUT_OF_STEP.iter().any(|step| why.contains(step)))
    }

    fn log(&self, seat: usize) -> PathBuf {
        self.launch.folder.join(format!("worker-{seat}.log"))
    }

    /// Kills a worker, whatever it is doing.
    pub(crate) async fn kill(&mut self, seat: usize) {
        let Some(process) = self.take(seat) else { return };
        self.deaths.push(Death { pid: process.pid(), at: Moment::now() });
        process.kill().await;
    }

    /// Stops a worker where it is.
    pub(crate) async fn freeze(&self, seat: usize) {
        if let Some(process) = &self.seats[seat] {
            process.freeze().await;
        }
    }

    /// Lets a worker go on.
    pub(crate) async fn thaw(&self, seat: usize) {
        if let Some(process) = &self.seats[seat] {
            process.thaw().await;
        }
    }

    /// Asks a worker to end, and says how long it took.
    pub(crate) async fn leave(&mut self, seat: usize, limit: Duration) -> Option<Duration> {
        let mut process = self.take(seat)?;
        let asked = Instant::now();
        process.ask_to_end().await;
        let status = process.end_within(limit).await;
        // A process that has only just begun has not said yet what is to happen at a signal.
        let too_early = |status: ExitStatus| status.signal() == Some(SIGTERM);
        if !status.is_some_and(|status| status.success() || too_early(status)) {
            self.breaches.push(format!("worker {seat} was asked to end, and: {status:?}"));
        }
        Some(asked.elapsed())
    }

    /// Asks all workers to end; they have the grace and `extra`.
    pub(crate) async fn stop_all(&mut self, extra: Duration) {
        let processes: Vec<_> =
            (0..self.seats.len()).filter_map(|seat| Some((seat, self.take(seat)?))).collect();
        for (_, process) in &processes {
            process.ask_to_end().await;
        }
        let limit = self.launch.grace + extra;
        for (seat, mut process) in processes {
            match process.end_within(limit).await {
                Some(status) if status.success() => {}
                Some(status) => self.breaches.push(format!("worker {seat} ended with {status}")),
                None => self.breaches.push(format!("worker {seat} does not end")),
            }
        }
    }

    /// Has the clock of a seat jump.
    pub(crate) fn jump(&self, seat: usize, off: &str) -> anyhow::Result<()> {
        self.launch.clocks.as_ref().map_or(Ok(()), |clocks| clocks.set(seat, off))
    }

    pub(crate) fn deaths(&self) -> &[Death] {
        &self.deaths
    }

    /// How many starts were refused.
    pub(crate) const fn refused(&self) -> usize {
        self.refused
    }

    pub(crate) fn breaches(&self) -> &[String] {
        &self.breaches
    }
}

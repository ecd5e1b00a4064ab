//! A worker process, and the signals that a test sends to it. Nobody else's process can be named.

use std::fs::{DirEntry, read_dir, read_to_string};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30);

/// A worker process, which says `ready` once it is registered and ends when its input does.
/// Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Waiting for a child would close its input, which asks it to end.
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts it.
    pub fn spawn(command: &mut Command) -> Self {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = pipes.kill_on_drop(true).spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, input, output }
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&mut self) {
        assert_eq!(self.line().await.as_deref(), Some("ready"), "a worker process did not start");
    }

    /// The next line that it prints; none at its end.
    pub async fn line(&mut self) -> Option<String> {
        let line = timeout(PATIENCE, self.output.next_line()).await;
        line.expect("it prints a line or ends").unwrap()
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    /// How it ended, if it has.
    pub fn ending(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// As the kernel does when memory runs out.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Stops it where it is, and waits until it does nothing any more.
    pub async fn freeze(&self) {
        self.signal("STOP").await;
        self.frozen().await;
    }

    /// Lets it go on.
    pub async fn thaw(&self) {
        self.signal("CONT").await;
    }

    /// Leaves it a twentieth of a processor, as `cpulimit` does, until the answer is dropped; it may be frozen then.
    #[must_use]
    pub fn starve(&self) -> Child {
        let pid = self.pid();
        let turns =
            format!("while kill -CONT {pid}; do sleep 0.005; kill -STOP {pid}; sleep 0.095; done");
        let mut command = Command::new("sh");
        let command = command.arg("-c").arg(turns).stderr(Stdio::null());
        command.kill_on_drop(true).spawn().unwrap()
    }

    /// Waits until it is frozen, with all its threads.
    pub async fn frozen(&self) {
        let threads = format!("/proc/{}/task", self.pid());
        let is_stopped = |thread: std::io::Result<DirEntry>| {
            let stat = thread.and_then(|thread| read_to_string(thread.path().join("stat")));
            let stat = stat.unwrap_or_default();
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
        };
        let stopped = async {
            while !read_dir(&threads).is_ok_and(|mut threads| threads.all(is_stopped)) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, stopped).await.expect("it is frozen");
    }

    /// Asks it to end, and waits until it has.
    pub async fn terminate(mut self) {
        self.ask_to_end().await;
        let status = self.end_within(Duration::from_secs(20)).await;
        let status = status.expect("it ends when it is asked to");
        assert!(status.success(), "a worker process ended with {status}");
    }

    /// Asks it to end.
    pub async fn ask_to_end(&self) {
        self.signal("TERM").await;
    }

    /// Waits until it has ended. `None`: it has not.
    pub async fn end_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        timeout(limit, self.child.wait()).await.ok().map(|status| status.unwrap())
    }

    /// Closes its input, and waits until it has ended.
    pub async fn close(mut self) {
        self.input = None;
        self.death().await;
    }

    /// Waits until it ends by itself.
    pub async fn death(&mut self) {
        self.end_within(PATIENCE).await.expect("it ends by itself");
    }

    async fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.pid());
        let sent = Command::new("sh").arg("-c").arg(command).status().await.unwrap();
        assert!(sent.success(), "SIG{name} could not be sent");
    }
}

//! The shell that outlives us: it runs the server's programs and cleans up when we are gone.
//!
//! The shell reads commands from a pipe whose other end only this process holds. The system closes
//! that end when the process ends, by `exit`, panic or `kill -9` alike, and the shell then stops the
//! server. It is in a process group of its own, so that the Ctrl-C meant for us does not reach it.
//!
//! It does not use a "signal on the parent's death": that one follows the thread that started the
//! child, and a test's thread ends long before the program does.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::account::Account;

const SCRIPT: &str = include_str!("supervisor.sh");

/// The script bounds each of its steps; this is for a program that hangs before it does anything.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
/// Longer than the script needs to force the server down.
const END_WITHIN: Duration = Duration::from_secs(15);

/// The handle of the shell. Dropping it ends the server and waits for that.
#[derive(Debug)]
pub(super) struct Supervisor {
    shell: Child,
    /// `None` only once dropping began.
    commands: Option<ChildStdin>,
    answers: Receiver<String>,
}

/// One step of the server's life, as the script knows it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Init,
    Start,
    StopFast,
    StopImmediate,
}

impl Supervisor {
    pub(super) fn spawn(
        bin: &Path,
        directory: &Path,
        account: Option<Account>,
    ) -> std::io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "workpool-postgres"]).arg(bin).arg(directory);
        // Our own folder may be closed to the account.
        command.current_dir("/").process_group(0);
        // The time zone spares `initdb` a search through all of them; the locale is the cluster's.
        command.env("TZ", "UTC").env("LC_ALL", "C").env_remove("PGDATA");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(account) = account {
            command.uid(account.uid).gid(account.gid);
        }
        let mut shell = command.spawn()?;
        let commands = shell.stdin.take();
        let answers = shell.stdout.take().expect("the output was asked for as a pipe");
        let (sender, receiver) = channel();
        // Ends with the shell, or when nobody listens any more.
        std::thread::spawn(move || {
            for line in BufReader::new(answers).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { shell, commands, answers: receiver })
    }

    /// Whether the step succeeded. `false` also when the shell is gone or does not answer.
    pub(super) fn run(&mut self, step: Step) -> bool {
        let Some(commands) = &mut self.commands else { return false };
        let asked = commands.write_all(step.command()).and_then(|()| commands.flush());
        asked.is_ok() && self.answers.recv_timeout(ANSWER_WITHIN).is_ok_and(|line| line == "ok")
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.commands.take());
        let deadline = Instant::now() + END_WITHIN;
        while matches!(self.shell.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Step {
    fn command(self) -> &'static [u8] {
        match self {
            Self::Init => b"init\n",
            Self::Start => b"start\n",
            Self::StopFast => b"fast\n",
            Self::StopImmediate => b"immediate\n",
        }
    }
}

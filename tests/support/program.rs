//! The command line, built once and run as people run it.

use std::iter;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::patiently;

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// The code that it ended with.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Run {
    /// What it answered, if it went well.
    #[track_caller]
    #[expect(clippy::must_use_candidate, reason = "that it went well is what some ask")]
    pub fn done(&self) -> &str {
        assert_eq!(self.code, 0, "{self:#?}");
        assert_eq!(self.err, "", "a complaint");
        &self.out
    }

    /// The same, read as JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// That it ended with a code and said so much about why.
    #[track_caller]
    pub fn ended(&self, code: i32, said: &str) {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(self.err.contains(said), "no `{said}` in {self:#?}");
    }
}

/// The program of this workspace, built by the same cargo into the same place as this test.
#[must_use]
pub fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--message-format", "json"]);
        // Chosen like the tests, with an example for their dependencies, so that it shares what was built for them.
        cargo.args(["--workspace", "--bin", "workpool", "--example", "quickstart"]);
        cargo.args(["--features", &features()]);
        let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let messages = String::from_utf8(built.stdout).unwrap();
        let mut made = messages.lines().filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            let program = message["target"]["name"] == "workpool";
            message["executable"].as_str().filter(|_| program).map(PathBuf::from)
        });
        made.next_back().expect("cargo says what it built")
    })
}

/// The program's, and those of this build.
fn features() -> String {
    let ours = [
        ("failpoints", cfg!(feature = "failpoints")),
        ("telemetry", cfg!(feature = "telemetry")),
        ("dashboard", cfg!(feature = "dashboard")),
        ("browser", cfg!(feature = "browser")),
    ];
    let ours = ours.iter().filter(|(_, on)| *on).map(|(name, _)| format!(",workpool-tests/{name}"));
    iter::once("workpool-tests/cli".to_owned()).chain(ours).collect()
}

/// A command without a database, in an environment of its own.
#[must_use]
pub fn alone(args: &[&str]) -> Command {
    let mut command = Command::new(path());
    command.args(args).env_clear().env("USER", "ada").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
#[must_use]
pub fn run(mut command: Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().expect("it ended by itself"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The dashboard of a database, which ends with it; and the address that it prints.
pub async fn dashboard(url: &str, options: &[&str]) -> (Child, String) {
    let mut command = alone(&[&["dashboard", "--listen", "127.0.0.1:0"], options].concat());
    command.env("DATABASE_URL", url).stdout(Stdio::piped());
    let mut server = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = patiently("the address", lines.next_line()).await.unwrap().unwrap();
    (server, address)
}

/// Runs it against a database.
pub async fn workpool(url: &str, args: &str) -> Run {
    let args: Vec<_> = args.split_whitespace().map(str::to_owned).collect();
    let url = url.to_owned();
    let run = move || {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let mut command = alone(&args);
        command.env("DATABASE_URL", url);
        run(command)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

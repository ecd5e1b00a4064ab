//! The program at a terminal: it asks before it destroys, and shows live what goes on.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use workpool_tests::{Stage, eventually};

use crate::echo;
use crate::program::path;

const SIZE: PtySize = PtySize { rows: 30, cols: 110, pixel_width: 0, pixel_height: 0 };

/// A terminal in which the program runs.
struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    keys: Box<dyn Write + Send>,
    program: Box<dyn Child + Send + Sync>,
    _end: Box<dyn MasterPty + Send>,
}

impl Terminal {
    fn run(stage: &Stage, args: &str) -> Self {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let mut command = CommandBuilder::new(path());
        command.args(args.split_whitespace());
        command.env_clear();
        for (name, value) in
            [("DATABASE_URL", stage.url()), ("USER", "ada"), ("TERM", "xterm-256color")]
        {
            command.env(name, value);
        }
        let program = pair.slave.spawn_command(command).unwrap();
        let (rows, columns) = (SIZE.rows.try_into().unwrap(), SIZE.cols.try_into().unwrap());
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let (mut output, shown) = (pair.master.try_clone_reader().unwrap(), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            // It ends with an error when the program has ended.
            while let Ok(bytes @ 1..) = output.read(&mut part) {
                shown.lock().unwrap().process(&part[..bytes]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { screen, keys, program, _end: pair.master }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    async fn shows(&self, what: &str) {
        eventually(&format!("the terminal shows `{what}`"), async || self.text().contains(what))
            .await;
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// How it ended.
    async fn ended(mut self) -> u32 {
        let mut code = None;
        eventually("the program ends", async || {
            code = self.program.try_wait().unwrap().map(|status| status.exit_code());
            code.is_some()
        })
        .await;
        code.unwrap()
    }
}

#[tokio::test]
async fn what_destroys_is_asked_about_at_a_terminal() {
    let stage = Stage::new().await;
    let later = Duration::from_hours(1);
    let id = echo::enqueue(stage.workpool(), "x".into()).run_after(later).await.unwrap();
    for (answer, code, canceled) in [("n\r", 5, false), ("\r", 5, false), ("y\r", 0, true)] {
        let mut terminal = Terminal::run(&stage, &format!("cancel {id}"));
        terminal.shows("? [y/N]").await;
        terminal.types(answer);
        assert_eq!(terminal.ended().await, code, "{answer:?}");
        let status = stage.workpool().status(id).await.unwrap().unwrap();
        assert_eq!(!status.is_pending(), canceled, "{answer:?}");
    }
}

#[tokio::test]
async fn watch_shows_the_pools_live_and_ends_with_a_key() {
    let stage = Stage::new().await;
    echo::enqueue(stage.workpool(), "x".into()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let mut terminal = Terminal::run(&stage, "watch --every 200ms");
    terminal.shows("q quits").await;
    terminal.shows("echo").await;
    terminal.shows("all well").await;
    stage.workpool().pool("echo").pause().await.unwrap();
    terminal.shows("1 need a look").await;
    terminal.shows("paused").await;
    terminal.types("j");
    terminal.types("q");
    assert_eq!(terminal.ended().await, 0);
}

#[tokio::test]
async fn colors_are_for_terminals() {
    let stage = Stage::new().await;
    let terminal = Terminal::run(&stage, "pause nowhere");
    terminal.shows("`workpool pools` lists").await;
    let colored = {
        let screen = terminal.screen.lock().unwrap();
        let screen = screen.screen();
        (0..SIZE.cols).any(|column| {
            screen.cell(0, column).is_some_and(|cell| cell.fgcolor() != vt100::Color::Default)
        })
    };
    assert!(colored, "{}", terminal.text());
    assert_eq!(terminal.ended().await, 3);
}

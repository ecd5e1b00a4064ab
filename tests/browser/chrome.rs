//! A Chromium of its own, driven through a chromedriver of its own.

use std::process::Stdio;
use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};
use thirtyfour::common::command::{Command, ExtensionCommand};
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command as Program};
use workpool_tests::{Scratch, eventually, patiently};

/// A browser, its driver, and where it may go.
#[derive(Debug)]
pub(crate) struct Chrome {
    pub(crate) page: WebDriver,
    origin: String,
    /// Killed when this goes; so are the lines that nobody reads.
    driver: Child,
    _lines: BufReader<ChildStdout>,
    /// What both write, and neither takes away.
    _scratch: Scratch,
}

impl Chrome {
    /// Starts both. The only place where anything may be asked for is this origin.
    pub(crate) async fn start(origin: &str) -> Self {
        let scratch = Scratch::new("browser");
        let (driver, lines, port) = driver(&scratch).await;
        let mut wanted = DesiredCapabilities::chrome();
        for arg in [
            "--headless=new",
            // Tests may run as root, for whom Chromium has no sandbox.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--window-size=1280,900",
            "--lang=en-US",
            "--hide-scrollbars",
            // What the browser does for itself is not asked for by a page.
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
        ] {
            wanted.add_arg(arg).unwrap();
        }
        wanted.set_logging_prefs("browser", LoggingPrefsLogLevel::All).unwrap();
        wanted.set_logging_prefs("performance", LoggingPrefsLogLevel::All).unwrap();
        let page = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.unwrap();
        Self { page, origin: origin.to_owned(), driver, _lines: lines, _scratch: scratch }
    }

    /// Opens a page of the dashboard.
    pub(crate) async fn open(&self, path: &str) {
        self.page.goto(format!("{}{path}", self.origin)).await.unwrap();
    }

    /// What a script says.
    pub(crate) async fn says<T: serde::de::DeserializeOwned>(&self, script: &str) -> T {
        let said = self.page.execute(script, vec![]).await.unwrap();
        said.convert().unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until a script says true.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        eventually(what, async || {
            // A page may be on its way out.
            let said = self.page.execute(script, vec![]).await;
            said.is_ok_and(|said| said.json() == &Value::Bool(true))
        })
        .await;
    }

    /// Waits until the page shows a text.
    pub(crate) async fn shows(&self, text: &str) {
        let text = Value::from(text);
        let what = format!("the page shows {text}");
        self.until(&what, &format!("return document.body.innerText.includes({text})")).await;
    }

    /// Clicks on the first thing that this selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        let found = self.page.find(By::Css(selector)).await;
        let found = found.unwrap_or_else(|error| panic!("{selector}: {error}"));
        found.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Tells the browser something that a user would set up.
    pub(crate) async fn tell(&self, command: &'static str, parameters: Value) {
        self.page
            .cmd(Command::ExtensionCommand(Box::new(Tell { command, parameters })))
            .await
            .unwrap();
    }

    pub(crate) async fn dark(&self, on: bool) {
        let value = if on { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// A window of this size.
    pub(crate) async fn size(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": width < 600 });
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Nothing was complained about, and nothing was asked for elsewhere, since the last look.
    pub(crate) async fn was_quiet(&self, page: &str) {
        let mut complaints = self.page.get_log("browser").await.unwrap();
        // The page itself may be one that says what is wrong with its address.
        let itself = format!("{} - Failed to load", self.page.current_url().await.unwrap());
        complaints.retain(|one| {
            !one.message.starts_with(&itself) || !one.message.contains("with a status of 40")
        });
        assert!(complaints.is_empty(), "{page}: {complaints:?}");
        for entry in self.page.get_log("performance").await.unwrap() {
            let message: Value = serde_json::from_str(&entry.message).unwrap();
            let message = &message["message"];
            if message["method"] != "Network.requestWillBeSent" {
                continue;
            }
            let url = message["params"]["request"]["url"].as_str().unwrap_or_default();
            let fine = url.starts_with(&self.origin) || url.starts_with("data:");
            assert!(fine, "{page} asked for {url}");
        }
    }

    /// Ends the browser, then its driver.
    pub(crate) async fn stop(self) {
        let Self { page, mut driver, .. } = self;
        page.quit().await.unwrap();
        driver.kill().await.unwrap();
    }
}

/// A chromedriver that listens.
async fn driver(scratch: &Scratch) -> (Child, BufReader<ChildStdout>, u16) {
    // It takes a free port of one family of addresses, which may be taken in the other.
    const TRIES: u32 = 10;
    for _ in 0..TRIES {
        let mut driver = Program::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", scratch.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed (apt-get install chromium chromium-driver)");
        let mut lines = BufReader::new(driver.stdout.take().unwrap());
        if let Some(port) = patiently("chromedriver listens", port(&mut lines)).await {
            return (driver, lines, port);
        }
    }
    panic!("chromedriver finds no port");
}

async fn port(lines: &mut BufReader<ChildStdout>) -> Option<u16> {
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line).await.unwrap() == 0 {
            return None;
        }
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return port.trim().trim_end_matches('.').parse().ok();
        }
    }
}

/// A command of the developer tools.
#[derive(Debug)]
struct Tell {
    command: &'static str,
    parameters: Value,
}

impl ExtensionCommand for Tell {
    fn parameters_json(&self) -> Option<Value> {
        Some(json!({ "cmd": self.command, "params": self.parameters }))
    }

    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Arc<str> {
        "/goog/cdp/execute".into()
    }
}

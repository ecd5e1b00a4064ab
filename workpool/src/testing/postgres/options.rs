//! How a private cluster is to be set up, as its builder and as its configuration file.

use std::fmt::Write;
use std::path::Path;

/// What every private cluster starts from. Waits for locks are logged: a test that hangs says why.
const BASE: [(&str, &str); 4] = [
    ("max_connections", "200"),
    ("shared_buffers", "64MB"),
    ("log_lock_waits", "on"),
    ("log_line_prefix", "%m [%p] %q%d "),
];

/// A crash of the server alone loses nothing but the last commits; one of the machine, everything.
const NOT_DURABLE: [(&str, &str); 3] =
    [("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off")];

/// How to set up a private cluster with [`Postgres::start_with`](super::Postgres::start_with).
///
/// ```
/// use workpool::testing::PostgresOptions;
///
/// let options = PostgresOptions::new().durable(true).setting("deadlock_timeout", "100ms");
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PostgresOptions {
    durable: bool,
    tcp: bool,
    settings: Vec<(String, String)>,
}

impl PostgresOptions {
    /// Not durable, on a Unix socket only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a commit survives a crash. Off unless asked for, which is several times faster.
    ///
    /// Turn it on for tests that stop the server with
    /// [`Stop::Immediate`](super::Stop::Immediate) and then count what was committed.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Whether to listen on a free port of 127.0.0.1 too, and to name that in the URL: for tests
    /// with something between client and server. Off unless asked for, because everyone on the
    /// machine can then connect as superuser while the cluster runs.
    #[must_use]
    pub fn tcp(mut self, tcp: bool) -> Self {
        self.tcp = tcp;
        self
    }

    /// A line of `postgresql.conf`. The last one of a name counts, and it counts over what this
    /// type sets; a wrong one fails the start with the server's words.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    pub(super) fn wants_tcp(&self) -> bool {
        self.tcp
    }

    /// What to append to `postgresql.conf`, where later lines win.
    pub(super) fn configuration(&self, sockets: &Path, port: u16) -> String {
        // A list of directories, each of which may be quoted.
        let sockets = format!("\"{}\"", sockets.display());
        let port = port.to_string();
        let listen = if self.tcp { "127.0.0.1" } else { "" };
        let place = [
            ("unix_socket_directories", &*sockets),
            ("listen_addresses", listen),
            ("port", &*port),
        ];
        let durability = if self.durable { &[] } else { &NOT_DURABLE[..] };
        let asked = self.settings.iter().map(|(name, value)| (&**name, &**value));
        let mut text = String::new();
        for (name, value) in BASE.into_iter().chain(place).chain(durability.iter().copied()) {
            line(&mut text, name, value);
        }
        asked.for_each(|(name, value)| line(&mut text, name, value));
        text
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    let value = value.replace('\\', "\\\\").replace('\'', "''");
    writeln!(text, "{name} = '{value}'").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durability_is_off_unless_asked_for() {
        let text = |options: PostgresOptions| options.configuration(Path::new("/x"), 5432);
        assert!(text(PostgresOptions::new()).contains("fsync = 'off'\n"));
        assert!(!text(PostgresOptions::new().durable(true)).contains("fsync"));
    }

    #[test]
    fn values_are_quoted_and_come_last() {
        let options = PostgresOptions::new().setting("application_name", r"it's a \");
        let text = options.configuration(Path::new("/x y"), 5432);
        assert!(text.contains("unix_socket_directories = '\"/x y\"'\n"));
        assert!(text.contains("listen_addresses = ''\n"));
        assert!(text.ends_with("application_name = 'it''s a \\\\'\n"));
    }
}

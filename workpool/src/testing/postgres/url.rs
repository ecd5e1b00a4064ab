//! Writes the URLs of servers, for sqlx and for `psql` alike.
//!
//! Every part that a variable such as `PGPORT` could fill in is written out. It does not check URLs:
//! sqlx does that, except for their scheme.

use std::fmt::Write;
use std::path::Path;

/// A database of the server whose socket lies in `directory`. The host goes into the query, since
/// the place for it before the database's name takes no path.
pub(super) fn of_socket(directory: &Path, port: u16, database: &str) -> String {
    let host = encoded(&directory.to_string_lossy(), "/");
    let database = encoded(database, "");
    format!("postgres:///{database}?host={host}&port={port}&user=postgres&sslmode=disable")
}

/// A database of the server on `port` of this machine.
pub(super) fn of_port(port: u16, database: &str) -> String {
    let database = encoded(database, "");
    format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable")
}

/// The same server and user as in `url`, and another database.
pub(super) fn with_database(url: &str, database: &str) -> String {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let start = place.find("://").map_or(0, |at| at + "://".len());
    let end = place[start..].find('/').map_or(place.len(), |at| start + at);
    let database = encoded(database, "");
    let mut changed = format!("{}/{database}", &place[..end]);
    // The parameter would win over the path.
    let kept = query.split('&').filter(|part| !part.is_empty() && !part.starts_with("dbname="));
    for (nth, part) in kept.enumerate() {
        changed.push(if nth == 0 { '?' } else { '&' });
        changed.push_str(part);
    }
    changed
}

/// sqlx takes any scheme, so that a URL of another database would fail in confusing ways.
pub(super) fn is_postgres(url: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme))
}

fn encoded(text: &str, plain: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        let char = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(char) || plain.contains(char) {
            written.push(char);
        } else {
            write!(written, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgConnectOptions;

    use super::*;

    fn parsed(url: &str) -> PgConnectOptions {
        url.parse().unwrap()
    }

    #[test]
    fn the_url_of_a_socket_reads_back() {
        let options = parsed(&of_socket(Path::new("/tmp/a b&é"), 5433, "x/y z%"));
        assert_eq!(options.get_socket().unwrap(), Path::new("/tmp/a b&é"));
        assert_eq!(options.get_port(), 5433);
        assert_eq!(options.get_username(), "postgres");
        assert_eq!(options.get_database(), Some("x/y z%"));
    }

    #[test]
    fn the_url_of_a_port_reads_back() {
        let options = parsed(&of_port(5433, "db"));
        assert_eq!((options.get_host(), options.get_port()), ("127.0.0.1", 5433));
        assert_eq!(options.get_database(), Some("db"));
    }

    #[test]
    fn only_the_database_is_changed() {
        for (url, changed) in [
            ("postgres://a:b@h:1/old", "postgres://a:b@h:1/new"),
            ("postgres://h", "postgres://h/new"),
            ("postgres:///old?host=/tmp", "postgres:///new?host=/tmp"),
            ("postgres://h?a=b&dbname=old&c=d", "postgres://h/new?a=b&c=d"),
            ("postgres:///?dbname=old", "postgres:///new"),
        ] {
            assert_eq!(with_database(url, "new"), changed);
            assert_eq!(parsed(changed).get_database(), Some("new"));
        }
    }

    #[test]
    fn only_the_schemes_of_postgres_are_taken() {
        assert!(is_postgres("postgres://h/db") && is_postgres("postgresql://h/db"));
        assert!(!is_postgres("mysql://h/db") && !is_postgres("h/db"));
    }
}

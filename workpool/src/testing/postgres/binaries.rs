//! Finds the directory that holds the server's programs, `initdb` and `postgres`.
//!
//! It looks in `WORKPOOL_POSTGRES_BIN` and nowhere else when that is set; else on the `PATH`, where
//! `pg_config` points, and where packagers put versions side by side, the newest first. It downloads
//! and installs nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::PostgresError;

const PROGRAMS: [&str; 2] = ["initdb", "postgres"];

/// Where versions live side by side: a folder, what precedes the version in a name, what follows.
const ROOTS: [(&str, &str, &str); 12] = [
    ("/usr/lib/postgresql", "", "bin"),          // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                   // the project's own rpm packages
    ("/usr/lib", "postgresql", "bin"),           // openSUSE
    ("/usr/libexec", "postgresql", ""),          // Alpine
    ("/usr/local", "pgsql", "bin"),              // built from source
    ("/opt/homebrew/opt", "postgresql@", "bin"), // Homebrew on Apple silicon
    ("/usr/local/opt", "postgresql@", "bin"),    // Homebrew on Intel
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"), // Homebrew on Linux
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"), // Postgres.app
    ("/Library/PostgreSQL", "", "bin"),          // the installer for macOS
    ("/opt/local/lib", "postgresql", "bin"),     // MacPorts
    ("/opt/PostgreSQL", "", "bin"),              // the installer for Linux
];

/// The directory with both programs.
pub(super) fn find() -> Result<PathBuf, PostgresError> {
    if let Some(named) = std::env::var_os("WORKPOOL_POSTGRES_BIN").filter(|dir| !dir.is_empty()) {
        // The supervisor works in another folder.
        let dir = std::path::absolute(&named).unwrap_or_else(|_| named.into());
        return if complete(&dir) { Ok(dir) } else { Err(PostgresError::NotInDirectory { dir }) };
    }
    on_path()
        .or_else(|| from_pg_config().filter(|dir| complete(dir)))
        .or_else(|| versioned().into_iter().find(|dir| complete(dir)))
        .ok_or(PostgresError::NotInstalled)
}

fn complete(dir: &Path) -> bool {
    PROGRAMS.iter().all(|program| dir.join(program).is_file())
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|dir| dir.is_absolute() && complete(dir))
}

/// The development package puts `pg_config` on the `PATH`; it may be there without a server.
fn from_pg_config() -> Option<PathBuf> {
    let output =
        Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).output().ok()?.stdout;
    Some(PathBuf::from(String::from_utf8(output).ok()?.trim_end()))
}

/// The directories of all versions that are there, whole or not, the newest first.
fn versioned() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (root, prefix, suffix) in ROOTS {
        for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
            if let Some(version) = version(&entry.file_name().to_string_lossy(), prefix) {
                found.push((version, entry.path().join(suffix)));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| other.cmp(one));
    found.into_iter().map(|(_, dir)| dir).collect()
}

/// `9.6` as `[9, 6]`, to be compared as numbers. A name like `latest` is older than any number.
fn version(name: &str, prefix: &str) -> Option<Vec<u32>> {
    let numbers = name.strip_prefix(prefix)?.split(['.', '_', '-']);
    Some(numbers.map_while(|number| number.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let mut names = ["9.6", "17", "latest", "10", "9.10"];
        names.sort_by_key(|name| std::cmp::Reverse(version(name, "")));
        assert_eq!(names, ["17", "10", "9.10", "9.6", "latest"]);
    }

    #[test]
    fn a_version_follows_its_prefix() {
        assert_eq!(version("postgresql@16", "postgresql@"), Some(vec![16]));
        assert_eq!(version("pgsql-17", "pgsql-"), Some(vec![17]));
        assert_eq!(version("share", "pgsql-"), None);
    }

    #[test]
    fn a_directory_without_the_programs_is_not_complete() {
        assert!(!complete(Path::new("/")));
    }
}

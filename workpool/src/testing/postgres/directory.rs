//! Where a private cluster lives: a fresh directory that only its owner may enter.
//!
//! The cluster trusts whoever reaches its socket; the directory's mode is what keeps others out.
//!
//! It is made in the system's temporary directory, or in `/tmp` when the socket's path would be too
//! long there, or when we are root and the account that runs the server could not work there. It
//! removes only what is still empty: the supervisor does the rest, and what a killed supervisor left
//! behind is left alone.

use std::fs::DirBuilder;
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};

use super::PostgresError;
use super::account::Account;

/// `sun_path` holds 104 bytes on macOS and the BSDs and 108 on Linux, with the final zero.
const LONGEST_SOCKET: usize = 103;
/// What follows the temporary directory, with the widest process number and port.
const TAIL: usize = "/workpool-4194304-01234567/.s.PGSQL.65535".len();

/// A new directory and, when we are root, the account that it was given to.
pub(super) fn create() -> Result<(PathBuf, Option<Account>), PostgresError> {
    let base = base(&std::env::temp_dir());
    let directory = fresh(&base)?;
    if !is_roots(&directory)? {
        return Ok((directory, None));
    }
    if open_to_accounts(&base) {
        return give_away(directory);
    }
    remove_empty(&directory);
    fresh(Path::new("/tmp")).and_then(give_away)
}

fn base(temporary: &Path) -> PathBuf {
    std::path::absolute(temporary)
        .ok()
        .filter(|dir| fits(dir) && dir.is_dir())
        .unwrap_or_else(|| PathBuf::from("/tmp"))
}

/// A URL must be able to name the socket, and the system to open it.
fn fits(base: &Path) -> bool {
    base.to_str().is_some_and(|path| path.len() + TAIL <= LONGEST_SOCKET)
}

/// A new directory below `base`.
fn fresh(base: &Path) -> Result<PathBuf, PostgresError> {
    loop {
        // Each `RandomState` hashes with keys of its own.
        let chance = RandomState::new().hash_one(0) & 0xffff_ffff;
        let directory = base.join(format!("workpool-{}-{chance:08x}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(source) => return Err(PostgresError::io("create", &directory, source)),
        }
    }
}

/// The owner of what we have just made is who we are.
fn is_roots(directory: &Path) -> Result<bool, PostgresError> {
    match directory.metadata() {
        Ok(metadata) => Ok(metadata.uid() == 0),
        Err(source) => Err(PostgresError::io("read", directory, source)),
    }
}

/// Whether another account can reach `base`, and remove its own directory from it.
fn open_to_accounts(base: &Path) -> bool {
    let allows = |dir: &Path, bits| dir.metadata().is_ok_and(|m| m.mode() & bits == bits);
    allows(base, 0o003) && base.ancestors().all(|dir| allows(dir, 0o001))
}

fn give_away(directory: PathBuf) -> Result<(PathBuf, Option<Account>), PostgresError> {
    let given = Account::for_root().and_then(|account| {
        chown(&directory, Some(account.uid), Some(account.gid))
            .map_err(|source| PostgresError::io("give away", &directory, source))?;
        Ok(account)
    });
    match given {
        Ok(account) => Ok((directory, Some(account))),
        Err(error) => {
            remove_empty(&directory);
            Err(error)
        }
    }
}

/// For a directory that nothing was put into. A failure would hide the error that matters.
fn remove_empty(directory: &Path) {
    std::fs::remove_dir(directory).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_temporary_directory_is_passed_over() {
        let longest = "x".repeat(LONGEST_SOCKET - TAIL - 1);
        assert!(fits(Path::new(&format!("/{longest}"))));
        assert!(!fits(Path::new(&format!("/{longest}y"))));
        assert_eq!(base(Path::new(&format!("/{longest}y"))), Path::new("/tmp"));
    }

    #[test]
    fn a_temporary_directory_that_does_not_exist_is_passed_over() {
        assert_eq!(base(Path::new("/no/such/place")), Path::new("/tmp"));
    }
}

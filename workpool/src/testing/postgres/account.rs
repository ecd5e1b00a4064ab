//! Who the server runs as. PostgreSQL refuses to run as root, so root hands it to a lesser account.
//!
//! It reads `/etc/passwd` and no directory service: an account made for PostgreSQL is a local one.

use super::PostgresError;

/// In order of preference.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// The numbers of a user other than root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// The account to drop to. Only root has a reason to ask.
    pub(super) fn for_root() -> Result<Self, PostgresError> {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        NAMES.iter().find_map(|name| find(&passwd, name)).ok_or(PostgresError::NoAccount)
    }
}

fn find(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = number(fields.nth(1)?)?;
        let gid = number(fields.next()?)?;
        (uid != 0).then_some(Account { uid, gid })
    })
}

/// Some systems write the last numbers as negative ones: `nobody:*:-2:-2`.
fn number(field: &str) -> Option<u32> {
    field.parse().ok().or_else(|| field.parse().ok().map(i32::cast_unsigned))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        # a comment\n\
        postgres2:x:7:7::/:/bin/sh\n\
        postgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/bash\n\
        short:x\n\
        nobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false\n";

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        assert_eq!(find(PASSWD, "postgres"), Some(Account { uid: 101, gid: 104 }));
        assert_eq!(find(PASSWD, "post"), None);
    }

    #[test]
    fn negative_numbers_wrap() {
        assert_eq!(find(PASSWD, "nobody"), Some(Account { uid: u32::MAX - 1, gid: u32::MAX - 1 }));
    }

    #[test]
    fn root_and_broken_lines_are_no_account() {
        assert_eq!(find(PASSWD, "root"), None);
        assert_eq!(find(PASSWD, "short"), None);
    }
}

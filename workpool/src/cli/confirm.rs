//! Asking before something is done that cannot be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use anstyle::AnsiColor;

use crate::exit::{Failed, say};

/// Whether to go on. Without a terminal nobody can be asked: then only `--yes` will do.
pub(crate) fn confirmed(question: &str, yes: bool) -> Result<bool, Failed> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        say("error", AnsiColor::Red, &format!("{question}: not confirmed"));
        say("next", AnsiColor::Cyan, "say --yes to do it without being asked");
        return Ok(false);
    }
    write!(anstream::stderr(), "{question}? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

//! `migrate`.

use workpool::Migration;

use crate::args::{Migrate, To};
use crate::connect::{builder, connect, url};
use crate::exit::{End, Failed};
use crate::output::Out;

pub(crate) async fn migrate(to: &To, said: &Migrate, out: &Out) -> Result<End, Failed> {
    let builder = builder(to);
    let pending = match &to.database_url {
        None if said.print_sql => builder.migrations()?,
        _ => builder.pending_migrations(url(to)?).await?,
    };
    if said.print_sql {
        out.answer(&pending, |all| script(all))?;
        return Ok(End::Done);
    }
    let listed = |all: &Vec<Migration>| {
        let names = all.iter().map(|one| format!("{} {}", one.version, one.name));
        names.collect::<Vec<_>>().join("\n")
    };
    if said.dry_run {
        let what = |all: &Vec<Migration>| {
            if all.is_empty() {
                "nothing to apply".into()
            } else {
                format!("to apply:\n{}", listed(all))
            }
        };
        out.answer(&pending, what)?;
        return Ok(End::Done);
    }
    connect(to, builder.migrate(true)).await?;
    out.answer(&pending, |all| {
        if all.is_empty() {
            format!("schema `{}` is up to date", to.schema)
        } else {
            format!("schema `{}` is up to date; applied:\n{}", to.schema, listed(all))
        }
    })?;
    Ok(End::Done)
}

/// What `psql` can run.
fn script(all: &[Migration]) -> String {
    let one = |one: &Migration| {
        format!(
            "-- Version {}: {}.\nBEGIN;\n{}\nCOMMIT;\n",
            one.version,
            one.name,
            one.sql.trim_end()
        )
    };
    all.iter().map(one).collect()
}

//! Connecting as a command line does: it declares no pools, migrates nothing, and waits for nobody.

use std::time::Duration;

use workpool::inspect::Inspector;
use workpool::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use workpool::{Builder, Workpool};

use crate::args::To;
use crate::exit::Failed;

/// How long to try to connect.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to a schema of this program's version.
pub(crate) async fn inspector(to: &To) -> Result<Inspector, Failed> {
    let workpool = connect(to, builder(to).migrate(false)).await?;
    let inspector = workpool.inspect();
    Ok(match &to.actor {
        Some(actor) => inspector.acting_as(actor),
        None => inspector,
    })
}

pub(crate) async fn connect(to: &To, builder: Builder) -> Result<Workpool, Failed> {
    connect_with(to, builder, 2).await
}

/// The same with so many connections at most.
pub(crate) async fn connect_with(
    to: &To,
    builder: Builder,
    connections: u32,
) -> Result<Workpool, Failed> {
    let options = url(to)?.parse::<PgConnectOptions>().map_err(workpool::Error::from)?;
    let options = options.extra_float_digits(None).application_name("workpool cli");
    let options = if to.pooled { options.statement_cache_capacity(0) } else { options };
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
    let db = pool.connect_with(options).await.map_err(workpool::Error::from)?;
    Ok(builder.attach(db).await?)
}

pub(crate) fn builder(to: &To) -> Builder {
    Workpool::builder().schema(&to.schema).pooled(to.pooled)
}

pub(crate) fn url(to: &To) -> Result<&str, Failed> {
    to.database_url
        .as_deref()
        .ok_or_else(|| Failed::Usage("say --database-url, or set DATABASE_URL".to_owned()))
}

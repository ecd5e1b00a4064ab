//! A second server that repeats what the first one does, and can be put in its place.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, sleep};
use workpool::testing::{Postgres, Stop};

/// A machine that is busy copies slowly.
const PATIENCE: Duration = Duration::from_mins(1);

/// Turns a server, whatever it was, into the standby of another one; when it returns, that other
/// one confirms no commit that is not here.
pub(crate) async fn follow(server: &Postgres, primary: &Postgres) -> anyhow::Result<()> {
    let mut conn = primary.options().connect().await?;
    let programs: String =
        sqlx::query_scalar("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
            .fetch_one(&mut conn)
            .await?;
    // The copy has it from here, and obeys it from its promotion on.
    sqlx::query("ALTER SYSTEM SET synchronous_standby_names = '*'").execute(&mut conn).await?;
    server.stop(Stop::Immediate).await?;
    let data = server.data_dir().context("the server is private")?;
    let program = PathBuf::from(programs).join("pg_basebackup");
    let from = primary.options().get_port();
    tokio::task::spawn_blocking(move || copy(&program, from, &data)).await??;
    server.start_again().await?;
    // Nothing waits for a standby that has only begun: without one, no commit would ever end.
    wait_for(&mut conn, "state = 'streaming'").await?;
    sqlx::query("SELECT pg_reload_conf()").execute(&mut conn).await?;
    wait_for(&mut conn, "sync_state = 'sync'").await?;
    Ok(conn.close().await?)
}

async fn wait_for(conn: &mut sqlx::PgConnection, what: &'static str) -> anyhow::Result<()> {
    let sql = format!("SELECT EXISTS (SELECT FROM pg_stat_replication WHERE {what})");
    let begun = Instant::now();
    while !sqlx::query_scalar(sqlx::AssertSqlSafe(sql.clone())).fetch_one(&mut *conn).await? {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the standby never gets to {what}");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Replaces the data of a server that is down by those of another; where it listens stays.
fn copy(program: &Path, from: u16, data: &Path) -> anyhow::Result<()> {
    let configuration = data.join("postgresql.conf");
    let own = std::fs::read(&configuration)?;
    let owner = std::fs::metadata(data)?;
    std::fs::remove_dir_all(data)?;
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &from.to_string(), "-D"]).arg(data);
    command.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "pg_basebackup failed: {said}");
    std::fs::write(&configuration, own)?;
    let owner = format!("{}:{}", owner.uid(), owner.gid());
    let given = Command::new("chown").arg("-R").arg(owner).arg(data).status()?;
    anyhow::ensure!(given.success(), "the copy could not be given to the owner of the server");
    Ok(())
}

/// Makes a standby the primary.
pub(crate) async fn promote(server: &Postgres) -> anyhow::Result<()> {
    let mut conn = server.options().connect().await?;
    let promoted: bool = sqlx::query_scalar("SELECT pg_promote()").fetch_one(&mut conn).await?;
    anyhow::ensure!(promoted, "the standby was not promoted in time");
    Ok(conn.close().await?)
}

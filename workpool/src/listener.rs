//! Listens to the database on a connection of its own, and does nothing else, so that it always
//! reads. It tests itself, and after each reconnect it hints at once: what was notified meanwhile
//! is lost.

use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::failpoint;
use crate::hub::{Hint, Hub};
use crate::store::{KEEPALIVES, SqlResult, Store, settle};

/// Silence after which it tests whether the connection still delivers.
const QUIET: Duration = Duration::from_secs(10);
/// How long an answer of the database may take.
const ANSWER: Duration = Duration::from_secs(5);
/// The server is to end the session of a process that reads nothing any more: while it tries to
/// deliver, it keeps what vacuum could clean up. Over a Unix socket it has no such limit.
const DELIVERY: (&str, &str) = ("tcp_user_timeout", "20s");
/// The payload of its own test.
const PING: &str = "~";

/// Runs until the hub is gone.
pub(crate) async fn run(hub: Weak<Hub>, options: Arc<PgConnectOptions>, store: Store) {
    let mut backoff = Backoff::new("listener");
    loop {
        let end = session(&hub, &options, &store, &mut backoff).await;
        hears(&hub, false);
        if hub.strong_count() == 0 {
            return;
        }
        if let Err(error) = end {
            sleep(backoff.failed(&error)).await;
        }
    }
}

async fn session(
    hub: &Weak<Hub>,
    options: &PgConnectOptions,
    store: &Store,
    backoff: &mut Backoff,
) -> SqlResult<()> {
    let mut listener = connect(options, store).await?;
    backoff.succeeded();
    hears(hub, true);
    hint(hub, Hint::Any);
    hint(hub, Hint::Signal);
    let mut pinged = false;
    loop {
        let patience = if pinged { ANSWER } else { QUIET };
        match timeout(patience, listener.try_recv()).await {
            Ok(Ok(Some(note))) => {
                pinged = false;
                if note.payload() != PING {
                    hint(hub, Hint::parse(note.payload()));
                }
            }
            Ok(Ok(None)) => return Err(broken("the connection was lost")),
            Ok(Err(error)) => return Err(error),
            Err(_) if pinged => return Err(broken("notifications do not arrive")),
            Err(_) => {
                ping(&mut listener, store).await?;
                pinged = true;
            }
        }
        if hub.strong_count() == 0 {
            return Ok(());
        }
    }
}

fn hint(hub: &Weak<Hub>, hint: Hint) {
    if let Some(hub) = hub.upgrade() {
        hub.send(hint);
    }
}

fn hears(hub: &Weak<Hub>, hears: bool) {
    if let Some(hub) = hub.upgrade() {
        hub.set_hears(hears);
    }
}

async fn connect(options: &PgConnectOptions, store: &Store) -> SqlResult<PgListener> {
    let one = PgPoolOptions::new().max_connections(1).acquire_timeout(ANSWER);
    let pool = one.connect_lazy_with(options.clone().application_name("workpool listener"));
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    failpoint::reach(failpoint::LISTEN_SEND, &mut listener).await?;
    let chosen = [&KEEPALIVES[..], &[DELIVERY]].concat();
    in_time(settle(&mut listener, &chosen)).await?;
    in_time(listener.listen(store.channel())).await?;
    failpoint::reach(failpoint::LISTEN_DONE, &mut listener).await?;
    Ok(listener)
}

fn broken(why: &str) -> sqlx::Error {
    sqlx::Error::Protocol(why.into())
}

/// Sends a notification to itself, which has to arrive.
async fn ping(listener: &mut PgListener, store: &Store) -> SqlResult<()> {
    let sent = sqlx::query("SELECT pg_notify($1, $2)")
        .bind(store.channel())
        .bind(PING)
        .execute(&mut *listener);
    in_time(sent).await.map(drop)
}

async fn in_time<T>(answer: impl Future<Output = SqlResult<T>>) -> SqlResult<T> {
    timeout(ANSWER, answer).await.map_err(|_| broken("no answer in time"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_test_is_not_a_pool() {
        assert_eq!(Hint::parse(PING), Hint::Any);
    }
}

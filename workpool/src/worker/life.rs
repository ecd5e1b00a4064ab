//! One life of a worker, from registering under a new id to the last end written: starts its tasks
//! and ends them in order.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::dispatcher::Dispatcher;
use super::shared::{Inboxes, Parts, Shared};
use super::{callbacks, completer, heartbeat, maintenance, recovery, sync};
use crate::error::Result;
use crate::failpoint;
use crate::store::{Registration, SqlResult};

pub(crate) struct Life {
    pub(crate) shared: Arc<Shared>,
    dispatcher: JoinHandle<()>,
    completer: JoinHandle<()>,
    callbacks: JoinHandle<()>,
    sync: JoinHandle<()>,
    /// Recovery and maintenance.
    housekeeping: Vec<JoinHandle<()>>,
    heartbeat: thread::JoinHandle<()>,
    /// The attempts have ended: no further ends come.
    ended: CancellationToken,
    /// And they are written: no further callbacks come.
    drained: CancellationToken,
    /// Ends the heartbeat: also when the runtime is dropped without a shutdown.
    beating: Option<tokio_util::sync::DropGuard>,
}

/// Between looks whether all tasks are alive, and what is in use.
const WATCHED: Duration = Duration::from_millis(500);
/// How long the last steps of a shutdown may take when the database does not answer.
pub(crate) const LAST_STEPS: Duration = Duration::from_secs(5);

impl Life {
    /// Registers, and starts everything.
    pub(crate) async fn begin(parts: Parts) -> Result<Self> {
        let (shared, inboxes) = Shared::new(parts);
        register(&shared).await?;
        let Inboxes { ends, events, callbacks } = inboxes;
        let beating = CancellationToken::new();
        let (ended, drained) = (CancellationToken::new(), CancellationToken::new());
        Ok(Self {
            heartbeat: heartbeat::start(Arc::clone(&shared), beating.clone()),
            dispatcher: tokio::spawn(Dispatcher::new(Arc::clone(&shared), events).run()),
            completer: tokio::spawn(completer::run(Arc::clone(&shared), ends, ended.clone())),
            callbacks: tokio::spawn(callbacks::run(
                Arc::clone(&shared),
                callbacks,
                drained.clone(),
            )),
            sync: tokio::spawn(sync::run(Arc::clone(&shared), drained.clone())),
            housekeeping: vec![
                tokio::spawn(recovery::run(Arc::clone(&shared), shared.stop.clone())),
                tokio::spawn(maintenance::run(Arc::clone(&shared), shared.stop.clone())),
            ],
            ended,
            drained,
            beating: Some(beating.drop_guard()),
            shared,
        })
    }

    /// Resolves when the lease is lost, or when one of the tasks has ended that never should.
    pub(crate) async fn over(&self) {
        let tasks = [&self.dispatcher, &self.completer, &self.callbacks, &self.sync];
        let tasks: Vec<_> = tasks.into_iter().chain(&self.housekeeping).collect();
        let lost = &self.shared.lease.lost;
        let ended = || tasks.iter().any(|task| task.is_finished()) || self.heartbeat.is_finished();
        while !lost.is_cancelled() && !ended() {
            #[cfg(feature = "metrics")]
            super::measure::sample(&self.shared);
            let _ = timeout(WATCHED, lost.cancelled()).await;
        }
    }

    /// Stops claiming, lets what runs end within the grace, writes every end, and only then lets
    /// go of the lease.
    pub(crate) async fn shut_down(mut self) {
        let shared = Arc::clone(&self.shared);
        shared.stop.cancel();
        self.stop_claiming().await;
        shared.attempts.close();
        if timeout(shared.settings.grace, shared.attempts.wait()).await.is_err() {
            shared.abort.cancel();
            let _ = timeout(LAST_STEPS, shared.attempts.wait()).await;
        }
        self.end().await;
    }

    /// Once this is over nothing is started, and all ends are with the completer. A claim that is cut off here is over for
    /// whoever hands back what we do not know.
    async fn stop_claiming(&mut self) {
        if timeout(LAST_STEPS, &mut self.dispatcher).await.is_err() {
            self.dispatcher.abort();
            let _ = (&mut self.dispatcher).await;
        }
        // What an enqueue has claimed is handed back, once it is known.
        let _ = timeout(LAST_STEPS, self.shared.desk.settled()).await;
    }

    /// The lease is lost, or is let run out: others take over what it held. What still runs has been
    /// told, what it writes is refused, and it is not waited for.
    pub(crate) fn abandon(mut self) {
        self.beating = None;
        self.shared.stop.cancel();
        self.shared.cut.cancel();
        self.shared.lease.lost.cancel();
        #[cfg(feature = "metrics")]
        super::measure::sample(&self.shared);
        self.shared.attempts.close();
        tokio::spawn(async move {
            self.shared.attempts.wait().await;
            self.end().await;
        });
    }

    async fn end(self) {
        let shared = self.shared;
        self.ended.cancel();
        let _ = timeout(LAST_STEPS, self.completer).await;
        // Ends that found their rows locked are tried beside it.
        let _ = timeout(shared.settings.grace.max(LAST_STEPS), shared.attempts.wait()).await;
        self.drained.cancel();
        if timeout(LAST_STEPS, self.callbacks).await.is_err() {
            shared.abort.cancel();
        }
        let _ = timeout(LAST_STEPS, self.sync).await;
        for task in self.housekeeping {
            let _ = timeout(LAST_STEPS, task).await;
        }
        // The lease lasts long enough for what is left to do.
        drop(self.beating);
        let heartbeat = self.heartbeat;
        let _ = tokio::task::spawn_blocking(move || heartbeat.join()).await;
        // What cannot be handed back now is recovered when the lease runs out.
        let _ = timeout(LAST_STEPS, let_go_of_all(&shared)).await;
    }
}

async fn register(shared: &Shared) -> Result<()> {
    let mut functions = shared.functions.clone();
    functions.extend(&shared.callback_names);
    let store = shared.store();
    let rows = shared.control(async |conn| store.pools(conn, None).await).await?;
    let pools: Vec<_> =
        rows.iter().map(|row| &*row.name).filter(|pool| shared.settings.serves(pool)).collect();
    let sent = std::time::Instant::now();
    let lease = shared.settings.lease;
    let host = &shared.settings.host;
    let new =
        Registration { worker: shared.worker, lease, host, functions: &functions, pools: &pools };
    let registered = async |conn: &mut PgConnection| {
        failpoint::reach(failpoint::REGISTER_SEND, &mut *conn).await?;
        store.register(conn, &new).await?;
        failpoint::reach(failpoint::REGISTER_DONE, conn).await
    };
    shared.control(registered).await?;
    shared.lease.renewed(sent, lease);
    // Others look anew at leases; if this fails they do so a little later.
    let _ = shared.notify("").await;
    Ok(())
}

/// A lost connection must not cost others the rest of the lease.
async fn let_go_of_all(shared: &Shared) {
    let mut backoff = shared.backoff("shutdown");
    while let Err(error) = let_go(shared).await {
        sleep(backoff.failed(&error)).await;
    }
}

/// Hands back what is still ours, and removes the worker's row unless something of it is left.
async fn let_go(shared: &Shared) -> SqlResult<()> {
    if shared.lease.lost.is_cancelled() {
        // That is for recovery, which has begun.
        return Ok(());
    }
    let (store, worker, in_hand) = (shared.store(), shared.worker, shared.in_hand());
    shared.control(async |conn| store.release_callbacks(conn, worker, &[]).await).await?;
    // What nothing runs on any more, others can use.
    shared.control(async |conn| store.give_back_all(conn, worker, &in_hand).await).await?;
    if in_hand.is_empty() {
        shared.control(async |conn| store.release_unknown(conn, worker, &[], &[]).await).await?;
        shared.control(async |conn| store.deregister(conn, worker).await).await?;
    }
    // The same for slots and work.
    let _ = shared.notify("").await;
    Ok(())
}

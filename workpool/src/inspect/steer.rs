//! Steering: each action with its record, in one transaction.

use std::time::Duration;

use serde::Serialize;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{Inspector, many};
use crate::BoxFuture;
use crate::cancel;
use crate::error::{Error, Result};
use crate::handle::Workpool;
use crate::hub::Hint;
use crate::store::{Act, Store};
use crate::view::{AuditRow, Retried, RunNow};
use crate::work::Cancel;

/// What an action came to.
pub(super) struct Acted<T> {
    pub(super) answer: T,
    /// As it is recorded; none: nothing came of it that would be worth a record.
    pub(super) outcome: Option<String>,
}

impl<T: Serialize> Acted<T> {
    /// Recorded as the answer reads.
    pub(super) fn recorded(answer: T) -> Self {
        let outcome = serde_json::to_string(&answer).unwrap_or_default();
        Self { answer, outcome: Some(outcome.trim_matches('"').to_owned()) }
    }
}

impl Inspector {
    /// As [`PoolHandle::pause`](crate::PoolHandle::pause).
    pub async fn pause(&self, pool: &str) -> Result<()> {
        self.resize("pause", pool, None, Some(true)).await
    }

    /// As [`PoolHandle::resume`](crate::PoolHandle::resume).
    pub async fn resume(&self, pool: &str) -> Result<()> {
        self.resize("resume", pool, None, Some(false)).await
    }

    /// As [`PoolHandle::set_max_parallelism`](crate::PoolHandle::set_max_parallelism).
    pub async fn set_max_parallelism(&self, pool: &str, limit: u32) -> Result<()> {
        self.resize("scale", pool, Some(limit), None).await
    }

    async fn resize(
        &self,
        action: &'static str,
        pool: &str,
        limit: Option<u32>,
        paused: Option<bool>,
    ) -> Result<()> {
        let name = pool.to_owned();
        self.act(action, pool.to_owned(), move |store, conn| {
            let name = name.clone();
            Box::pin(async move {
                if !store.resize(conn, &name, limit, paused).await? {
                    return Err(Error::UnknownPool(name));
                }
                let outcome = limit.map_or_else(|| "done".into(), |limit| format!("limit {limit}"));
                Ok(Acted { answer: (), outcome: Some(outcome) })
            })
        })
        .await?;
        self.workpool.hub().send(Hint::Any);
        Ok(())
    }

    /// As [`Workpool::cancel`](crate::Workpool::cancel).
    pub async fn cancel(&self, id: Uuid) -> Result<Cancel> {
        let answer = self
            .act("cancel", id.to_string(), move |store, conn| {
                Box::pin(
                    async move { Ok(Acted::recorded(cancel::cancel(&store, conn, id).await?)) },
                )
            })
            .await?;
        self.workpool.hub().send(Hint::Signal);
        Ok(answer)
    }

    /// Does work again that failed, was canceled or was lost: as a new item, due now, with the same
    /// pool, function, name, arguments, policy, callback and context. How the old one ended stands,
    /// with a note of the new one, so that the same failure is not tried again twice by accident.
    pub async fn retry(&self, id: Uuid) -> Result<Retried> {
        let answer = self
            .act("retry", id.to_string(), move |store, conn| {
                Box::pin(async move {
                    let found = store.retry_ended(conn, &[id], &[Uuid::now_v7()]).await?.pop();
                    let answer = match found {
                        Some(retried) => retried,
                        None if store.known(conn, &[id]).await?.is_empty() => Retried::Unknown,
                        None => Retried::NotEnded,
                    };
                    Ok(Acted::recorded(answer))
                })
            })
            .await?;
        self.workpool.hub().send(Hint::Any);
        Ok(answer)
    }

    /// Makes an item due now that waits for its time or for the end of a backoff.
    pub async fn run_now(&self, id: Uuid) -> Result<RunNow> {
        let answer = self
            .act("run_now", id.to_string(), move |store, conn| {
                Box::pin(async move {
                    let answer = match store.run_now(conn, id).await? {
                        Some(found) => found,
                        None if store.known(conn, &[id]).await?.is_empty() => RunNow::Unknown,
                        None => RunNow::Ended,
                    };
                    Ok(Acted::recorded(answer))
                })
            })
            .await?;
        self.workpool.hub().send(Hint::Any);
        Ok(answer)
    }

    /// As [`Workpool::replay_callbacks`](crate::Workpool::replay_callbacks).
    pub async fn replay_callbacks(&self, work: &[Uuid]) -> Result<u64> {
        let ids = work.to_vec();
        let target = many(work);
        let answer = self
            .act("replay_callbacks", target, move |store, conn| {
                let ids = ids.clone();
                Box::pin(async move {
                    Ok(Acted::recorded(store.replay(conn, &ids).await?.unsigned_abs()))
                })
            })
            .await?;
        self.workpool.hub().send(Hint::Signal);
        Ok(answer)
    }

    /// Forgets work of a pool that ended so long ago, whatever its `status_ttl` says; at most
    /// `limit`. Returns how many. Looks at all ended work, a step at a time, each a transaction of its own: what
    /// dropping the future leaves done stays done. Callbacks are not touched.
    pub async fn prune(&self, pool: &str, older_than: Duration, limit: u32) -> Result<u64> {
        const LOOK: i64 = 5000;
        let (mut after, mut left, mut gone) = (Some(Uuid::nil()), i64::from(limit), 0);
        while let Some(from) = after.filter(|_| left > 0) {
            let name = pool.to_owned();
            let target = format!("{pool}, ended {} s ago", older_than.as_secs());
            let (items, last) = self
                .act("prune", target, move |store, conn| {
                    let name = name.clone();
                    Box::pin(async move {
                        let look = (LOOK, left);
                        let step = store.prune_pool(conn, &name, older_than, from, look).await?;
                        let outcome = (step.0 > 0).then(|| step.0.to_string());
                        Ok(Acted { answer: step, outcome })
                    })
                })
                .await?;
            (after, left, gone) = (last, left - items, gone + items.unsigned_abs());
        }
        Ok(gone)
    }

    /// What was done lately, latest first. Records are kept for 30 days.
    pub async fn audit(&self, limit: u32) -> Result<Vec<AuditRow>> {
        let store = self.workpool.store();
        self.read(async |conn| Ok(store.list_audit(conn, i64::from(limit)).await?)).await
    }

    /// Runs an action and records it, in one transaction.
    pub(super) async fn act<T, F>(
        &self,
        action: &'static str,
        target: String,
        effect: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(Store, &mut PgConnection) -> Acting<'_, T> + Clone + Send + Sync + 'static,
    {
        let who = self.actor.clone();
        let run = move |workpool: Workpool| -> BoxFuture<'static, Result<T>> {
            let (who, target, effect) = (who.clone(), target.clone(), effect.clone());
            Box::pin(async move {
                let store = workpool.store();
                let acted = async |conn: &mut PgConnection| {
                    let mut tx = store.begin(conn).await?;
                    let Acted { answer, outcome } = effect(store.clone(), &mut tx).await?;
                    if let Some(outcome) = &outcome {
                        let (who, target) = (who.as_deref(), &*target);
                        let act = Act { who, action, target, outcome };
                        store.add_audit(&mut tx, act).await?;
                    }
                    tx.commit().await?;
                    Ok(answer)
                };
                workpool.run(acted).await
            })
        };
        self.workpool.transact(run).await
    }
}

/// The future of an action.
pub(super) type Acting<'c, T> = BoxFuture<'c, Result<Acted<T>>>;

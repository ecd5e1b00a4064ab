//! What a running function is given: state, identity, a way to enqueue, a connection.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::BoxFuture;
use crate::cancel;
use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::handle::Workpool;
use crate::store::NewWork;
use crate::submit::{self, EnqueueContext, Submission};
use crate::work::{Cancel, WorkId};

/// Application state by type, given to the worker.
#[derive(Default, Clone)]
pub(crate) struct State(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl State {
    pub(crate) fn insert<T: Any + Send + Sync>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Arc::new(value));
    }

    pub(crate) fn contains(&self, id: TypeId) -> bool {
        self.0.contains_key(&id)
    }

    fn get<T: Any + Send + Sync>(&self) -> &T {
        let value = self.0.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref());
        value.unwrap_or_else(|| {
            panic!(
                "the worker was given no state of type `{}`; add `.state(…)` before `.start()`",
                type_name::<T>()
            )
        })
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({} types)", self.0.len())
    }
}

/// The attempt that a context belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) workpool: Workpool,
    pub(crate) state: Arc<State>,
    pub(crate) work_id: Uuid,
    pub(crate) worker: Uuid,
    pub(crate) number: i32,
    pub(crate) fence: i32,
    pub(crate) canceled: Arc<Cancellation>,
}

macro_rules! attempt_methods {
    ($context:ident $(<$life:lifetime>)?) => {
        impl $context $(<$life>)? {
            /// Application state that the worker was given.
            ///
            /// # Panics
            ///
            /// When it was not, which fails the attempt. Uses that are written as
            /// `ctx.state::<T>()` in the function itself are checked when the worker starts.
            #[must_use]
            pub fn state<T: Any + Send + Sync>(&self) -> &T {
                self.attempt.state.get()
            }

            /// The id of the work item, the same in all of its attempts: give it to a remote
            /// service as a key to recognize a repeated request by.
            #[must_use]
            pub const fn work_id(&self) -> Uuid {
                self.attempt.work_id
            }

            /// Which attempt this is, from 1.
            #[must_use]
            pub const fn attempt(&self) -> u32 {
                self.attempt.number.unsigned_abs()
            }

            /// Resolves when somebody cancels this work, or when this attempt has lost its lease.
            /// To stop then is the function's choice.
            pub async fn canceled(&self) {
                self.attempt.canceled.canceled().await;
            }

            /// Whether somebody canceled this work, or this attempt has lost its lease.
            #[must_use]
            pub fn is_canceled(&self) -> bool {
                self.attempt.canceled.is_canceled()
            }

            /// The handle that the worker was started with. What is written through it does not
            /// belong to this attempt, and is not refused when its lease is lost.
            #[must_use]
            pub const fn workpool(&self) -> &Workpool {
                &self.attempt.workpool
            }
        }

        impl fmt::Debug for $context $(<$life>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($context))
                    .field("work_id", &self.attempt.work_id)
                    .field("attempt", &self.attempt.number)
                    .finish_non_exhaustive()
            }
        }
    };
}

/// Given to an `#[action]`.
///
/// What it enqueues is stored at once, in a transaction of its own, and stays when the attempt
/// fails later. An attempt that has lost its lease enqueues nothing: [`Error::Superseded`].
pub struct ActionCtx {
    pub(crate) attempt: Attempt,
}

attempt_methods!(ActionCtx);

impl ActionCtx {
    /// Whether this attempt is still the current one, as the database sees it now. A process that
    /// was frozen past its lease may find that it is not; what it does outside of workpool,
    /// nothing can hold back.
    pub async fn is_current(&self) -> Result<bool> {
        let Attempt { workpool, work_id, worker, fence, .. } = &self.attempt;
        let store = workpool.store();
        let current = async |conn: &mut PgConnection| {
            Ok(store.current(conn, *work_id, *worker, *fence).await?)
        };
        workpool.run(current).await
    }
}

impl EnqueueContext for ActionCtx {
    fn submit(&self, Submission(items): Submission) -> BoxFuture<'_, Result<()>> {
        let Attempt { workpool, work_id, worker, fence, .. } = self.attempt.clone();
        let write = async move {
            let store = workpool.store();
            let written = async |conn: &mut PgConnection| {
                let mut tx = store.begin(conn).await?;
                if !store.owned(&mut tx, work_id, worker, fence).await? {
                    return Err(Error::Superseded);
                }
                submit::write(store, &mut tx, &items, true).await?;
                Ok(tx.commit().await?)
            };
            workpool.run(written).await.map_err(|error| submit::unconfirmed(error, items[0].id))
        };
        // In a task of its own: a dropped transaction would stay open on its connection.
        Box::pin(async { tokio::spawn(write).await.expect("writing rows does not panic") })
    }
}

/// Given to a `#[mutation]` and to an `#[on_complete]` function: the transaction in which its
/// effects and the end of its work commit together, once.
///
/// What it enqueues is collected and written just before the commit. Do not commit or roll back
/// the transaction yourself.
pub struct MutationCtx<'t> {
    pub(crate) attempt: &'t Attempt,
    conn: Mutex<&'t mut PgConnection>,
    /// Whether the transaction may have been used.
    touched: bool,
    enqueued: Mutex<Vec<NewWork>>,
}

attempt_methods!(MutationCtx<'_>);

impl<'t> MutationCtx<'t> {
    pub(crate) fn new(attempt: &'t Attempt, conn: &'t mut PgConnection) -> Self {
        Self { attempt, conn: Mutex::new(conn), touched: false, enqueued: Mutex::default() }
    }

    /// The connection, inside the transaction.
    pub fn db(&mut self) -> &mut PgConnection {
        self.touched = true;
        self.conn.get_mut().expect("no code panics with this lock")
    }

    pub(crate) const fn is_touched(&self) -> bool {
        self.touched
    }

    /// Cancels a work item in this transaction. See [`Within::cancel`](crate::Within::cancel).
    pub async fn cancel<T>(&mut self, id: WorkId<T>) -> Result<Cancel> {
        self.flush().await?;
        let store = self.attempt.workpool.store().clone();
        cancel::cancel(&store, self.db(), id.uuid()).await
    }

    /// Writes what has been enqueued. What is not known to be written is kept: whoever goes on after
    /// an error, or has dropped this half-way, meets it again at the end.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        let store = self.attempt.workpool.store().clone();
        let enqueued = self.enqueued.get_mut().expect("no code panics with this lock");
        let conn = self.conn.get_mut().expect("no code panics with this lock");
        // By pool, so that transactions which enqueue into several go through them in one order.
        enqueued.sort_by(|a, b| a.pool.cmp(&b.pool));
        while let Some(of_one_pool) = enqueued.chunk_by(|a, b| a.pool == b.pool).next() {
            self.touched = true;
            submit::write(&store, conn, of_one_pool, true).await?;
            let written = of_one_pool.len();
            enqueued.drain(..written);
        }
        Ok(())
    }
}

impl EnqueueContext for MutationCtx<'_> {
    fn submit(&self, Submission(items): Submission) -> BoxFuture<'_, Result<()>> {
        self.enqueued.lock().expect("no code panics with this lock").extend(items);
        Box::pin(async { Ok(()) })
    }
}

/// Given to a `#[query]`: a read-only transaction.
pub struct QueryCtx<'t> {
    pub(crate) attempt: &'t Attempt,
    pub(crate) conn: &'t mut PgConnection,
}

attempt_methods!(QueryCtx<'_>);

impl QueryCtx<'_> {
    /// The connection, inside a `READ ONLY` transaction.
    pub fn db(&mut self) -> &mut PgConnection {
        self.conn
    }
}

//! The builder that a stub's `enqueue` returns: collects what one enqueue says, checks it, and
//! hands it to the context.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::BoxFuture;
use crate::error::{Error, Result};
use crate::function::{
    self, Completes, Function, FunctionKind, RetrySetting, Retryable, millis_or_forever,
};
use crate::payload;
use crate::retry::Retry;
use crate::store::{NewWork, RetryChoice, Timestamp, Ttl};
use crate::submit::{EnqueueContext, Submission};
use crate::trace;
use crate::work::{OutcomeKind, WorkId};

/// One enqueue that is still to be awaited.
///
/// Awaiting it answers with the id once the work is stored: in a transaction of its own for a
/// [`Workpool`](crate::Workpool) or an [`ActionCtx`](crate::ActionCtx), else with the transaction
/// of its context, which commits or forgets it.
///
/// # Errors
///
/// [`Error::InvalidInput`] when something cannot be stored, [`Error::UnknownPool`],
/// [`Error::Superseded`] from an action that lost its lease, [`Error::Unconfirmed`] in the rare
/// case that the answer was lost and the end of the work is not kept, [`Error::Database`].
/// Nothing is written in any of these cases but the last two, where the id tells.
///
/// # Cancel safety
///
/// Dropping the future half-way leaves the work either stored or not, never in part.
#[must_use = "nothing is enqueued until this is awaited"]
pub struct Enqueue<'c, F: Function, M = One> {
    context: &'c dyn EnqueueContext,
    args: Result<Vec<String>>,
    options: Result<Options>,
    types: PhantomData<fn() -> (F, M)>,
}

/// A whole batch of one function with the same options: all of it is stored or nothing. Awaiting
/// it answers with the ids in order; an empty batch takes no round trip.
pub type EnqueueBatch<'c, F> = Enqueue<'c, F, Many>;

/// Marks the enqueue of one item.
#[derive(Debug)]
pub enum One {}

/// Marks the enqueue of a batch.
#[derive(Debug)]
pub enum Many {}

/// What one enqueue says beyond its arguments.
#[derive(Debug, Clone)]
struct Options {
    id: Option<Uuid>,
    pool: Option<String>,
    name: Option<String>,
    start: Start,
    retry: Option<Retry>,
    status_ttl: Option<Duration>,
    callback: Option<(&'static str, String)>,
    outcomes: i16,
}

#[derive(Debug, Clone, Copy)]
enum Start {
    After(Duration),
    At(SystemTime),
}

impl<'c, F: Function> Enqueue<'c, F, One> {
    /// Used by the stubs that the macros write.
    #[doc(hidden)]
    pub fn new(context: &'c dyn EnqueueContext, args: F::Args) -> Self {
        Self::collect(context, [args])
    }

    /// Uses an id made before, so that an enqueue whose answer was lost can be sent again: an id
    /// that is stored already is not stored again, and its work is left as it is.
    pub fn id(self, id: WorkId<F::Output>) -> Self {
        self.with(|options| options.id = Some(id.uuid()))
    }
}

impl<'c, F: Function> Enqueue<'c, F, Many> {
    /// Used by the stubs that the macros write.
    #[doc(hidden)]
    pub fn new(context: &'c dyn EnqueueContext, args: impl IntoIterator<Item = F::Args>) -> Self {
        Self::collect(context, args)
    }
}

impl<'c, F: Function, M> Enqueue<'c, F, M> {
    fn collect(context: &'c dyn EnqueueContext, args: impl IntoIterator<Item = F::Args>) -> Self {
        let encode = |args| payload::encode(&args).map_err(|why| invalid::<F>("arguments", why));
        let options = Options {
            id: None,
            pool: None,
            name: None,
            start: Start::After(Duration::ZERO),
            retry: None,
            status_ttl: F::SPEC.status_ttl,
            callback: None,
            outcomes: 7,
        };
        let args = args.into_iter().map(encode).collect();
        Self { context, args, options: Ok(options), types: PhantomData }
    }

    fn with(mut self, set: impl FnOnce(&mut Options)) -> Self {
        if let Ok(options) = &mut self.options {
            set(options);
        }
        self
    }

    /// Not before this time, by the clock of the database; a past time means now. Takes the times
    /// of chrono, time and jiff too, by their `Into<SystemTime>`. Replaces `run_after`.
    pub fn run_at(self, time: impl Into<SystemTime>) -> Self {
        let time = time.into();
        self.with(|options| options.start = Start::At(time))
    }

    /// Not before this much time has passed since the enqueue statement, by the clock of the
    /// database. Replaces `run_at`.
    pub fn run_after(self, delay: Duration) -> Self {
        self.with(|options| options.start = Start::After(delay))
    }

    /// Says whether and how failed attempts are tried again: `true`, `false`, or a
    /// [`RetryPolicy`](crate::RetryPolicy). Wins over the attribute and the pool. Actions only:
    /// for a mutation or a query this does not compile.
    pub fn retry(self, retry: impl Into<Retry>) -> Self
    where
        F: Retryable,
    {
        let retry = retry.into();
        self.with(|options| options.retry = Some(retry))
    }

    /// Calls `H` with this context when the work has ended: recorded in the transaction of the
    /// end, and run once in effect.
    #[expect(clippy::needless_pass_by_value, reason = "the context is handed over")]
    pub fn on_complete<H: Completes<F::Output>>(mut self, context: H::Context) -> Self {
        match payload::encode(&context) {
            Ok(json) => self.with(|options| options.callback = Some((H::SPEC.name, json))),
            Err(why) => {
                self.options = Err(invalid::<F>("context", why));
                self
            }
        }
    }

    /// Limits `on_complete` to some outcomes.
    pub fn only_on(self, outcomes: impl IntoIterator<Item = OutcomeKind>) -> Self {
        let mask = outcomes.into_iter().fold(0, |mask, outcome| mask | (1 << outcome.code()));
        self.with(|options| options.outcomes = mask)
    }

    /// A label for people, at most 500 bytes.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.with(|options| options.name = Some(name))
    }

    /// Runs in another pool than the function's, which must exist.
    pub fn pool(self, pool: impl AsRef<str>) -> Self {
        let pool = pool.as_ref().to_owned();
        self.with(|options| options.pool = Some(pool))
    }

    /// How long status and result are kept after the end, in whole milliseconds; wins over the
    /// attribute and the pool. `Duration::MAX`: for ever; zero: not at all.
    pub fn status_ttl(self, ttl: Duration) -> Self {
        self.with(|options| options.status_ttl = Some(ttl))
    }

    /// Checks everything before anything is written.
    fn prepare(self) -> Result<(&'c dyn EnqueueContext, Vec<NewWork>)> {
        let template = template::<F>(self.options?)?;
        let mut items: Vec<_> = self
            .args?
            .into_iter()
            .map(|args| NewWork { id: Uuid::now_v7(), args, ..template.clone() })
            .collect();
        if let [only] = &mut *items {
            only.id = template.id;
        }
        Ok((self.context, items))
    }
}

/// The row that all items of an enqueue share.
fn template<F: Function>(options: Options) -> Result<NewWork> {
    let pool = options.pool.as_deref().or(F::SPEC.pool_name()).unwrap_or("default");
    function::check_pool_name(pool)?;
    if let Some(name) = &options.name
        && (name.len() > 500 || name.contains('\0'))
    {
        return Err(invalid::<F>("name", "it must have at most 500 bytes and no NUL".into()));
    }
    let (delay, run_at) = match options.start {
        Start::After(delay) => (delay, None),
        Start::At(time) => {
            let at = Timestamp::from_system(time).map_err(|why| invalid::<F>("run_at", why))?;
            (Duration::ZERO, Some(at))
        }
    };
    // Beyond that, the due time would leave the years that the database keeps.
    let delay_us = i64::try_from(delay.as_micros()).ok().filter(|us| *us < 7900 * YEAR_US);
    let Some(delay_us) = delay_us else {
        return Err(invalid::<F>("run_after", "it lies beyond the year 9999".into()));
    };
    let (callback, context) = options.callback.unzip();
    Ok(NewWork {
        id: options.id.unwrap_or_else(Uuid::now_v7),
        given_id: options.id.is_some(),
        pool: pool.to_owned(),
        function: F::SPEC.name,
        kind: F::SPEC.kind.code(),
        name: options.name,
        delay_us,
        run_at,
        retry: retry_choice::<F>(options.retry)?,
        ttl: options.status_ttl.map_or(Ttl::OfPool, |ttl| Ttl::Given(millis_or_forever(ttl))),
        callback,
        outcomes: options.outcomes,
        context,
        trace: trace::current(),
        args: String::new(),
    })
}

const YEAR_US: i64 = 365 * 86_400 * 1_000_000;

/// Per call over attribute over pool; the pool's part is decided by its row.
fn retry_choice<F: Function>(given: Option<Retry>) -> Result<RetryChoice> {
    let choice = match (given, &F::SPEC.retry) {
        _ if F::SPEC.kind != FunctionKind::Action => RetryChoice::Off,
        (Some(Retry::Off), _) | (None, RetrySetting::Off) => RetryChoice::Off,
        (Some(Retry::On), _) | (None, RetrySetting::On) => RetryChoice::PoolPolicy,
        (Some(Retry::Policy(policy)), _) => RetryChoice::Given(policy),
        (None, RetrySetting::Policy(policy)) => RetryChoice::Given(*policy),
        (None, RetrySetting::Unset) => RetryChoice::PoolDefault,
    };
    match choice {
        RetryChoice::Given(policy) if policy.fault().is_some() => {
            Err(invalid::<F>("retry policy", policy.fault().unwrap_or_default().into()))
        }
        choice => Ok(choice),
    }
}

fn invalid<F: Function>(what: &'static str, why: String) -> Error {
    Error::InvalidInput { what, function: F::SPEC.name.to_owned(), why }
}

impl<'c, F: Function> IntoFuture for Enqueue<'c, F, One> {
    type Output = Result<WorkId<F::Output>>;
    type IntoFuture = BoxFuture<'c, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let prepared = self.prepare();
        Box::pin(async move {
            let (context, items) = prepared?;
            let id = items[0].id;
            context.submit(Submission(items)).await?;
            Ok(WorkId::from_uuid(id))
        })
    }
}

impl<'c, F: Function> IntoFuture for Enqueue<'c, F, Many> {
    type Output = Result<Vec<WorkId<F::Output>>>;
    type IntoFuture = BoxFuture<'c, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let prepared = self.prepare();
        Box::pin(async move {
            let (context, items) = prepared?;
            let ids = items.iter().map(|item| WorkId::from_uuid(item.id)).collect();
            if !items.is_empty() {
                context.submit(Submission(items)).await?;
            }
            Ok(ids)
        })
    }
}

impl<F: Function, M> std::fmt::Debug for Enqueue<'_, F, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enqueue").field("function", &F::SPEC.name).finish_non_exhaustive()
    }
}

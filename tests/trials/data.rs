//! Data at the edges, through the database and a worker: arguments, contexts, names and errors come
//! back as they were, or are refused by a typed error before anything is written.

mod values;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use uuid::Uuid;
use workpool::{
    ActionCtx, Completion, Error, Failure, MutationCtx, Outcome, Pool, Status, WorkId, Workpool,
    action, on_complete, sqlx,
};

use self::values::Datum;
use crate::place::{self, Place};
use crate::report::{Report, Setup};

workpool::pool!(
    /// Where data goes through.
    ECHOES = Pool::new("echoes").max_parallelism(10)
);

/// Data at full size.
const DATA: u64 = 10_000;
/// Items in flight at once.
const AT_ONCE: usize = 200;
/// A failure's text is kept up to here.
const TEXT: usize = 8 * 1024;

/// The context and the result, as shown.
type Heard = (String, Option<String>);

/// What was told to callbacks, by work.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<HashMap<Uuid, Heard>>>);

/// Returns what it was given.
#[action(name = "echo", pool = ECHOES, retry = false)]
#[expect(clippy::unused_async, reason = "a function of workpool is async")]
async fn echo(_: &ActionCtx, value: Datum) -> anyhow::Result<Datum> {
    Ok(value)
}

/// Fails with the text that it makes of its argument.
#[action(name = "fail_with", pool = ECHOES, retry = false)]
#[expect(clippy::unused_async, reason = "a function of workpool is async")]
async fn fail_with(_: &ActionCtx, text: Text) -> anyhow::Result<Datum> {
    Err(anyhow::Error::msg(text.make()))
}

/// Remembers its context and what came out.
#[on_complete(name = "echoed", context = Datum)]
#[expect(clippy::unused_async, reason = "a function of workpool is async")]
async fn echoed(ctx: &mut MutationCtx<'_>, done: Completion<Datum, Datum>) -> anyhow::Result<()> {
    let outcome = match &done.outcome {
        Outcome::Success(value) => Some(format!("{value:?}")),
        _ => None,
    };
    let context = format!("{:?}", done.context);
    ctx.state::<Told>().0.lock().unwrap().insert(done.work_id.uuid(), (context, outcome));
    Ok(())
}

/// A text that may not be an argument, because of its size or what is in it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Text {
    codes: Vec<u32>,
    times: usize,
}

impl Text {
    fn make(&self) -> String {
        let once: String = self.codes.iter().filter_map(|code| char::from_u32(*code)).collect();
        once.repeat(self.times)
    }

    fn drawn(numbers: &mut StdRng) -> Self {
        let codes = values::text(numbers).chars().map(u32::from).collect();
        // Now and then as large as a dump of everything.
        let times = if numbers.random_ratio(1, 200) { 300_000 } else { 1 };
        Self { codes, times }
    }
}

/// An item that was accepted, and what has to come of it.
struct Sent {
    id: WorkId<Datum>,
    wanted: Wanted,
}

enum Wanted {
    Value { value: String, context: String },
    Failure(String),
}

pub(crate) async fn run(setup: &Setup) -> Report {
    let mut report = Report::default();
    let mut numbers = setup.numbers(1);
    let place = Place::new().await;
    let told = Told::default();
    let worker = place::quick(&place.near)
        .state(told.clone())
        .callback_parallelism(5)
        .start()
        .await
        .unwrap();
    let fixed = values::edges();
    let drawn = setup.some(DATA);
    let mut sent = Vec::new();
    for at in 0..fixed.len() as u64 + drawn {
        let value = fixed.get(usize::try_from(at).unwrap()).cloned();
        let value = value.unwrap_or_else(|| values::datum(&mut numbers, 0));
        let context = values::datum(&mut numbers, 2);
        report.exposures += 1;
        let one = send(&place.near, &mut numbers, value, context, &mut report).await;
        sent.extend(one);
        if sent.len() >= AT_ONCE {
            settle(&place, std::mem::take(&mut sent), &told, &mut report).await;
        }
    }
    settle(&place, sent, &told, &mut report).await;
    report.require(worker.is_healthy(), || "the worker is not healthy".into());
    worker.shutdown().await;
    odd_names(&place.near, &mut numbers, setup.some(300), &mut report).await;
    report
}

/// Enqueues one; none if it was refused, which must be by a typed error and leave nothing.
async fn send(
    workpool: &Workpool,
    numbers: &mut StdRng,
    value: Datum,
    context: Datum,
    report: &mut Report,
) -> Option<Sent> {
    let id = WorkId::new();
    let name = values::text(numbers);
    let (answer, wanted) = if numbers.random_ratio(1, 5) {
        let text = Text::drawn(numbers);
        let wanted = Wanted::Failure(text.make());
        (fail_with::enqueue(workpool, text).id(id).name(name).await, wanted)
    } else {
        let wanted = Wanted::Value { value: format!("{value:?}"), context: format!("{context:?}") };
        let enqueue = echo::enqueue(workpool, value).id(id).name(name);
        (enqueue.on_complete::<echoed>(context).await, wanted)
    };
    match answer {
        Ok(_) => {
            report.count("accepted");
            Some(Sent { id, wanted })
        }
        Err(Error::InvalidInput { .. }) => {
            report.count("refused");
            let there = workpool.status(id).await.unwrap();
            report.require(there.is_none(), || format!("refused, and is there: {there:?}"));
            None
        }
        Err(error) => {
            report.breach(format!("refused by {error:?}"));
            None
        }
    }
}

/// Waits for all of these, and looks at what came of them.
async fn settle(place: &Place, sent: Vec<Sent>, told: &Told, report: &mut Report) {
    if !place.quiet(Duration::from_mins(1)).await {
        report.breach("something is stuck");
    }
    for Sent { id, wanted } in sent {
        let result = place.near.result(id).await;
        let told = told.0.lock().unwrap().remove(&id.uuid());
        match (wanted, result) {
            (Wanted::Value { value, context }, Ok(found)) => {
                let found = format!("{found:?}");
                report.require(found == value, || format!("sent {value}, came back {found}"));
                let (with, outcome) = told.unwrap_or_default();
                report.require(with == context, || format!("context {context}: {with}"));
                let outcome = outcome.unwrap_or_default();
                report.require(outcome == value, || format!("{value}: told {outcome}"));
            }
            (Wanted::Failure(text), Err(Error::WorkFailed(failure))) => {
                let fault = fault_of(&text, &failure);
                report.require(fault.is_none(), || format!("{text:.60?}: {fault:?}"));
            }
            (Wanted::Value { value, .. }, other) => {
                report.breach(format!("{value:.200}: it ended as {other:?}"));
            }
            (Wanted::Failure(text), other) => {
                report.breach(format!("{text:.60?}: it ended as {other:?}"));
            }
        }
        let status = place.near.status(id).await.unwrap();
        let finished = matches!(status, Some(Status::Finished(_)));
        report.require(finished, || format!("{id} is {status:?}"));
    }
}

/// What is wrong with a stored failure: it is the text without NUL, cut to a bound.
fn fault_of(text: &str, failure: &Failure) -> Option<String> {
    let kept = failure.message();
    if kept.len() > TEXT + 64 || kept.contains('\0') {
        return Some(format!("{} bytes are kept", kept.len()));
    }
    // What is put in the place of NUL is not the point here.
    let same = |kept: char, sent: char| kept == sent || sent == '\0';
    let plain = !text.contains('\0') && text.len() <= TEXT;
    let begins = kept.chars().zip(text.chars()).take(500).all(|(kept, sent)| same(kept, sent));
    (!begins || plain && kept != text).then(|| format!("{kept:.60?}"))
}

/// Names of pools: accepted and found again under that name, or refused by a typed error.
async fn odd_names(workpool: &Workpool, numbers: &mut StdRng, names: u64, report: &mut Report) {
    const FIXED: [&str; 9] =
        ["", " ", "Ü", "U\u{308}", "🦀", "שלום", "'; DROP TABLE x; --", "%", "a\0b"];
    for at in 0..names {
        report.exposures += 1;
        let fixed = FIXED.get(usize::try_from(at).unwrap()).map(|name| (*name).to_owned());
        let name = fixed.unwrap_or_else(|| values::text(numbers));
        let allowed = (1..=200).contains(&name.len()) && !name.contains('\0');
        match workpool.create_pool(Pool::new(&name)).await {
            Ok(_) => {
                report.require(allowed, || format!("pool {name:?} was created"));
                let found: i64 =
                    sqlx::query_scalar("SELECT count(*) FROM workpool.pools WHERE name = $1")
                        .bind(&name)
                        .fetch_one(workpool.db())
                        .await
                        .unwrap();
                report.require(found == 1, || format!("pool {name:?} is there {found} times"));
            }
            Err(Error::InvalidConfig { .. }) => {
                report.require(!allowed, || format!("pool {name:?} was refused"));
            }
            Err(error) => report.breach(format!("pool {name:?}: {error:?}")),
        }
    }
}

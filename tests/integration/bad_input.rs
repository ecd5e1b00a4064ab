//! Section 10: input that cannot be stored, refused before anything is written; and output that
//! cannot, which ends the work all the same.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use workpool::{
    ActionCtx, Completion, Error, FailureKind, MutationCtx, OutcomeKind, Pool, RetryPolicy,
    Workpool, action, mutation, on_complete,
};
use workpool_tests::{Stage, setup};

use crate::functions::{echo, end_of, ended, write};

const MIB: usize = 1 << 20;

#[derive(Serialize, Deserialize)]
struct Nest(Vec<Nest>);

/// Serde reads such an enum through a buffer that has no room for 128 bits.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Wide { number: i128 },
}

#[derive(Serialize, Deserialize)]
struct Odd {
    by_pair: BTreeMap<(u32, u32), String>,
}

#[action(pool = "bad input")]
async fn take_nest(_ctx: &ActionCtx, nest: Nest) -> workpool::Result<usize> {
    let (mut depth, mut at) = (0, &nest);
    while let Some(inner) = at.0.first() {
        (depth, at) = (depth + 1, inner);
    }
    Ok(depth)
}

#[action(pool = "bad input")]
async fn take_value(_ctx: &ActionCtx, value: Value) -> workpool::Result<Value> {
    Ok(value)
}

#[action(pool = "bad input")]
async fn take_numbers(
    _ctx: &ActionCtx,
    plain: f64,
    maybe: Option<f64>,
    wide: u64,
) -> workpool::Result<(f64, Option<f64>, u64)> {
    Ok((plain, maybe, wide))
}

#[action(pool = "bad input")]
async fn take_tagged(_ctx: &ActionCtx, _tagged: Tagged) -> workpool::Result<()> {
    Ok(())
}

#[action(pool = "bad input")]
async fn take_odd(_ctx: &ActionCtx, _odd: Odd) -> workpool::Result<()> {
    Ok(())
}

#[action(pool = "bad input", retry)]
async fn answer_with(_ctx: &ActionCtx, bytes: usize, nul: bool) -> workpool::Result<String> {
    Ok(if nul { "\0".into() } else { "x".repeat(bytes) })
}

#[mutation(pool = "bad input")]
async fn answer_from_mutation(ctx: &mut MutationCtx<'_>, bytes: usize) -> sqlx::Result<String> {
    write(ctx, "effect").await?;
    Ok("x".repeat(bytes))
}

#[action(pool = "bad input", retry)]
async fn fail_with(_ctx: &ActionCtx, bytes: usize) -> Result<(), anyhow::Error> {
    Err(anyhow::anyhow!("inner\0{}", "ü".repeat(bytes)).context("x\0y".repeat(bytes)))
}

#[on_complete(context = Option<String>)]
async fn with_context(
    _ctx: &mut MutationCtx<'_>,
    _done: Completion<Option<String>, Value>,
) -> workpool::Result<()> {
    Ok(())
}

fn nested(depth: usize) -> Nest {
    (1..depth).fold(Nest(vec![]), |inner, _| Nest(vec![inner]))
}

/// The enqueue was refused, and says what of, and why.
#[track_caller]
fn refused<T: std::fmt::Debug>(answer: workpool::Result<T>, of: &str, words: &str) {
    match answer {
        Err(Error::InvalidInput { what, function, why }) => {
            assert_eq!(what, of);
            assert!(function.starts_with("integration::"), "{function}");
            assert!(why.contains(words), "{why}");
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn arguments_and_contexts_over_a_mebibyte_are_refused() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    // Two bytes are the quotes.
    refused(echo::enqueue(workpool, "x".repeat(MIB - 1)).await, "arguments", "bytes");
    let context = Some("x".repeat(MIB));
    let echo = echo::enqueue(workpool, "x".into()).on_complete::<with_context>(context);
    refused(echo.await, "context", "bytes");
    assert_eq!(stage.unfinished().await, 0);
    let id = self::echo::enqueue(workpool, "x".repeat(MIB - 2)).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(workpool.result(id).await.unwrap().len(), MIB - 2);
}

#[tokio::test]
async fn arguments_nested_deeper_than_127_levels_are_refused() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    refused(take_nest::enqueue(workpool, nested(128)).await, "arguments", "levels");
    let value = (0..200).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    refused(take_value::enqueue(workpool, value).await, "arguments", "levels");
    let id = take_nest::enqueue(workpool, nested(127)).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(workpool.result(id).await.unwrap(), 126);
}

#[tokio::test]
async fn nul_in_text_is_refused_wherever_it_is() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    refused(echo::enqueue(workpool, "a\0b".into()).await, "arguments", "NUL");
    let key = serde_json::json!({ "outer": [{ "a\0": 1 }] });
    refused(take_value::enqueue(workpool, key).await, "arguments", "NUL");
    let echo = echo::enqueue(workpool, "x".into());
    let echo = echo.on_complete::<with_context>(Some("\0".into()));
    refused(echo.await, "context", "NUL");
    refused(self::echo::enqueue(workpool, "x".into()).name("\0").await, "name", "NUL");
    assert_eq!(stage.unfinished().await, 0);
    let harmless = r#"\u0000 "\\u0000""#.to_owned();
    let id = self::echo::enqueue(workpool, harmless.clone()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(workpool.result(id).await.unwrap(), harmless);
}

#[tokio::test]
async fn numbers_that_json_does_not_have_are_refused() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let args = |plain, maybe| TakeNumbersArgs { plain, maybe, wide: 0 };
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused(take_numbers::enqueue(workpool, args(bad, None)).await, "arguments", "");
    }
    assert_eq!(stage.unfinished().await, 0);
}

#[tokio::test]
async fn a_number_that_json_does_not_have_is_refused_where_null_would_be_read_too() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    for bad in [f64::NAN, f64::INFINITY] {
        let args = TakeNumbersArgs { plain: 0.0, maybe: Some(bad), wide: 0 };
        refused(take_numbers::enqueue(workpool, args).await, "arguments", "");
    }
    assert_eq!(stage.unfinished().await, 0);
}

#[tokio::test]
async fn integers_and_maps_that_do_not_survive_are_refused() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let wide = Tagged::Wide { number: i128::MAX };
    refused(take_tagged::enqueue(workpool, wide).await, "arguments", "");
    let odd = Odd { by_pair: [((1, 2), "x".into())].into() };
    refused(take_odd::enqueue(workpool, odd).await, "arguments", "key");
    assert_eq!(stage.unfinished().await, 0);
}

#[tokio::test]
async fn extreme_numbers_come_back_as_they_went() {
    let stage = Stage::new().await;
    let plain = [f64::MIN_POSITIVE, f64::MAX, 0.1 + 0.2, -0.0, 5e-324, 9_007_199_254_740_993.0];
    let args = |plain| TakeNumbersArgs { plain, maybe: Some(plain), wide: u64::MAX };
    let ids = take_numbers::enqueue_batch(stage.workpool(), plain.map(args)).await.unwrap();
    stage.drain().await.assert_nothing_left();
    for (id, plain) in ids.into_iter().zip(plain) {
        let (back, maybe, wide) = stage.workpool().result(id).await.unwrap();
        assert_eq!(back.to_bits(), plain.to_bits(), "{plain:e}");
        assert_eq!((maybe.map(f64::to_bits), wide), (Some(plain.to_bits()), u64::MAX));
    }
}

#[tokio::test]
async fn a_result_that_cannot_be_stored_ends_the_work_failed_at_once() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let args = [(2 * MIB, false), (0, true)].map(|(bytes, nul)| AnswerWithArgs { bytes, nul });
    let answers = answer_with::enqueue_batch(workpool, args).on_complete::<ended>("x".into());
    let mut ids = answers.await.unwrap();
    ids.push(answer_from_mutation::enqueue(workpool, 2 * MIB).await.unwrap());
    stage.drain().await.assert_nothing_left();
    for id in ids {
        let end = end_of(&stage, id).await;
        assert_eq!((end.outcome, end.attempts), (OutcomeKind::Failed, 1));
        assert_eq!(end.failures[0].kind(), FailureKind::UnstorableResult);
    }
    let notes = stage.notes().await;
    assert_eq!(notes.len(), 2, "completions are told, and the effect of the mutation is undone");
    assert!(notes.iter().all(|note| note.starts_with("x: failed")), "{notes:?}");
}

#[tokio::test]
async fn the_text_of_an_error_is_cleaned_and_cut_to_eight_kibibytes() {
    let stage = Stage::new().await;
    let policy = RetryPolicy::new().max_attempts(2).initial_backoff(Duration::ZERO);
    let failing = fail_with::enqueue_batch(stage.workpool(), [3, 10 * MIB]).retry(policy);
    let ids = failing.await.unwrap();
    stage.drain().await.assert_nothing_left();
    for id in ids {
        let end = end_of(&stage, id).await;
        assert_eq!((end.outcome, end.attempts), (OutcomeKind::Failed, 2));
        for failure in &end.failures {
            let sources = failure.sources().iter().map(String::len).sum::<usize>();
            let kept = failure.message().len() + sources;
            assert!(kept <= 8 * 1024 + 100, "{kept}");
            let text: Vec<_> = failure.message().chars().collect();
            assert_eq!((text[0], text[2], text.contains(&'\0')), ('x', 'y', false));
        }
    }
}

#[tokio::test]
async fn pool_names_that_are_empty_or_too_long_are_refused() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    for bad in ["", &"x".repeat(201), &"ü".repeat(101), "a\0b"] {
        let created = workpool.create_pool(Pool::new(bad)).await;
        assert!(matches!(created, Err(Error::InvalidConfig { .. })), "{bad:?}: {created:?}");
        let enqueued = echo::enqueue(workpool, "x".into()).pool(bad).await;
        assert!(matches!(enqueued, Err(Error::InvalidConfig { .. })), "{bad:?}: {enqueued:?}");
    }
}

#[tokio::test]
async fn odd_pool_names_are_data_and_nothing_else() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let _worker = stage.start().await;
    let longest = "x".repeat(200);
    let odd =
        ["'; DROP TABLE notes; --", "%s \\ \" {}", "Ü\u{308}🦀", " ", "~", "+", "=", &longest];
    for name in odd {
        workpool.create_pool(Pool::new(name)).await.unwrap();
        let id = echo::enqueue(workpool, name.into()).pool(name).await.unwrap();
        assert_eq!(workpool.result(id).await.unwrap(), name);
        assert_eq!(workpool.stats(name).await.unwrap().backlog, 0);
        workpool.pool(name).pause().await.unwrap();
    }
}

#[tokio::test]
async fn retry_policies_that_make_no_sense_are_refused() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let policy = RetryPolicy::new;
    let bad = [
        policy().max_attempts(0),
        policy().max_attempts(u32::MAX),
        policy().base(f64::NAN),
        policy().base(f64::INFINITY),
        policy().base(0.5),
        policy().initial_backoff(Duration::MAX),
        policy().max_backoff(Duration::MAX),
    ];
    for bad in bad {
        refused(echo::enqueue(workpool, "x".into()).retry(bad).await, "retry policy", "");
        let created = workpool.create_pool(Pool::new("bad").default_retry(bad)).await;
        assert!(matches!(created, Err(Error::InvalidConfig { .. })), "{created:?}");
    }
    assert_eq!(stage.unfinished().await, 0);
}

#[tokio::test]
async fn settings_of_a_worker_that_make_no_sense_are_refused() {
    let stage = Stage::new().await;
    let bad = [
        stage.worker().heartbeat(Duration::ZERO),
        stage.worker().heartbeat(Duration::from_secs(1)),
        stage.worker().heartbeat(Duration::MAX),
        stage.worker().lease(Duration::MAX),
        stage.worker().lease(Duration::ZERO),
        stage.worker().poll_interval(Duration::ZERO),
        stage.worker().transactions(0),
        stage.worker().callback_parallelism(0),
    ];
    for bad in bad {
        let started = bad.start().await;
        assert!(matches!(started, Err(Error::InvalidConfig { what: "worker", .. })), "{started:?}");
    }
}

#[tokio::test]
async fn schema_names_outside_the_allowed_are_refused() {
    let database = setup::database().await;
    for bad in ["", "Work", "1st", "a-b", "a.b", "a\"b", "ü", "a b", &"x".repeat(49)] {
        let connected = Workpool::builder().schema(bad).connect(database.url()).await;
        assert!(
            matches!(connected, Err(Error::InvalidConfig { what: "schema name", .. })),
            "{bad}: {connected:?}"
        );
    }
}

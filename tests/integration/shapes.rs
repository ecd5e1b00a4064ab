//! Section 2: what functions may look like, and that they stay functions.

use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};
use workpool::{ActionCtx, MutationCtx, QueryCtx, WorkId, action, mutation, query};
use workpool_tests::Stage;

use crate::functions::{echo, end_of, note, write};

/// Can be displayed, and nothing else.
struct OnlyShown(u32);

impl fmt::Display for OnlyShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {}", self.0)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Shape {
    Empty,
    Tuple(u8, String),
    Struct { inner: Option<Box<Shape>> },
}

#[action(pool = "shapes")]
async fn without_arguments(_ctx: &ActionCtx) -> workpool::Result<u8> {
    Ok(1)
}

#[action(pool = "shapes")]
async fn with_several(
    _ctx: &ActionCtx,
    shape: Shape,
    point: (i64, i64),
    maybe: Option<String>,
) -> workpool::Result<(Shape, i64, Option<String>)> {
    Ok((shape, point.0 + point.1, maybe))
}

#[action(pool = "shapes")]
async fn failing_with_what_is_only_shown(_ctx: &ActionCtx) -> Result<(), OnlyShown> {
    Err(OnlyShown(7))
}

#[action(pool = "shapes")]
async fn failing_with_a_box(_ctx: &ActionCtx) -> Result<(), Box<dyn StdError + Send + Sync>> {
    Err("boxed".into())
}

#[action(pool = "shapes")]
async fn calling_another(ctx: &ActionCtx, text: String) -> workpool::Result<String> {
    Ok(echo(ctx, text).await? + "!")
}

#[mutation(pool = "shapes")]
async fn calling_another_mutation(ctx: &mut MutationCtx<'_>) -> workpool::Result<WorkId<()>> {
    note(ctx, "first".into()).await?;
    note(ctx, "second".into()).await?;
    note::enqueue(ctx, "third".into()).await
}

#[mutation(pool = "shapes")]
async fn canceling_itself(ctx: &mut MutationCtx<'_>) -> workpool::Result<String> {
    write(ctx, "effect").await?;
    let own = WorkId::<()>::from_uuid(ctx.work_id());
    Ok(format!("{:?}", ctx.cancel(own).await?))
}

#[mutation(pool = "shapes")]
async fn enqueueing_nowhere(ctx: &mut MutationCtx<'_>) -> anyhow::Result<()> {
    write(ctx, "effect").await?;
    note::enqueue(ctx, "x".into()).pool("nowhere").await?;
    Ok(())
}

#[query(pool = "shapes")]
async fn asking(ctx: &mut QueryCtx<'_>, a: i32, b: i32) -> sqlx::Result<i32> {
    sqlx::query_scalar("SELECT $1 * $2").bind(a).bind(b).fetch_one(ctx.db()).await
}

#[tokio::test]
async fn functions_take_nothing_one_thing_or_several() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let nothing = without_arguments::enqueue(workpool, ()).await.unwrap();
    let shape = || Shape::Struct { inner: Some(Box::new(Shape::Tuple(1, "x".into()))) };
    let args = WithSeveralArgs { shape: shape(), point: (1, 2), maybe: None };
    let several = with_several::enqueue(workpool, args).await.unwrap();
    let asked = asking::enqueue(workpool, AskingArgs { a: 6, b: 7 }).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(workpool.result(nothing).await.unwrap(), 1);
    assert_eq!(workpool.result(several).await.unwrap(), (shape(), 3, None));
    assert_eq!(workpool.result(asked).await.unwrap(), 42);
}

#[tokio::test]
async fn errors_may_be_anything_that_can_be_shown() {
    let stage = Stage::new().await;
    let shown = failing_with_what_is_only_shown::enqueue(stage.workpool(), ()).await.unwrap();
    let boxed = failing_with_a_box::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(end_of(&stage, shown).await.failures[0].message(), "number 7");
    assert_eq!(end_of(&stage, boxed).await.failures[0].message(), "boxed");
}

#[tokio::test]
async fn functions_stay_ordinary_functions_that_can_be_called() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    let action = calling_another::enqueue(workpool, "hello".into()).await.unwrap();
    let mutation = calling_another_mutation::enqueue(workpool, ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(workpool.result(action).await.unwrap(), "hello!");
    assert!(workpool.status(workpool.result(mutation).await.unwrap()).await.unwrap().is_some());
    assert_eq!(stage.notes().await, ["first", "second", "third"]);
}

#[tokio::test]
async fn a_mutation_may_cancel_itself_and_succeeds_all_the_same() {
    let stage = Stage::new().await;
    let id = canceling_itself::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.workpool().result(id).await.unwrap(), "Requested");
    assert_eq!(stage.notes().await, ["effect"]);
}

#[tokio::test]
async fn a_mutation_that_enqueues_into_no_pool_fails_as_a_whole() {
    let stage = Stage::new().await;
    let id = enqueueing_nowhere::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let failure = end_of(&stage, id).await.failures.remove(0);
    assert!(failure.message().contains("`nowhere`"), "{failure}");
    assert!(stage.notes().await.is_empty());
}

//! Section 2: application state, and the faults of a program that are found when it starts.

use workpool::{
    ActionCtx, Completion, Error, FailureKind, MutationCtx, QueryCtx, Workpool, action, mutation,
    on_complete, query,
};
use workpool_tests::{Gates, Stage, Witness, setup};

use crate::functions::end_of;

/// A tool that no test gives to its worker, and that the macro cannot see.
#[derive(Debug)]
struct Unseen;

#[action(pool = "state")]
async fn from_action(ctx: &ActionCtx) -> workpool::Result<()> {
    ctx.state::<Witness>().saw("action");
    Ok(())
}

#[mutation(pool = "state")]
async fn from_mutation(ctx: &mut MutationCtx<'_>) -> workpool::Result<()> {
    ctx.state::<Witness>().saw("mutation");
    Ok(())
}

#[query(pool = "state")]
async fn from_query(ctx: &mut QueryCtx<'_>) -> workpool::Result<()> {
    ctx.state::<Witness>().saw("query");
    Ok(())
}

#[on_complete]
async fn from_completion(
    ctx: &mut MutationCtx<'_>,
    _done: Completion<(), ()>,
) -> workpool::Result<()> {
    ctx.state::<Witness>().saw("completion");
    Ok(())
}

fn tool(ctx: &ActionCtx) -> &Unseen {
    ctx.state()
}

#[action(pool = "state")]
async fn without_its_tool(ctx: &ActionCtx) -> workpool::Result<String> {
    Ok(format!("{:?}", tool(ctx)))
}

/// What the contexts say of the attempt.
#[action(pool = "state")]
async fn about_itself(ctx: &ActionCtx) -> workpool::Result<(uuid::Uuid, u32, bool, bool)> {
    Ok((ctx.work_id(), ctx.attempt(), ctx.is_canceled(), ctx.is_current().await?))
}

/// Enqueues on the handle, and not in its own transaction.
#[mutation(pool = "state", name = "a name that stays")]
async fn beside_itself(ctx: &mut MutationCtx<'_>) -> anyhow::Result<()> {
    let workpool = ctx.workpool().clone();
    from_action::enqueue(&workpool, ()).await?;
    anyhow::bail!("and fails")
}

#[tokio::test]
async fn state_reaches_functions_of_every_kind() {
    let stage = Stage::new().await;
    let workpool = stage.workpool();
    from_action::enqueue(workpool, ()).await.unwrap();
    from_mutation::enqueue(workpool, ()).await.unwrap();
    from_query::enqueue(workpool, ()).on_complete::<from_completion>(()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let mut seen = stage.witness.seen();
    seen.sort();
    assert_eq!(seen, ["action", "completion", "mutation", "query"]);
}

#[tokio::test]
async fn a_worker_without_state_that_functions_use_does_not_start_and_says_all_of_it() {
    let database = setup::database().await;
    let refused = setup::quick(database.workpool()).start().await.unwrap_err();
    let Error::Registry(faults) = &refused else { panic!("{refused}") };
    let of = |function: &str, state: &str| {
        let names = |fault: &&String| {
            fault.contains(&format!("`integration::{function}`")) && fault.contains(state)
        };
        let fault = faults.iter().find(names).unwrap_or_else(|| panic!("{function}: {refused}"));
        assert!(fault.contains(".rs:"), "with its place: {fault}");
    };
    of("state::from_action", "Witness");
    of("state::from_completion", "Witness");
    of("functions::gated", "Witness");
    of("functions::gated", "Gates");
    let refused = setup::quick(database.workpool()).state(Gates::default()).start().await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("Witness") && !refused.contains("Gates"), "{refused}");
}

#[tokio::test]
async fn state_that_is_missed_only_at_run_time_fails_the_attempt_with_advice() {
    let stage = Stage::new().await;
    let id = without_its_tool::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let failure = end_of(&stage, id).await.failures.remove(0);
    assert_eq!(failure.kind(), FailureKind::Panic);
    assert!(failure.message().contains("Unseen"), "{failure}");
    assert!(failure.message().contains(".state("), "{failure}");
}

#[tokio::test]
async fn an_attempt_knows_itself() {
    let stage = Stage::new().await;
    let id = about_itself::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    let answer = stage.workpool().result(id).await.unwrap();
    assert_eq!(answer, (id.uuid(), 1, false, true));
}

#[tokio::test]
async fn a_name_given_in_the_attribute_is_the_one_that_is_stored() {
    let stage = Stage::new().await;
    let id = beside_itself::enqueue(stage.workpool(), ()).await.unwrap();
    assert_eq!(stage.column::<String>("function", id).await, "a name that stays");
    let id = from_action::enqueue(stage.workpool(), ()).await.unwrap();
    let path = "integration::state::from_action";
    assert_eq!(stage.column::<String>("function", id).await, path);
}

#[tokio::test]
async fn what_a_mutation_enqueues_on_the_handle_is_not_rolled_back_with_it() {
    let stage = Stage::new().await;
    beside_itself::enqueue(stage.workpool(), ()).await.unwrap();
    stage.drain().await.assert_nothing_left();
    assert_eq!(stage.witness.seen(), ["action"]);
}

#[tokio::test]
async fn pools_that_are_only_named_can_be_made_an_error() {
    let database = setup::database().await;
    let strict = Workpool::builder().deny_undeclared_pools().connect(database.url()).await;
    let Err(Error::Registry(faults)) = strict else { panic!("{strict:?}") };
    let echo = faults.iter().find(|fault| fault.contains("`echo`")).unwrap();
    assert!(echo.contains("functions.rs:"), "{echo}");
    assert!(!faults.iter().any(|fault| fault.contains("`narrow`")), "it is declared");
}

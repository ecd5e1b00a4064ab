//! Plays the cases in which a call of an application is under test.

use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;
use workpool::{WorkId, Workpool, sqlx};

use crate::case::{Case, Kind};
use crate::fault::{FROZEN, Fault};
use crate::functions::{How, Task};
use crate::lane::Lane;
use crate::rows::Call;
use crate::table::Answer;
use crate::verdict;
use workpool_tests::Process;

/// Longer than the failpoint of a dropped call takes.
const SETTLED: Duration = Duration::from_millis(700);
const TASK: Task = Task { how: How::Takes(0), fails: 0 };

/// Plays a case, and checks what came of it.
pub(crate) async fn play(lane: &Lane, case: &Case, call: Call) {
    let id = WorkId::<u32>::new();
    match call {
        Call::Cancel => lane.enqueue_as(id, case.kind, TASK).await,
        Call::Migrate => {
            lane.run(
                "DROP SCHEMA workpool CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public",
            )
            .await;
        }
        _ => {}
    }
    let arguments = [
        format!("call={}", call.name()),
        format!("kind={}", case.kind.name()),
        format!("id={}", id.uuid()),
        format!("drop={}", case.fault == Fault::Abort),
    ];
    let mut client = lane.client(case, &arguments);
    lane.hit(case).await;
    let answer = answer(case, &mut client).await;
    assert_eq!(answer, case.answer(call), "what the caller was told");
    assert_eq!(has_taken_effect(lane, case, call, id.uuid()).await, case.takes_effect(call));
    client.close().await;
    let items = follow_up(lane, case, call, id).await;
    let worker = lane.heir().await;
    if call == Call::Pause {
        let paused = case.takes_effect(call);
        nothing_starts_while(lane, paused).await;
        lane.workpool.pool("mixed").resume().await.unwrap();
    }
    let bystander = lane.enqueue(Kind::Book, How::Takes(0), 0).await;
    lane.quiet().await;
    lane.settled(1).await;
    worker.terminate().await;
    for item in items {
        verdict::check(lane, item, case).await;
    }
    verdict::check_bystander(lane, bystander).await;
    verdict::check_lane(lane).await;
}

/// What the client prints, when the fault is over.
async fn answer(case: &Case, client: &mut Process) -> Answer {
    if case.fault == Fault::Stop {
        client.frozen().await;
        sleep(FROZEN).await;
        client.thaw().await;
    }
    let answer = match client.line().await.as_deref() {
        Some("done") => Answer::Done,
        Some("error") => Answer::Error,
        Some("dropped") => Answer::Dropped,
        None => Answer::Nothing,
        Some(odd) => panic!("an odd answer: {odd}"),
    };
    if answer == Answer::Dropped {
        sleep(SETTLED).await;
    }
    answer
}

async fn has_taken_effect(lane: &Lane, case: &Case, call: Call, id: Uuid) -> bool {
    match call {
        Call::Enqueue | Call::Given => lane.count("SELECT count(*) FROM workpool.work").await == 1,
        Call::Batch => {
            let stored = lane.count("SELECT count(*) FROM workpool.work").await;
            assert!([0, 2].contains(&stored), "{stored} of a batch of two are stored");
            stored == 2
        }
        Call::Cancel => {
            let sql = "SELECT count(*) FROM workpool.finished WHERE id = $1 AND outcome = 2";
            let ended: i64 =
                sqlx::query_scalar(sql).bind(id).fetch_one(lane.workpool.db()).await.unwrap();
            ended == 1
        }
        Call::Pause => {
            let sql = "SELECT count(*) FROM workpool.pools WHERE name = 'mixed' AND paused";
            lane.count(sql).await == 1
        }
        Call::Limit => {
            let sql = "SELECT max_parallelism FROM workpool.pools WHERE name = 'mixed'";
            let limit = lane.count(sql).await;
            assert!([1, 3].contains(&limit), "{case}: a limit of {limit}");
            limit == 1
        }
        Call::Migrate => {
            let sql = "SELECT (to_regclass('workpool.work') IS NOT NULL)::int::bigint";
            lane.count(sql).await == 1
        }
    }
}

/// What a caller does next who was not told that it is done. Returns the items there are then.
async fn follow_up(lane: &Lane, case: &Case, call: Call, id: WorkId<u32>) -> Vec<Uuid> {
    match call {
        Call::Enqueue | Call::Batch if case.takes_effect(call) => {
            sqlx::query_scalar("SELECT id FROM workpool.work")
                .fetch_all(lane.workpool.db())
                .await
                .unwrap()
        }
        Call::Cancel => vec![id.uuid()],
        Call::Migrate => {
            let again = Workpool::connect(&lane.url).await.unwrap();
            again.db().close().await;
            lane.run(include_str!("../simulation/audit.sql")).await;
            lane.enqueue_as(id, case.kind, TASK).await;
            vec![id.uuid()]
        }
        // To send it again under the same id is always right.
        _ => {
            lane.enqueue_as(id, case.kind, TASK).await;
            vec![id.uuid()]
        }
    }
}

/// A worker that has had time to start something has not, if it must not.
async fn nothing_starts_while(lane: &Lane, paused: bool) {
    if paused {
        sleep(Duration::from_millis(300)).await;
        assert_eq!(lane.count("SELECT count(*) FROM audit_counts").await, 0, "it is paused");
    }
}

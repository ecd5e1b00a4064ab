//! Plays the cases in which a worker is under test.

use tokio::time::sleep;
use uuid::Uuid;
use workpool::WorkId;

use crate::case::{Case, Kind};
use crate::fault::{FROZEN, Fault};
use crate::functions::How;
use crate::lane::{Lane, until};
use crate::rows::Stage;
use crate::verdict;
use workpool_tests::Process;

/// What is on the stage once the failpoint has been hit.
struct Scene {
    victim: Process,
    /// The first is the item of the case.
    items: Vec<Uuid>,
    /// A second worker, if there was one before.
    other: Option<Process>,
    /// Workers that are dead, or will be if the fault ends their life.
    dead: Vec<Uuid>,
}

impl Scene {
    fn new(victim: Process, item: Uuid) -> Self {
        Self { victim, items: vec![item], other: None, dead: Vec::new() }
    }
}

/// Plays a case, and checks what came of it.
pub(crate) async fn play(lane: &Lane, case: &Case) {
    let Scene { mut victim, items, other, mut dead } = set(lane, case).await;
    lane.hit(case).await;
    let bystander = lane.enqueue(Kind::Book, How::Takes(0), 0).await;
    let (ends, frozen) = (case.ends(), case.fault == Fault::Stop);
    if ends || frozen {
        dead.extend(lane.workers_of(&victim).await);
    }
    if ends {
        victim.death().await;
    } else if frozen {
        victim.frozen().await;
    }
    let other = match other {
        None if ends || frozen || case.row.stage == Stage::Inherited => Some(lane.heir().await),
        other => other,
    };
    if frozen && case.row.locks {
        sleep(FROZEN).await;
        victim.thaw().await;
    } else if ends || case.is_deadly() {
        lane.gone(&dead).await;
    }
    lane.open_gate();
    lane.quiet().await;
    if frozen && !case.row.locks {
        victim.thaw().await;
    }
    if case.ends_a_life() {
        lane.gone(&dead).await;
    }
    let leaves = matches!(case.row.stage, Stage::Grace | Stage::Leaving);
    if leaves && frozen {
        victim.death().await;
    }
    let stays = !ends && !leaves;
    lane.settled(i64::from(stays) + i64::from(other.is_some())).await;
    if stays {
        victim.terminate().await;
    }
    if let Some(other) = other {
        other.terminate().await;
    }
    match case.row.stage {
        Stage::Grouped => verdict::check_group(lane, &items, case).await,
        _ => {
            for item in items {
                verdict::check(lane, item, case).await;
            }
        }
    }
    verdict::check_bystander(lane, bystander).await;
    verdict::check_lane(lane).await;
}

/// Brings the process under test to its point.
async fn set(lane: &Lane, case: &Case) -> Scene {
    let kind = case.kind;
    let mut scene = match case.row.stage {
        Stage::Call(_) => unreachable!("a call is played elsewhere"),
        Stage::Registers | Stage::Listens => {
            let victim = lane.victim(case, &[], false);
            lane.hit(case).await;
            Scene::new(victim, lane.enqueue(kind, How::Takes(0), 0).await)
        }
        Stage::Flow | Stage::Ends | Stage::Retried | Stage::Refused | Stage::Unanswered => {
            if case.row.stage == Stage::Refused {
                lane.run(include_str!("refuse.sql")).await;
            }
            let victim = ready(lane, case, &[], false).await;
            let life = lane.life_of(&victim).await;
            let item = lane.enqueue(kind, How::Takes(0), case.row.fails(kind)).await;
            Scene { dead: vec![life], ..Scene::new(victim, item) }
        }
        Stage::InHand => {
            let victim = ready(lane, case, &[], true).await;
            let item = lane.enqueue(kind, How::Waits, 0).await;
            lane.entered(item).await;
            lane.run(include_str!("ripe.sql")).await;
            let life = lane.life_of(&victim).await;
            lane.arm();
            Scene { dead: vec![life], ..Scene::new(victim, item) }
        }
        Stage::Grace => {
            let victim = ready(lane, case, &["grace=100"], false).await;
            let item = lane.enqueue(kind, How::Waits, 0).await;
            lane.entered(item).await;
            victim.ask_to_end().await;
            Scene::new(victim, item)
        }
        Stage::Sharing => share(lane, case).await,
        Stage::Grouped => group(lane, case).await,
        Stage::Canceled | Stage::Told => {
            // On a busy machine the first of several may be too slow to take others along.
            let several = if case.row.stage == Stage::Told { 20 } else { 1 };
            let mut items = Vec::new();
            for _ in 0..several {
                items.push(canceled(lane, kind).await);
            }
            let victim = lane.victim(case, &[], false);
            Scene { victim, items, other: None, dead: Vec::new() }
        }
        Stage::Inherited => {
            let first = lane.worker(&[]).await;
            let item = lane.enqueue(kind, How::Waits, 0).await;
            lane.entered(item).await;
            let life = lane.life_of(&first).await;
            first.kill().await;
            lane.open_gate();
            // It claims nothing of this itself.
            let victim = lane.victim(case, &["only=parent"], false);
            Scene { dead: vec![life], ..Scene::new(victim, item) }
        }
        Stage::Leaving => {
            let victim = ready(lane, case, &[], false).await;
            let item = lane.enqueue(kind, How::Takes(0), 0).await;
            lane.quiet().await;
            victim.ask_to_end().await;
            Scene::new(victim, item)
        }
    };
    if matches!(case.row.stage, Stage::Canceled | Stage::Told | Stage::Inherited) {
        scene.dead.push(lane.life_of(&scene.victim).await);
    }
    scene
}

async fn ready(lane: &Lane, case: &Case, arguments: &[&str], later: bool) -> Process {
    let mut victim = lane.victim(case, arguments, later);
    victim.ready().await;
    victim
}

/// The worker under test holds two slots and uses one; another one wants both.
async fn share(lane: &Lane, case: &Case) -> Scene {
    const LONG: [&str; 2] = ["lease=2000", "heartbeat=200"];
    let only = format!("only={}", case.kind.name());
    lane.workpool.pool("mixed").set_max_parallelism(2).await.unwrap();
    lane.run("UPDATE workpool.pools SET paused = true").await;
    let item = lane.enqueue(case.kind, How::Waits, 0).await;
    let short = lane.enqueue(case.kind, How::Takes(0), 0).await;
    lane.run("UPDATE workpool.pools SET paused = false").await;
    let victim = ready(lane, case, &[LONG[0], LONG[1], &only], true).await;
    let life = lane.life_of(&victim).await;
    lane.entered(item).await;
    let one = "SELECT count(*) FROM workpool.finished";
    until("the short one has ended", async || lane.count(one).await == 1).await;
    verdict::entered_once(lane, short);
    let other = lane.heir().await;
    lane.arm();
    let wants = if case.kind == Kind::Book { Kind::Again } else { Kind::Book };
    for _ in 0..2 {
        lane.enqueue(wants, How::Takes(0), 0).await;
    }
    Scene { other: Some(other), dead: vec![life], ..Scene::new(victim, item) }
}

/// More is due than there are slots, so that some of them take others along.
async fn group(lane: &Lane, case: &Case) -> Scene {
    const MANY: usize = 30;
    lane.workpool.pool("mixed").set_max_parallelism(1).await.unwrap();
    lane.run("UPDATE workpool.pools SET paused = true").await;
    let mut items = Vec::new();
    for _ in 0..MANY {
        items.push(lane.enqueue_plainly().await);
    }
    let victim = ready(lane, case, &[], false).await;
    let life = lane.life_of(&victim).await;
    lane.run("UPDATE workpool.pools SET paused = false").await;
    Scene { victim, items, other: None, dead: vec![life] }
}

/// An item that was canceled, and has a callback.
async fn canceled(lane: &Lane, kind: Kind) -> Uuid {
    let item = lane.enqueue(kind, How::Takes(0), 0).await;
    lane.workpool.cancel(WorkId::<u32>::from_uuid(item)).await.unwrap();
    item
}

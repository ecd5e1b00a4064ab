//! The big one: two processes, a pool of three, two thousand items, ten kills.

use std::time::Duration;

use tokio::time::sleep;

use crate::audit;
use crate::load::{self, Random};
use crate::world::{World, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_among_two_thousand_items_lose_nothing_and_double_nothing() {
    let mut random = Random::seeded("ten kills");
    let world = World::new().await;
    let mut processes = vec![world.process().await, world.process().await];
    let items = load::enqueue(world.workpool(), 2000, (5, 45), &mut random).await;
    for kill in 0..10 {
        // The time between kills is what is drawn here; nothing is synchronized by it.
        sleep(Duration::from_millis(random.between(400, 1800))).await;
        let left = world.count("SELECT count(*) FROM workpool.work").await;
        assert!(left > 0, "the load ended before kill {kill}");
        let victim = processes.swap_remove(usize::try_from(random.below(2)).unwrap());
        // A kill that hits nothing would show nothing.
        eventually("the victim runs something", async || runs(&world, victim.pid()).await).await;
        victim.kill().await;
        processes.push(world.process().await);
    }
    world.quiet(Duration::from_mins(1)).await;
    for process in processes {
        process.terminate().await;
    }
    let findings = audit::check(&world, &items).await;
    println!("{findings:?}");
    audit::nobody_is_left(&world).await;
    assert_eq!(audit::peak(&world).await, 3, "all slots are used");
    assert!(findings.lost + findings.repeated > 5, "{findings:?}");
    assert!(findings.succeeded > 1700, "{findings:?}");
}

async fn runs(world: &World, pid: u32) -> bool {
    let running = sqlx::query_scalar(
        "SELECT count(*) FROM workpool.work JOIN workpool.workers w ON w.id = worker WHERE w.pid = $1",
    );
    let running: i64 = running.bind(i64::from(pid)).fetch_one(world.workpool().db()).await.unwrap();
    running > 0
}

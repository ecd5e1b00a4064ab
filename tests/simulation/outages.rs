//! The database goes away in the middle of work, and comes back.

use std::time::Duration;

use sqlx::Executor;
use tokio::time::sleep;
use workpool::Workpool;
use workpool::testing::{Postgres, PostgresOptions, Stop};
use workpool_tests::{Weather, Wire};

use crate::audit;
use crate::load::{self, Random};
use crate::world::{World, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_of_the_server_lose_nothing_and_health_tells_of_them() {
    let mut random = Random::seeded("restarts");
    let server = Postgres::start_with(PostgresOptions::new().durable(true)).await.unwrap();
    let workpool = Workpool::connect(&server.url()).await.unwrap();
    let world = World::of(workpool, server.url()).await;
    let process = world.process().await;
    let worker = world.worker_here().start().await.unwrap();
    eventually("it is healthy at first", async || worker.is_healthy()).await;
    let items = load::enqueue(world.workpool(), 500, (5, 60), &mut random).await;
    for (how, down_ms) in [(Stop::Fast, 1500), (Stop::Immediate, 0), (Stop::Immediate, 700)] {
        sleep(Duration::from_millis(random.between(300, 900))).await;
        server.stop(how).await.unwrap();
        if down_ms > 0 {
            eventually("an outage shows", async || !worker.is_healthy()).await;
            sleep(Duration::from_millis(down_ms)).await;
            assert!(!worker.is_healthy(), "and as long as it lasts");
        }
        server.start_again().await.unwrap();
        eventually("it is healthy again", async || worker.is_healthy()).await;
    }
    world.quiet(Duration::from_secs(40)).await;
    worker.shutdown().await;
    process.terminate().await;
    println!("{:?}", audit::check(&world, &items).await);
    audit::nobody_is_left(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_terminated_again_and_again_lose_nothing() {
    const STORM: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND application_name LIKE 'workpool%' AND random() < 0.5";
    let mut random = Random::seeded("terminated");
    let world = World::new().await;
    let processes = [world.process().await, world.process().await];
    let items = load::enqueue(world.workpool(), 400, (5, 60), &mut random).await;
    for _ in 0..12 {
        sleep(Duration::from_millis(random.between(50, 400))).await;
        world.count(STORM).await;
    }
    world.quiet(Duration::from_secs(40)).await;
    for process in processes {
        process.terminate().await;
    }
    println!("{:?}", audit::check(&world, &items).await);
    audit::nobody_is_left(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_workers_and_the_server_dying_at_once_lose_nothing() {
    let mut random = Random::seeded("all at once");
    let server = Postgres::start_with(PostgresOptions::new().durable(true)).await.unwrap();
    let workpool = Workpool::connect(&server.url()).await.unwrap();
    let world = World::of(workpool, server.url()).await;
    let mut items = Vec::new();
    for _ in 0..3 {
        let processes = [world.process().await, world.process().await];
        items.extend(load::enqueue(world.workpool(), 60, (5, 60), &mut random).await);
        sleep(Duration::from_millis(random.between(50, 400))).await;
        for process in processes {
            process.kill().await;
        }
        server.restart(Stop::Immediate).await.unwrap();
    }
    let heir = world.process().await;
    world.quiet(Duration::from_secs(30)).await;
    heir.terminate().await;
    println!("{:?}", audit::check(&world, &items).await);
    audit::nobody_is_left(&world).await;
}

#[tokio::test]
async fn a_lease_is_renewed_although_the_network_is_slow_to_connect() {
    // A round trip is within a quarter of the lease; two are beyond it, and within a half.
    const SLOW: Weather = Weather { latency: (140, 140), resets: 0 };
    const LEASE: Duration = Duration::from_secs(2);
    // Neither what a life begins with nor what was sent before the cut.
    const RENEWED: &str = "SELECT count(*) FROM workpool.workers, cut
        WHERE expires_at - interval '2.2 s' > greatest(started_at, cut.at)";
    let server = Postgres::start_with(PostgresOptions::new().tcp(true)).await.unwrap();
    let near = Workpool::connect(&server.url()).await.unwrap();
    let port = server.options().get_port();
    let wire = Wire::to(port, Random::of(0)).await;
    let url = server.url().replace(&format!(":{port}/"), &format!(":{}/", wire.port()));
    let far = Workpool::connect(&url).await.unwrap();
    let world = World::of(near, server.url()).await;
    let worker = far.worker().state(world.witness()).lease(LEASE).heartbeat(LEASE / 4);
    let worker = worker.start().await.unwrap();
    wire.weather(SLOW);
    wire.lead_to(port);
    world
        .workpool()
        .db()
        .execute("CREATE TABLE cut AS SELECT clock_timestamp() AS at")
        .await
        .unwrap();
    eventually("its lease is renewed", async || world.count(RENEWED).await > 0).await;
    wire.weather(Weather::default());
    worker.shutdown().await;
}

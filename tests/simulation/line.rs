//! A world whose far end is reached through a proxy that loses statements and answers.

use std::time::Duration;

use tokio::sync::OnceCell;
use workpool::testing::{Postgres, PostgresOptions};
use workpool::{WorkId, Worker, Workpool, sqlx};

use crate::audit::{self, Enqueued, Kind};
use crate::functions::{How, Task};
use crate::load::{one, plain_id};
use crate::world::{World, eventually};
use workpool_tests::{Fault, Loses, Proxy};

/// How soon everything is in order again after one lost answer.
pub(crate) const MENDED: Duration = Duration::from_secs(8);

/// How a transaction of workpool begins.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// A world, and a handle on its database whose answers may be lost.
pub(crate) struct Line {
    pub(crate) world: World,
    pub(crate) far: Workpool,
    pub(crate) proxy: Proxy,
}

impl Line {
    pub(crate) async fn new() -> Self {
        static SERVER: OnceCell<Postgres> = OnceCell::const_new();
        let start = || Postgres::start_with(PostgresOptions::new().tcp(true));
        let server = SERVER.get_or_try_init(start).await.unwrap();
        let name = format!("line_{}", uuid::Uuid::now_v7().simple());
        let admin = sqlx::PgPool::connect_with(server.options()).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(create).execute(&admin).await.unwrap();
        admin.close().await;
        let near = Workpool::connect(&server.url_of(&name)).await.unwrap();
        let world = World::of(near, server.url_of(&name)).await;
        let port = server.options().get_port();
        let proxy = Proxy::to(port).await;
        let url =
            server.url_of(&name).replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
        Self { world, far: Workpool::connect(&url).await.unwrap(), proxy }
    }

    /// A worker at the far end, with a lease that no recovery can hide behind.
    pub(crate) async fn worker(&self) -> Worker {
        self.worker_with(Duration::from_mins(1)).await
    }

    pub(crate) async fn worker_with(&self, lease: Duration) -> Worker {
        let worker = self.far.worker().state(self.world.witness()).lease(lease);
        let worker = worker.heartbeat(Duration::from_millis(200));
        worker.poll_interval(Duration::from_millis(100)).start().await.unwrap()
    }

    /// The text of a statement of the store.
    pub(crate) fn sql(&self, name: &str) -> String {
        let all = workpool::testing::statements(&self.far);
        let found = all.into_iter().find(|(file, _)| *file == name);
        found.unwrap_or_else(|| panic!("no statement {name}")).1.as_str().to_owned()
    }

    pub(crate) fn loses(&self, loses: Loses, name: &str) -> Fault {
        Fault::new(loses, self.sql(name))
    }

    pub(crate) async fn struck(&self) {
        eventually("the fault strikes", async || self.proxy.hits() > 0).await;
    }

    /// Everything is as if nothing had been lost.
    pub(crate) async fn mended(&self, items: &[Enqueued]) {
        self.struck().await;
        self.world.quiet(MENDED).await;
        let findings = audit::check(&self.world, items).await;
        let good = items.iter().filter(|item| item.fails < 3).count();
        assert_eq!((findings.succeeded, findings.lost), (good, 0));
    }

    /// Some items of all kinds, some of which fail.
    pub(crate) async fn mixture(&self) -> Vec<Enqueued> {
        let mut items = Vec::new();
        for fails in [0, 1] {
            for kind in [Kind::Once, Kind::Again, Kind::Book] {
                let fails = if kind == Kind::Again { fails } else { 3 * fails };
                let id = if fails == 0 { plain_id() } else { WorkId::new() };
                one(self.world.workpool(), kind, id, Task { how: How::Takes(3), fails }).await;
                items.push(Enqueued { id: id.uuid(), kind, fails });
            }
        }
        items
    }

    pub(crate) fn attempts(&self, item: &Enqueued) -> Vec<i32> {
        self.world.notes().entries(item.id).iter().map(|entry| entry.attempt).collect()
    }
}

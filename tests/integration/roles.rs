//! Roles with few privileges, made from the page that describes them.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor, SqlStr};
use workpool::inspect::{Retried, RunNow, WorkFilter, WorkState};
use workpool::testing::Postgres;
use workpool::{Cancel, Error, LogLevel, Pool, WorkId, Workpool, sqlx};
use workpool_tests::{Gates, Witness, patiently, setup};

use crate::functions::echo;

/// The SQL of the page.
fn grants() -> &'static str {
    let page = include_str!("../../SECURITY.md");
    page.split("```sql").nth(1).and_then(|rest| rest.split("```").next()).unwrap()
}

/// A server of its own, because roles belong to a server; migrated, with a user for each role.
struct Server {
    postgres: Postgres,
    owner: Workpool,
}

impl Server {
    async fn new() -> Self {
        let postgres = Postgres::start().await.unwrap_or_else(|error| panic!("{error}"));
        let owner = Workpool::connect(&postgres.url()).await.unwrap();
        owner.db().execute(grants()).await.unwrap();
        for role in ["worker", "enqueuer", "viewer", "steward"] {
            let user = format!("CREATE USER a_{role} IN ROLE workpool_{role}");
            owner.db().execute(AssertSqlSafe(user)).await.unwrap();
        }
        Self { postgres, owner }
    }

    fn as_user(&self, role: &str) -> PgPool {
        let options: PgConnectOptions = self.postgres.options().username(&format!("a_{role}"));
        PgPoolOptions::new().connect_lazy_with(options)
    }

    async fn handle(&self, role: &str) -> Workpool {
        Workpool::builder().migrate(false).attach(self.as_user(role)).await.unwrap()
    }

    /// The statements that a role may run.
    async fn allowed(&self, role: &str) -> BTreeSet<&'static str> {
        let mut conn = self.as_user(role).acquire().await.unwrap();
        let mut allowed = BTreeSet::new();
        for (name, sql) in workpool::testing::statements(&self.owner) {
            // To explain a statement takes the privileges that it takes to run it.
            let sql = AssertSqlSafe(format!("PREPARE p AS {}; {}", sql.as_str(), explain(&sql)));
            match conn.execute(sql).await {
                Ok(_) => drop(allowed.insert(name)),
                Err(error) => {
                    let code = error
                        .as_database_error()
                        .and_then(sqlx::error::DatabaseError::code)
                        .unwrap();
                    assert_eq!(code, "42501", "{name} as {role}: {error}");
                }
            }
            conn.execute("DEALLOCATE ALL").await.unwrap();
        }
        allowed
    }
}

fn explain(sql: &SqlStr) -> String {
    let last = (1..=30).rev().find(|n| sql.as_str().contains(&format!("${n}"))).unwrap_or(0);
    if last == 0 {
        return "EXPLAIN EXECUTE p".into();
    }
    format!("EXPLAIN EXECUTE p({})", vec!["NULL"; last].join(", "))
}

#[tokio::test]
async fn each_role_may_run_its_own_statements_and_no_others() {
    let server = Server::new().await;
    let all: BTreeSet<_> =
        workpool::testing::statements(&server.owner).into_iter().map(|(name, _)| name).collect();
    let only = |names: &str| names.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
    let named = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    let worker: BTreeSet<String> = named(server.allowed("worker").await);
    let steering = "add_audit remove_pool resize seed_pools set_log_level";
    let denied: BTreeSet<String> =
        all.iter().map(|name| (*name).to_owned()).filter(|name| !worker.contains(name)).collect();
    assert_eq!(denied, only(steering), "what a worker may not");
    let reading = "due known look next_callback overdue pools pool_of stats status sync unsettled";
    let looking =
        "doctor_holds doctor_role doctor_server doctor_tables ended failures histories history
        list_callbacks list_slots list_succeeded list_unended list_unsuccessful lost_pools";
    let calls = "add_stats cancel cancelable cancels current enqueue enqueue_alike
        forget_ended notify owned result watch";
    // Who may cancel may also end by hand, and lock what it may end.
    let implied = "abandoned contents finish held join lock_pools parked retry_ended succeed
        succeed_and_call succeed_group waiting";
    let enqueuer = named(server.allowed("enqueuer").await);
    assert_eq!(enqueuer, only(&format!("{reading} {looking} {calls} {implied}")), "an enqueuer");
    let viewer = named(server.allowed("viewer").await);
    let watching =
        "cancelable cancels current holders leases list_audit list_workers notify overview
        show unknown_functions why";
    assert_eq!(viewer, only(&format!("{reading} {looking} {watching}")), "a viewer");
}

#[tokio::test]
async fn work_goes_its_way_between_an_enqueuer_and_a_worker_with_few_privileges() {
    let server = Server::new().await;
    let there = server.handle("worker").await;
    let here = server.handle("enqueuer").await;
    let worker = setup::quick(&there).state(Gates::default()).state(Witness::default());
    let worker = worker.start().await.unwrap();
    let id = echo::enqueue(&here, "x".into()).await.unwrap();
    assert_eq!(patiently("it ends", here.result(id)).await.unwrap(), "x");
    let again = echo::enqueue(&here, "x".into()).id(id).await.unwrap();
    assert_eq!(here.cancel(again).await.unwrap(), Cancel::AlreadyFinished);
    let refused = here.pool("echo").pause().await.unwrap_err();
    assert!(matches!(refused, Error::Database(_)), "{refused}");
    server.owner.pool("echo").pause().await.unwrap();
    let waiting = echo::enqueue(&here, "y".into()).await.unwrap();
    assert_eq!(here.cancel(waiting).await.unwrap(), Cancel::Canceled);
    let viewer = server.handle("viewer").await;
    assert!(viewer.status(waiting).await.unwrap().is_some());
    assert!(viewer.stats("echo").await.unwrap().paused);
    sees_everything_but_contents(&viewer, waiting).await;
    worker.shutdown().await;
    assert!(worker_is_gone(&server.owner).await);
}

#[tokio::test]
async fn a_steward_steers_pools_and_work_and_leaves_a_record() {
    let server = Server::new().await;
    let worker = setup::quick(&server.handle("worker").await);
    let worker = worker.state(Gates::default()).state(Witness::default()).start().await.unwrap();
    let steward = server.handle("steward").await;
    steward.create_pool(Pool::new("tenant-42")).await.unwrap();
    let inspector = steward.inspect();
    inspector.set_max_parallelism("echo", 3).await.unwrap();
    inspector.pause("echo").await.unwrap();
    let later = Duration::from_hours(1);
    let id = echo::enqueue(&steward, "x".into()).run_after(later).await.unwrap();
    assert_eq!(inspector.run_now(id.uuid()).await.unwrap(), RunNow::Due);
    assert_eq!(inspector.cancel(id.uuid()).await.unwrap(), Cancel::Canceled);
    inspector.resume("echo").await.unwrap();
    let Retried::As(again) = inspector.retry(id.uuid()).await.unwrap() else { panic!("refused") };
    // So that it is pruned in the same step.
    patiently("it ends", steward.result(WorkId::<String>::from_uuid(again))).await.unwrap();
    inspector.replay_callbacks(&[id.uuid()]).await.unwrap();
    inspector.prune("echo", Duration::ZERO, 10).await.unwrap();
    steward.pool("tenant-42").set_log_level(LogLevel::Off).await.unwrap();
    steward.pool("tenant-42").remove().await.unwrap();
    assert_eq!(inspector.audit(100).await.unwrap().len(), 8);
    let forget = sqlx::query("DELETE FROM workpool.audit").execute(steward.db()).await;
    assert!(forget.is_err(), "what is on record stays");
    worker.shutdown().await;
}

/// What the person on call may read without seeing anybody's data.
async fn sees_everything_but_contents(viewer: &Workpool, id: WorkId<String>) {
    let inspector = viewer.inspect();
    let hour = Duration::from_hours(1);
    assert!(!inspector.pools().await.unwrap().is_empty());
    assert_eq!(inspector.history(None, hour, 10).await.unwrap().len(), 10);
    for state in WorkState::ALL {
        let filter = WorkFilter::new().state(state).error("x");
        inspector.work(&filter, None, 10).await.unwrap();
    }
    let seen = inspector.show(id.uuid()).await.unwrap().unwrap();
    assert!(seen.hidden && seen.args.is_none() && seen.row.state == WorkState::Canceled);
    assert!(inspector.why(id.uuid()).await.unwrap().is_some());
    assert!(inspector.failures(None, hour, 10).await.unwrap().is_empty());
    inspector.callbacks(None, None, 10).await.unwrap();
    assert_eq!(inspector.workers().await.unwrap().len(), 1);
    assert!(inspector.doctor().await.unwrap().iter().any(|finding| finding.check == "role"));
    assert!(inspector.audit(10).await.unwrap().is_empty());
    let refused = inspector.retry(id.uuid()).await.unwrap_err();
    assert!(matches!(refused, Error::Database(_)), "{refused}");
}

async fn worker_is_gone(owner: &Workpool) -> bool {
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM workpool.workers")
        .fetch_one(owner.db())
        .await
        .unwrap();
    left == 0
}

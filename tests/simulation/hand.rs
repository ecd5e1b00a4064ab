//! A worker played by hand: the statements of the store, one at a time, on a connection of its own,
//! inside transactions that the test opens and ends. Shared with the table of states.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{ConnectOptions, Executor, Row, SqlStr};
use uuid::Uuid;
use workpool::Workpool;

/// One worker, registered or not, and its connection.
pub(crate) struct Hand {
    pub(crate) worker: Uuid,
    pub(crate) conn: PgConnection,
    pid: i32,
    db: sqlx::PgPool,
    /// The statements by the names of their files.
    sql: HashMap<&'static str, SqlStr>,
}

/// How work ends, as stored.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(i16)]
pub(crate) enum End {
    Success = 0,
    Failed = 1,
    Canceled = 2,
}

/// Of an item, or of a callback, that somebody claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) id: Uuid,
    pub(crate) attempt: i32,
    /// With the worker and the id, what everything written about it is conditional on.
    pub(crate) fence: i32,
}

impl Claim {
    pub(crate) const fn new(id: Uuid, attempt: i32, fence: i32) -> Self {
        Self { id, attempt, fence }
    }

    pub(crate) fn read(row: &PgRow) -> Self {
        Self::new(row.get("id"), row.get("attempt"), row.get("fence"))
    }
}

/// Whether these rows say that anything has ended.
fn has_ended(rows: &[PgRow]) -> bool {
    rows.iter().filter_map(|row| row.get("ended")).any(|ids: Vec<Uuid>| !ids.is_empty())
}

impl Hand {
    /// With a connection, and not registered.
    pub(crate) async fn new(workpool: &Workpool) -> Self {
        let (db, worker) = (workpool.db().clone(), Uuid::now_v7());
        let mut conn = db.connect_options().connect().await.unwrap();
        let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut conn).await.unwrap();
        let sql = workpool::testing::statements(workpool).into_iter().collect();
        Self { worker, conn, pid, db, sql }
    }

    /// Registered, with so many slots of the pool.
    pub(crate) async fn with_slots(workpool: &Workpool, pool: &str, slots: i64) -> Self {
        Self::new(workpool).await.anew(pool, slots).await
    }

    /// Another worker on the same connection, registered, with so many slots of the pool.
    pub(crate) async fn anew(mut self, pool: &str, slots: i64) -> Self {
        self.worker = Uuid::now_v7();
        self.register(pool).await;
        let (granted, frozen) = self.take(pool, 0, slots).await.unwrap();
        assert!(granted == slots && !frozen, "granted {granted}, frozen: {frozen}");
        self
    }

    /// The same worker on another connection.
    pub(crate) async fn twin(&self, workpool: &Workpool) -> Self {
        Self { worker: self.worker, ..Self::new(workpool).await }
    }

    pub(crate) fn sql(&self, name: &str) -> SqlStr {
        self.sql.get(name).unwrap_or_else(|| panic!("no statement {name}")).clone()
    }

    pub(crate) async fn begin(&mut self) {
        self.conn.execute("BEGIN").await.unwrap();
    }

    pub(crate) async fn commit(&mut self) {
        self.conn.execute("COMMIT").await.unwrap();
    }

    pub(crate) async fn roll_back(&mut self) {
        self.conn.execute("ROLLBACK").await.unwrap();
    }

    /// Which backend serves this connection: can be asked while the connection is busy.
    pub(crate) fn backend(&self) -> Backend {
        Backend { pid: self.pid, db: self.db.clone() }
    }

    pub(crate) async fn register(&mut self, pool: &str) {
        let (sql, slots) = (self.sql("register"), self.sql("register_slots"));
        sqlx::query(sql)
            .bind(self.worker)
            .bind(60_000_000_i64)
            .bind("by hand")
            .bind(0_i64)
            .bind("0")
            .bind(Vec::<String>::new())
            .execute(&mut self.conn)
            .await
            .unwrap();
        sqlx::query(slots).bind(self.worker).bind([pool]).execute(&mut self.conn).await.unwrap();
    }

    /// As if the lease had run out.
    pub(crate) async fn expire(&mut self) {
        let sql = "UPDATE workpool.workers SET expires_at = 'epoch' WHERE id = $1";
        sqlx::query(sql).bind(self.worker).execute(&mut self.conn).await.unwrap();
    }

    /// As if somebody had noticed that, and had begun to recover what it holds.
    pub(crate) async fn die(&mut self) {
        let sql = "UPDATE workpool.workers SET dead = true WHERE id = $1";
        sqlx::query(sql).bind(self.worker).execute(&mut self.conn).await.unwrap();
    }

    /// Whether the lease was renewed.
    pub(crate) async fn renew(&mut self) -> bool {
        let query = sqlx::query(self.sql("renew")).bind(self.worker).bind(60_000_000_i64);
        query.execute(&mut self.conn).await.unwrap().rows_affected() == 1
    }

    /// Takes slots in a transaction: what is granted now, and whether it is frozen.
    pub(crate) async fn take(
        &mut self,
        pool: &str,
        running: i64,
        usable: i64,
    ) -> Option<(i64, bool)> {
        self.begin().await;
        self.lock_pools(pool).await;
        let own = sqlx::query(self.sql("lock_own")).bind(self.worker).bind([pool]);
        let taken = match own.fetch_optional(&mut self.conn).await.unwrap() {
            Some(_) => self.take_locked(pool, running, usable).await,
            None => None,
        };
        self.commit().await;
        taken
    }

    pub(crate) async fn lock_pools(&mut self, pool: &str) {
        sqlx::query(self.sql("lock_pools")).bind([pool]).execute(&mut self.conn).await.unwrap();
    }

    async fn take_locked(&mut self, pool: &str, running: i64, usable: i64) -> Option<(i64, bool)> {
        let query = sqlx::query(self.sql("take"))
            .bind(self.worker)
            .bind([pool])
            .bind([running])
            .bind([usable]);
        let row = query.fetch_optional(&mut self.conn).await.unwrap()?;
        Some((row.get("granted"), row.get("frozen")))
    }

    /// Lowers its slots, in a transaction.
    pub(crate) async fn give_back(&mut self, pool: &str, keep: i64) {
        self.begin().await;
        self.lock_slots().await;
        self.give_back_locked(pool, keep).await;
        self.commit().await;
    }

    pub(crate) async fn lock_slots(&mut self) {
        let none = Vec::<String>::new();
        let lock = sqlx::query(self.sql("lock_slots")).bind(self.worker).bind(none);
        lock.execute(&mut self.conn).await.unwrap();
    }

    pub(crate) async fn give_back_locked(&mut self, pool: &str, keep: i64) {
        let query = sqlx::query(self.sql("give_back"))
            .bind(self.worker)
            .bind([pool])
            .bind([keep])
            .bind("workpool_workpool");
        query.execute(&mut self.conn).await.unwrap();
    }

    /// Claims up to so many items while so many run.
    pub(crate) async fn claim(
        &mut self,
        pool: &str,
        items: i64,
        running: i64,
        functions: &[&str],
    ) -> Vec<Claim> {
        let query = sqlx::query(self.sql("claim_pool"))
            .bind(self.worker)
            .bind(pool)
            .bind(items)
            .bind(running)
            .bind("epoch")
            .bind(functions)
            .bind(false);
        let rows = query.fetch_all(&mut self.conn).await.unwrap();
        rows.iter().map(Claim::read).collect()
    }

    /// Claims one item, which must be there.
    pub(crate) async fn claim_one(&mut self, pool: &str, functions: &[&str]) -> Claim {
        let claimed = self.claim(pool, 1, 0, functions).await;
        *claimed.first().expect("there is due work and a slot")
    }

    /// Whether the item was ours to end.
    pub(crate) async fn finish(&mut self, claim: Claim, end: End) -> bool {
        let result = (end == End::Success).then_some("7");
        let error = (end == End::Failed).then_some(r#"{"kind":"error","message":"no"}"#);
        let query = sqlx::query(self.sql("finish"))
            .bind(self.worker)
            .bind(claim.fence)
            .bind([claim.id])
            .bind([end as i16])
            .bind([result])
            .bind([error])
            .bind(Vec::<String>::new())
            .bind(Vec::<String>::new());
        has_ended(&query.fetch_all(&mut self.conn).await.unwrap())
    }

    /// The same of a success, and claims its callback when it is one of these.
    pub(crate) async fn succeed_and_call(&mut self, claim: Claim, callbacks: &[&str]) -> bool {
        let query = sqlx::query(self.sql("succeed_and_call"))
            .bind(self.worker)
            .bind(claim.fence)
            .bind([claim.id])
            .bind(["7"])
            .bind(callbacks)
            .bind(Vec::<String>::new());
        has_ended(&query.fetch_all(&mut self.conn).await.unwrap())
    }

    /// Whether the item was ours to put back, and nobody had canceled it.
    pub(crate) async fn retry(&mut self, claim: Claim, delay: Duration) -> bool {
        let delay = i64::try_from(delay.as_micros()).unwrap();
        let query = sqlx::query(self.sql("retry"))
            .bind(self.worker)
            .bind(claim.fence)
            .bind([claim.id])
            .bind([delay])
            .bind([r#"{"kind":"error","message":"no"}"#]);
        !query.fetch_all(&mut self.conn).await.unwrap().is_empty()
    }

    /// Whether the item was ours to hand back, and nobody had canceled it.
    pub(crate) async fn release(&mut self, claim: Claim, lost: bool) -> bool {
        // What was lost is released in the transaction of its recovery.
        if !lost {
            self.begin().await;
        }
        let query = sqlx::query_as(self.sql("release"))
            .bind(self.worker)
            .bind(claim.fence)
            .bind([claim.id])
            .bind(lost);
        let rows: Vec<(Uuid, bool)> = query.fetch_all(&mut self.conn).await.unwrap();
        if !lost {
            self.cancel_released(&rows).await;
            self.commit().await;
        }
        !rows.is_empty()
    }

    /// What was canceled while it was ours ends, now that it waits.
    async fn cancel_released(&mut self, rows: &[(Uuid, bool)]) {
        let canceled: Vec<_> = rows.iter().filter(|row| row.1).map(|row| row.0).collect();
        let cancel = sqlx::query(self.sql("cancel")).bind(canceled).bind("workpool_workpool");
        cancel.bind(true).execute(&mut self.conn).await.unwrap();
    }

    /// Hands back everything that is marked as ours, as after a claim whose answer was lost. What
    /// was canceled meanwhile ends.
    pub(crate) async fn release_unknown(&mut self) -> Vec<Uuid> {
        self.begin().await;
        self.lock_slots().await;
        let query = sqlx::query_as(self.sql("release_unknown"));
        let query = query.bind(self.worker).bind(Vec::<Uuid>::new()).bind(Vec::<String>::new());
        let rows: Vec<(Uuid, bool)> = query.fetch_all(&mut self.conn).await.unwrap();
        self.cancel_released(&rows).await;
        self.commit().await;
        rows.into_iter().map(|row| row.0).collect()
    }

    /// Which of these workers, and of those whose row is gone, are dead by now.
    pub(crate) async fn bury(&mut self, silent: &[Uuid]) -> Vec<Uuid> {
        let query = sqlx::query(self.sql("bury")).bind(silent);
        let rows = query.fetch_all(&mut self.conn).await.unwrap();
        rows.iter().map(|row| row.get("id")).collect()
    }

    /// What a dead worker held and nobody has locked.
    pub(crate) async fn abandoned(&mut self, dead: Uuid) -> Vec<Claim> {
        let query = sqlx::query(self.sql("abandoned")).bind(dead).bind(100_i64);
        let rows = query.fetch_all(&mut self.conn).await.unwrap();
        rows.iter().map(Claim::read).collect()
    }

    /// Forgets a dead worker, unless something of it is left.
    pub(crate) async fn inter(&mut self, dead: Uuid) {
        self.begin().await;
        self.inter_locked(dead).await;
        self.commit().await;
    }

    /// The same in the open transaction.
    pub(crate) async fn inter_locked(&mut self, dead: Uuid) {
        let lock = sqlx::query(self.sql("lock_worker")).bind(dead);
        lock.execute(&mut self.conn).await.unwrap();
        let query = sqlx::query(self.sql("inter")).bind(dead);
        query.fetch_one(&mut self.conn).await.unwrap();
    }

    /// What a dead worker held becomes due again, as for mutations.
    pub(crate) async fn free_abandoned(&mut self, dead: Uuid) -> Vec<Claim> {
        let claims = self.abandoned(dead).await;
        let me = std::mem::replace(&mut self.worker, dead);
        for claim in &claims {
            // What was not put back, somebody had canceled.
            let done = self.release(*claim, true).await || self.finish(*claim, End::Canceled).await;
            assert!(done, "{claim:?} was locked, and is not its own any more");
        }
        self.worker = me;
        claims
    }

    /// Which workers hold work and are not known at all.
    pub(crate) async fn orphans(&mut self) -> Vec<Uuid> {
        let query = sqlx::query(self.sql("orphans")).bind(Uuid::nil()).bind(1000_i64);
        query.fetch_one(&mut self.conn).await.unwrap().get("unknown")
    }

    /// Deletes what has expired.
    pub(crate) async fn prune(&mut self) {
        let query = sqlx::query(self.sql("prune")).bind(1000_i64);
        query.execute(&mut self.conn).await.unwrap();
    }

    /// Claims due callbacks.
    pub(crate) async fn claim_callbacks(&mut self, known: &[&str]) -> Vec<Claim> {
        let query = sqlx::query(self.sql("claim_callbacks"));
        let query = query.bind(self.worker).bind(known).bind(10_i64);
        let rows = query.fetch_all(&mut self.conn).await.unwrap();
        rows.iter().map(Claim::read).collect()
    }

    /// Whether the callback was ours to end.
    pub(crate) async fn finish_callback(&mut self, claim: Claim) -> bool {
        let query = sqlx::query(self.sql("finish_callbacks"));
        let query = query.bind([claim.id]).bind(self.worker).bind(claim.fence);
        query.execute(&mut self.conn).await.unwrap().rows_affected() == 1
    }

    /// Sets a limit in the open transaction, as pausing and resizing do.
    pub(crate) async fn resize(&mut self, pool: &str, limit: Option<i64>, paused: Option<bool>) {
        let query = sqlx::query(self.sql("resize")).bind(pool).bind(limit).bind(paused);
        query.execute(&mut self.conn).await.unwrap();
    }
}

/// A backend of the server: it can be seen to wait, and it can be ended.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    pid: i32,
    db: sqlx::PgPool,
}

impl Backend {
    /// Returns once it waits for a lock: the gate of a forced order.
    pub(crate) async fn waits(&self) {
        let sql = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)";
        for _ in 0..2000 {
            if sqlx::query_scalar(sql).bind(self.pid).fetch_one(&self.db).await.unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it does not wait for a lock");
    }

    /// Ends it, as a crash of its client would.
    pub(crate) async fn terminate(&self) {
        let sql = "SELECT pg_terminate_backend($1)";
        let _: bool = sqlx::query_scalar(sql).bind(self.pid).fetch_one(&self.db).await.unwrap();
    }
}

//! A database in which there is something of everything to be seen, with the same text wherever
//! somebody could have put one.

use uuid::Uuid;
use workpool::Workpool;

/// What was put there.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The text, and the name of the pool.
    pub text: String,
    /// Waits for its time.
    pub scheduled: Uuid,
    /// Is due.
    pub due: Uuid,
    /// Runs.
    pub running: Uuid,
    /// Has failed twice and waits.
    pub retrying: Uuid,
    /// Ended in success.
    pub succeeded: Uuid,
    /// Ended failed, its callback parked.
    pub failed: Uuid,
    /// Was canceled.
    pub canceled: Uuid,
    /// The worker that runs it.
    pub worker: Uuid,
}

/// $1 pool, $2 function, $3 text, $4 an error with it, $5 worker, $6 to $12 items.
const ROWS: [&str; 8] = [
    "INSERT INTO workpool.pools (name) VALUES ($1) ON CONFLICT DO NOTHING",
    "INSERT INTO workpool.workers (id, expires_at, host, pid, version, functions)
     VALUES ($5, now() + interval '1 hour', $3, 4711, $3, ARRAY[$2])",
    "INSERT INTO workpool.slots (pool, worker, granted, claimed_to) VALUES ($1, $5, 1, now())",
    "INSERT INTO workpool.work (id, pool, function, kind, name, run_at, worker, attempt, fence, started_at,
         max_attempts, initial_backoff_ms, backoff_base, callback, context, errors, args)
     SELECT x.id, $1, $2, 0, left($3, 100), now() + x.after, x.worker, x.attempt, x.attempt,
         CASE WHEN x.attempt > 0 THEN now() - interval '2 minutes' END,
         5, 250, 2, $2, to_json($3::text), CASE WHEN x.attempt > 0 THEN ARRAY[$4::text::json] END,
         json_build_object('text', $3::text, $2::text, 1)
     FROM (VALUES
         ($6::uuid, interval '1 hour', NULL::uuid, 0),
         ($7, interval '-1 minute', NULL, 0),
         ($8, interval '-2 minutes', $5, 1),
         ($9, interval '10 minutes', NULL, 2)
     ) x (id, after, worker, attempt)",
    "INSERT INTO workpool.finished (id, pool, function, kind, name, outcome, attempts, enqueued_at, started_at,
         finished_at, expires_at, result, errors, args, callback, context)
     SELECT x.id, $1, $2, 0, left($3, 100), x.outcome, 1, now() - interval '1 hour', now() - interval '10 minutes',
         now() - interval '9 minutes', now() + interval '1 day',
         CASE WHEN x.outcome = 0 THEN to_json($3::text) END,
         CASE WHEN x.outcome = 1 THEN ARRAY[$4::text::json] END,
         CASE WHEN x.outcome = 1 THEN to_json($3::text) END, $2, to_json($3::text)
     FROM (VALUES ($10::uuid, 0), ($11, 1), ($12, 2)) x (id, outcome)",
    "INSERT INTO workpool.callbacks (id, pool, work_function, callback, context, outcome, attempts, errors, run_at,
         attempt, parked_at, error)
     VALUES ($11, $1, $2, $2, to_json($3::text), 1, 1, ARRAY[$4::text::json], now(), 10, now(), $4::text::json)",
    "INSERT INTO workpool.stats (pool, at, succeeded, failed, retries, lag_us, lag_max_us, duration_us, duration_max_us)
     SELECT $1, now() - n * interval '1 minute', 40 + n % 17, n % 5, n % 7, 2000000, 900000, 90000000, 4000000
     FROM generate_series(1, 55) n",
    "INSERT INTO workpool.audit (who, action, target, outcome) VALUES ($3, 'pause', $3, $3)",
];

impl Scene {
    /// Writes rows whose names, labels, errors, arguments, results and contexts are this text.
    pub async fn set(workpool: &Workpool, text: &str) -> Self {
        let scene = Self {
            text: text.to_owned(),
            scheduled: Uuid::now_v7(),
            due: Uuid::now_v7(),
            running: Uuid::now_v7(),
            retrying: Uuid::now_v7(),
            succeeded: Uuid::now_v7(),
            failed: Uuid::now_v7(),
            canceled: Uuid::now_v7(),
            worker: Uuid::now_v7(),
        };
        let (pool, function) = (scene.pool(), scene.function());
        let json = serde_json::json!({ "kind": "error", "message": text, "sources": [text], "attempt": 1 });
        let mut tx = workpool.db().begin().await.unwrap();
        for sql in ROWS {
            // Each uses some of the parameters; the types of the others are told here.
            let all = format!(
                "WITH unused AS (SELECT $1::text, $2::text, $3::text, $4::text::json, $5::uuid, $6::uuid, \
                $7::uuid, $8::uuid, $9::uuid, $10::uuid, $11::uuid, $12::uuid) {sql}"
            );
            sqlx::query(sqlx::AssertSqlSafe(all))
                .bind(&pool)
                .bind(&function)
                .bind(text)
                .bind(json.to_string())
                .bind(scene.worker)
                .bind(scene.scheduled)
                .bind(scene.due)
                .bind(scene.running)
                .bind(scene.retrying)
                .bind(scene.succeeded)
                .bind(scene.failed)
                .bind(scene.canceled)
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        scene
    }

    /// The name of the pool: as much of the text as fits.
    #[must_use]
    pub fn pool(&self) -> String {
        let end =
            (0..=200).rev().find(|end| self.text.is_char_boundary((*end).min(self.text.len())));
        self.text[..end.unwrap_or(0).min(self.text.len())].to_owned()
    }

    /// The name of the function: as much of the text as fits.
    #[must_use]
    pub fn function(&self) -> String {
        let end =
            (0..=490).rev().find(|end| self.text.is_char_boundary((*end).min(self.text.len())));
        format!("app::{}", &self.text[..end.unwrap_or(0).min(self.text.len())])
    }

    /// All items.
    #[must_use]
    pub const fn items(&self) -> [Uuid; 7] {
        [
            self.scheduled,
            self.due,
            self.running,
            self.retrying,
            self.succeeded,
            self.failed,
            self.canceled,
        ]
    }
}

/// A value as it stands in a query or a form.
#[must_use]
pub fn encoded(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(byte).collect()
}

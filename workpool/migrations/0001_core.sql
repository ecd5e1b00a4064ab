-- The tables of workpool. `workpool.` stands for the configured schema.

-- What may stand in a column that changes often is said by its type. A CHECK of a table is read and compiled anew by every statement that
-- writes any of its rows, which for short statements was a quarter of their time; a type is checked only where a value is assigned.
CREATE DOMAIN workpool.pool_name      AS text CHECK (octet_length(VALUE) BETWEEN 1 AND 200);
CREATE DOMAIN workpool.function_name  AS text CHECK (octet_length(VALUE) BETWEEN 1 AND 500);
CREATE DOMAIN workpool.label          AS text CHECK (octet_length(VALUE) <= 500);
CREATE DOMAIN workpool.function_kind  AS smallint CHECK (VALUE BETWEEN 0 AND 2);
CREATE DOMAIN workpool.outcome_code   AS smallint CHECK (VALUE BETWEEN 0 AND 2);
CREATE DOMAIN workpool.due_time       AS timestamptz CHECK (VALUE >= 'epoch' AND VALUE < '10000-01-01 00:00:00+00');
CREATE DOMAIN workpool.claim_count    AS integer CHECK (VALUE BETWEEN 0 AND 1000000000);
CREATE DOMAIN workpool.attempt_limit  AS integer CHECK (VALUE >= 1);
CREATE DOMAIN workpool.backoff_ms     AS bigint CHECK (VALUE BETWEEN 0 AND 316224000000);
CREATE DOMAIN workpool.backoff_base   AS double precision CHECK (VALUE >= 1 AND VALUE < 'infinity');
CREATE DOMAIN workpool.ttl_ms         AS bigint CHECK (VALUE BETWEEN 0 AND 31622400000000);
CREATE DOMAIN workpool.loss_count     AS smallint CHECK (VALUE BETWEEN 0 AND 1000);
CREATE DOMAIN workpool.trace_parent   AS text CHECK (octet_length(VALUE) <= 568);
CREATE DOMAIN workpool.slot_count     AS bigint CHECK (VALUE >= 0);
CREATE DOMAIN workpool.failures       AS json[] CHECK (array_ndims(VALUE) = 1 AND array_lower(VALUE, 1) = 1);

CREATE TABLE workpool.pools (
    name                     text PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 200),
    max_parallelism          bigint NOT NULL DEFAULT 10 CHECK (max_parallelism BETWEEN 0 AND 4294967295),
    paused                   boolean NOT NULL DEFAULT false,
    retry_actions_by_default boolean NOT NULL DEFAULT false,
    max_attempts             integer NOT NULL DEFAULT 5 CHECK (max_attempts >= 1),
    initial_backoff_ms       bigint NOT NULL DEFAULT 250 CHECK (initial_backoff_ms BETWEEN 0 AND 316224000000),
    backoff_base             double precision NOT NULL DEFAULT 2 CHECK (backoff_base >= 1 AND backoff_base < 'infinity'),
    max_backoff_ms           bigint NOT NULL DEFAULT 3600000 CHECK (max_backoff_ms BETWEEN 0 AND 316224000000),
    status_ttl_ms            bigint DEFAULT 86400000 CHECK (status_ttl_ms BETWEEN 0 AND 31622400000000),
    log_level                text NOT NULL DEFAULT 'info'
                             CHECK (log_level IN ('off', 'error', 'warn', 'info', 'debug', 'trace')),
    watched_until            timestamptz NOT NULL DEFAULT 'epoch',
    reported_at              timestamptz NOT NULL DEFAULT statement_timestamp(),
    created_at               timestamptz NOT NULL DEFAULT statement_timestamp()
) WITH (fillfactor = 70);

COMMENT ON TABLE  workpool.pools IS 'One row a pool. Code seeds it, then this row rules.';
COMMENT ON COLUMN workpool.pools.name IS 'Its name: data, never an identifier.';
COMMENT ON COLUMN workpool.pools.max_parallelism IS 'How many items of the pool may run at once over all workers. May be changed by UPDATE.';
COMMENT ON COLUMN workpool.pools.paused IS 'Nothing starts while true. May be changed by UPDATE.';
COMMENT ON COLUMN workpool.pools.retry_actions_by_default IS 'Whether actions that say nothing about retries get the policy of this row.';
COMMENT ON COLUMN workpool.pools.max_attempts IS 'Policy for retry = true: attempts in all.';
COMMENT ON COLUMN workpool.pools.initial_backoff_ms IS 'Policy for retry = true: delay after the first failed attempt.';
COMMENT ON COLUMN workpool.pools.backoff_base IS 'Policy for retry = true: factor per further attempt.';
COMMENT ON COLUMN workpool.pools.max_backoff_ms IS 'Policy for retry = true: cap of the delay.';
COMMENT ON COLUMN workpool.pools.status_ttl_ms IS 'How long ended work stays readable; null is for ever, 0 not at all.';
COMMENT ON COLUMN workpool.pools.log_level IS 'The most verbose level at which workers log events of this pool.';
COMMENT ON COLUMN workpool.pools.watched_until IS 'Workers announce changes until then, because somebody watches.';
COMMENT ON COLUMN workpool.pools.reported_at IS 'End of the last window that a worker reported.';
COMMENT ON COLUMN workpool.pools.created_at IS 'When the pool was first declared or created.';

CREATE TABLE workpool.workers (
    id         uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL,
    lease_us   bigint NOT NULL DEFAULT 30000000 CHECK (lease_us > 0),
    dead       boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    host       text NOT NULL,
    pid        bigint NOT NULL,
    version    text NOT NULL,
    functions  text[] NOT NULL
) WITH (fillfactor = 50);

COMMENT ON TABLE  workpool.workers IS 'One row a running worker: its lease.';
COMMENT ON COLUMN workpool.workers.id IS 'Random for each start, never used again.';
COMMENT ON COLUMN workpool.workers.expires_at IS 'The lease: renewed by heartbeats, by the clock of the database.';
COMMENT ON COLUMN workpool.workers.lease_us IS 'How long a renewal lasts, in microseconds.';
COMMENT ON COLUMN workpool.workers.dead IS 'Recovery has begun; the lease cannot be renewed any more.';
COMMENT ON COLUMN workpool.workers.started_at IS 'When the worker registered.';
COMMENT ON COLUMN workpool.workers.host IS 'Name of the machine, for people.';
COMMENT ON COLUMN workpool.workers.pid IS 'Process id on that machine, for people.';
COMMENT ON COLUMN workpool.workers.version IS 'Version of workpool in that process.';
COMMENT ON COLUMN workpool.workers.functions IS 'Names of the functions and callbacks that the worker can run.';

CREATE TABLE workpool.slots (
    pool       text NOT NULL,
    worker     uuid NOT NULL,
    granted    workpool.slot_count NOT NULL DEFAULT 0,
    wanted     workpool.slot_count NOT NULL DEFAULT 0,
    frozen     boolean NOT NULL DEFAULT false,
    asleep     boolean NOT NULL DEFAULT true,
    claimed_to timestamptz NOT NULL DEFAULT 'epoch',
    claimed_id uuid NOT NULL DEFAULT 'ffffffff-ffff-ffff-ffff-ffffffffffff',
    PRIMARY KEY (pool, worker)
) WITH (fillfactor = 50);
CREATE INDEX slots_worker ON workpool.slots (worker);

COMMENT ON TABLE  workpool.slots IS 'How many items of a pool a worker may run. A claim locks its row here, so changing the row is a barrier to claims.';
COMMENT ON COLUMN workpool.slots.pool IS 'The pool.';
COMMENT ON COLUMN workpool.slots.worker IS 'The worker.';
COMMENT ON COLUMN workpool.slots.granted IS 'Upper bound of what the worker runs; the sum over a pool stays within max_parallelism.';
COMMENT ON COLUMN workpool.slots.wanted IS 'Further slots for which the worker has due work; others make room.';
COMMENT ON COLUMN workpool.slots.frozen IS 'Nothing may start on these slots until they have been taken anew.';
COMMENT ON COLUMN workpool.slots.asleep IS 'The worker waits: whoever enqueues notifies.';
COMMENT ON COLUMN workpool.slots.claimed_to IS 'Highest run_at that the worker claimed: recovery looks no further.';
COMMENT ON COLUMN workpool.slots.claimed_id IS 'Highest id that it claimed among those: very many may be due at one time.';

CREATE TABLE workpool.work (
    id                 uuid PRIMARY KEY,
    pool               workpool.pool_name NOT NULL,
    function           workpool.function_name NOT NULL,
    kind               workpool.function_kind NOT NULL,
    name               workpool.label,
    run_at             workpool.due_time NOT NULL,
    enqueued_at        timestamptz NOT NULL DEFAULT statement_timestamp(),
    worker             uuid,
    attempt            workpool.claim_count NOT NULL DEFAULT 0,
    fence              workpool.claim_count NOT NULL DEFAULT 0,
    started_at         timestamptz,
    max_attempts       workpool.attempt_limit,
    initial_backoff_ms workpool.backoff_ms,
    backoff_base       workpool.backoff_base,
    max_backoff_ms     workpool.backoff_ms,
    status_ttl_ms      workpool.ttl_ms,
    cancel_requested   boolean NOT NULL DEFAULT false,
    lost               workpool.loss_count NOT NULL DEFAULT 0,
    callback           text,
    callback_outcomes  smallint NOT NULL DEFAULT 7,
    context            json,
    trace              workpool.trace_parent,
    errors             workpool.failures,
    args               json NOT NULL
) WITH (
    -- Room for the claim, which changes no indexed column, to stay on the page (HOT). A claim of a whole page writes every row on it a second
    -- time, a little longer than before: it takes more than half of the page.
    fillfactor = 45,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);
-- Without `worker`, so that a claim touches no index.
CREATE INDEX work_due ON workpool.work (pool, run_at, id);

COMMENT ON TABLE  workpool.work IS 'Work that has not ended. Ended work moves to finished.';
COMMENT ON COLUMN workpool.work.id IS 'UUIDv7, made by whoever enqueues.';
COMMENT ON COLUMN workpool.work.pool IS 'The pool whose limit holds.';
COMMENT ON COLUMN workpool.work.function IS 'Registered name of the function to run.';
COMMENT ON COLUMN workpool.work.kind IS '0 action, 1 mutation, 2 query.';
COMMENT ON COLUMN workpool.work.name IS 'Label for people.';
COMMENT ON COLUMN workpool.work.run_at IS 'Due time, by the clock of the database; after a failed attempt the end of the backoff.';
COMMENT ON COLUMN workpool.work.enqueued_at IS 'When it was enqueued.';
COMMENT ON COLUMN workpool.work.worker IS 'Who runs it; null while it waits.';
COMMENT ON COLUMN workpool.work.attempt IS 'Attempts so far, the running one included; one that was never entered is not counted.';
COMMENT ON COLUMN workpool.work.fence IS 'Claims so far, which never goes back: (id, worker, fence) is the fence of the running attempt.';
COMMENT ON COLUMN workpool.work.started_at IS 'When the latest attempt was claimed.';
COMMENT ON COLUMN workpool.work.max_attempts IS 'Retry policy, frozen at enqueue; null: no retries.';
COMMENT ON COLUMN workpool.work.initial_backoff_ms IS 'Delay after the first failed attempt.';
COMMENT ON COLUMN workpool.work.backoff_base IS 'Factor per further attempt.';
COMMENT ON COLUMN workpool.work.max_backoff_ms IS 'Cap of the delay.';
COMMENT ON COLUMN workpool.work.status_ttl_ms IS 'How long the ended work stays readable; null: for ever.';
COMMENT ON COLUMN workpool.work.cancel_requested IS 'Somebody canceled it while it ran: no further attempt.';
COMMENT ON COLUMN workpool.work.lost IS 'Attempts of a mutation or query whose worker died: bounded, in case it kills its process.';
COMMENT ON COLUMN workpool.work.callback IS 'Registered name of the on_complete function.';
COMMENT ON COLUMN workpool.work.callback_outcomes IS 'Outcomes to call back for: 1 success + 2 failed + 4 canceled.';
COMMENT ON COLUMN workpool.work.context IS 'Context for the callback.';
COMMENT ON COLUMN workpool.work.trace IS 'Span in which it was enqueued, as a W3C traceparent, a space and the tracestate if there is one; null when nobody traces.';
COMMENT ON COLUMN workpool.work.errors IS 'The last failures, oldest first.';
COMMENT ON COLUMN workpool.work.args IS 'Arguments, byte for byte as given.';

CREATE TABLE workpool.finished (
    id          uuid PRIMARY KEY,
    pool        text NOT NULL,
    function    text NOT NULL,
    kind        smallint NOT NULL,
    name        text,
    outcome     workpool.outcome_code NOT NULL,
    attempts    integer NOT NULL,
    enqueued_at timestamptz NOT NULL,
    started_at  timestamptz,
    finished_at timestamptz NOT NULL,
    expires_at  timestamptz,
    result      json,
    errors      workpool.failures,
    max_attempts       integer,
    initial_backoff_ms bigint,
    backoff_base       double precision,
    max_backoff_ms     bigint,
    callback           text,
    callback_outcomes  smallint,
    context     json,
    trace       text,
    args        json,
    retried_as  uuid
);
CREATE INDEX finished_expiry ON workpool.finished (expires_at) WHERE expires_at IS NOT NULL;
-- A success pays for none of these.
CREATE INDEX finished_unsuccessful ON workpool.finished (pool, outcome, finished_at, id) WHERE outcome <> 0;
CREATE INDEX finished_retried ON workpool.finished (retried_as) WHERE retried_as IS NOT NULL;

COMMENT ON TABLE  workpool.finished IS 'Ended work, readable until it expires.';
COMMENT ON COLUMN workpool.finished.id IS 'Id of the work item.';
COMMENT ON COLUMN workpool.finished.pool IS 'Its pool.';
COMMENT ON COLUMN workpool.finished.function IS 'Its function.';
COMMENT ON COLUMN workpool.finished.kind IS '0 action, 1 mutation, 2 query.';
COMMENT ON COLUMN workpool.finished.name IS 'Label for people.';
COMMENT ON COLUMN workpool.finished.outcome IS '0 success, 1 failed, 2 canceled.';
COMMENT ON COLUMN workpool.finished.attempts IS 'Attempts in all.';
COMMENT ON COLUMN workpool.finished.enqueued_at IS 'When it was enqueued.';
COMMENT ON COLUMN workpool.finished.started_at IS 'When the last attempt was claimed; null if it never started.';
COMMENT ON COLUMN workpool.finished.finished_at IS 'When it ended.';
COMMENT ON COLUMN workpool.finished.expires_at IS 'When it may be pruned; null: never.';
COMMENT ON COLUMN workpool.finished.result IS 'Result of a success.';
COMMENT ON COLUMN workpool.finished.errors IS 'The last failures, oldest first.';
COMMENT ON COLUMN workpool.finished.max_attempts IS 'Retry policy. This and what follows is what it takes to do the work again: null after a success.';
COMMENT ON COLUMN workpool.finished.initial_backoff_ms IS 'Delay after the first failed attempt.';
COMMENT ON COLUMN workpool.finished.backoff_base IS 'Factor per further attempt.';
COMMENT ON COLUMN workpool.finished.max_backoff_ms IS 'Cap of the delay.';
COMMENT ON COLUMN workpool.finished.callback IS 'Registered name of the on_complete function.';
COMMENT ON COLUMN workpool.finished.callback_outcomes IS 'Outcomes to call back for: 1 success + 2 failed + 4 canceled.';
COMMENT ON COLUMN workpool.finished.context IS 'Context for the callback.';
COMMENT ON COLUMN workpool.finished.trace IS 'Span of the last attempt, or of the enqueue, for a retry; null for success.';
COMMENT ON COLUMN workpool.finished.args IS 'Arguments, byte for byte as given.';
COMMENT ON COLUMN workpool.finished.retried_as IS 'The item that does the same again, once somebody has asked for it.';

CREATE TABLE workpool.callbacks (
    id            uuid PRIMARY KEY,
    pool          text NOT NULL,
    work_function text NOT NULL,
    callback      text NOT NULL,
    context       json,
    trace         workpool.trace_parent,
    outcome       workpool.outcome_code NOT NULL,
    attempts      integer NOT NULL,
    result        json,
    errors        workpool.failures,
    run_at        timestamptz NOT NULL,
    worker        uuid,
    attempt       workpool.claim_count NOT NULL DEFAULT 0,
    fence         workpool.claim_count NOT NULL DEFAULT 0,
    parked_at     timestamptz,
    error         json
) WITH (fillfactor = 70);
CREATE INDEX callbacks_due ON workpool.callbacks (run_at, id) WHERE parked_at IS NULL;
CREATE INDEX callbacks_worker ON workpool.callbacks (worker) WHERE worker IS NOT NULL;
CREATE INDEX callbacks_parked ON workpool.callbacks (parked_at, id) WHERE parked_at IS NOT NULL;

COMMENT ON TABLE  workpool.callbacks IS 'Callbacks that are still to run, recorded in the transaction that ended the work; and parked ones.';
COMMENT ON COLUMN workpool.callbacks.id IS 'Id of the work item that ended.';
COMMENT ON COLUMN workpool.callbacks.pool IS 'Its pool.';
COMMENT ON COLUMN workpool.callbacks.work_function IS 'Its function.';
COMMENT ON COLUMN workpool.callbacks.callback IS 'Registered name of the on_complete function.';
COMMENT ON COLUMN workpool.callbacks.context IS 'Context given at enqueue.';
COMMENT ON COLUMN workpool.callbacks.trace IS 'Span of the attempt that ended the work, else the one in which it was enqueued, as a W3C traceparent.';
COMMENT ON COLUMN workpool.callbacks.outcome IS '0 success, 1 failed, 2 canceled.';
COMMENT ON COLUMN workpool.callbacks.attempts IS 'Attempts of the work.';
COMMENT ON COLUMN workpool.callbacks.result IS 'Result of a success.';
COMMENT ON COLUMN workpool.callbacks.errors IS 'Failures of the work.';
COMMENT ON COLUMN workpool.callbacks.run_at IS 'Due time.';
COMMENT ON COLUMN workpool.callbacks.worker IS 'Who runs it; null while it waits.';
COMMENT ON COLUMN workpool.callbacks.attempt IS 'Attempts of the callback.';
COMMENT ON COLUMN workpool.callbacks.fence IS 'Claims so far, which never goes back: (id, worker, fence) is the fence of the running attempt.';
COMMENT ON COLUMN workpool.callbacks.parked_at IS 'When it was given up; replay it after mending the cause.';
COMMENT ON COLUMN workpool.callbacks.error IS 'Why the latest attempt of the callback failed.';

CREATE TABLE workpool.stats (
    pool      text NOT NULL,
    at        timestamptz NOT NULL DEFAULT statement_timestamp(),
    succeeded bigint NOT NULL DEFAULT 0,
    failed    bigint NOT NULL DEFAULT 0,
    retries   bigint NOT NULL DEFAULT 0,
    canceled  bigint NOT NULL DEFAULT 0,
    stopped   bigint NOT NULL DEFAULT 0,
    lag_us          bigint NOT NULL DEFAULT 0,
    lag_max_us      bigint NOT NULL DEFAULT 0,
    duration_us     bigint NOT NULL DEFAULT 0,
    duration_max_us bigint NOT NULL DEFAULT 0
);
CREATE INDEX stats_window ON workpool.stats (pool, at);

COMMENT ON TABLE  workpool.stats IS 'What ended, appended every few seconds by each worker, summed up to minutes after a while; kept for two hours.';
COMMENT ON COLUMN workpool.stats.pool IS 'The pool.';
COMMENT ON COLUMN workpool.stats.at IS 'When it was written.';
COMMENT ON COLUMN workpool.stats.succeeded IS 'Work that ended in success.';
COMMENT ON COLUMN workpool.stats.failed IS 'Work that ended failed.';
COMMENT ON COLUMN workpool.stats.retries IS 'Attempts that failed and are followed by another.';
COMMENT ON COLUMN workpool.stats.canceled IS 'Work that ended canceled, running or not.';
COMMENT ON COLUMN workpool.stats.stopped IS 'The part of canceled that was running: its last attempt failed.';
COMMENT ON COLUMN workpool.stats.lag_us IS 'Of the attempts that ended: microseconds from due to claimed, added up.';
COMMENT ON COLUMN workpool.stats.lag_max_us IS 'The longest of these.';
COMMENT ON COLUMN workpool.stats.duration_us IS 'Microseconds that these attempts took, added up.';
COMMENT ON COLUMN workpool.stats.duration_max_us IS 'The longest of these.';

CREATE TABLE workpool.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT statement_timestamp(),
    who     text NOT NULL,
    action  text NOT NULL,
    target  text NOT NULL,
    outcome text NOT NULL
);
CREATE INDEX audit_at ON workpool.audit (at);

COMMENT ON TABLE  workpool.audit IS 'Who steered what; kept for 30 days.';
COMMENT ON COLUMN workpool.audit.id IS 'Its place in the order.';
COMMENT ON COLUMN workpool.audit.at IS 'When.';
COMMENT ON COLUMN workpool.audit.who IS 'Who, as they called themselves; else the user of the database.';
COMMENT ON COLUMN workpool.audit.action IS 'What was done: pause, cancel, …';
COMMENT ON COLUMN workpool.audit.target IS 'To what: a pool, an id, a filter.';
COMMENT ON COLUMN workpool.audit.outcome IS 'What came of it.';

-- Pausing and resizing, also by a plain UPDATE: freezing the slots waits for claims under way, which hold their rows, and stops later
-- ones until they have been taken anew under the new values. After the commit nothing starts that these forbid.
CREATE FUNCTION workpool.freeze_slots() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'UPDATE %1$I.slots s SET frozen = true FROM (
            SELECT worker FROM %1$I.slots WHERE pool = $1 ORDER BY worker FOR NO KEY UPDATE
        ) h WHERE s.pool = $1 AND s.worker = h.worker',
        TG_TABLE_SCHEMA
    ) USING NEW.name;
    -- A full queue of notifications would fail the commit.
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('workpool_' || TG_TABLE_SCHEMA, '');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER freeze_slots AFTER UPDATE OF max_parallelism, paused ON workpool.pools
    FOR EACH ROW WHEN (OLD.max_parallelism <> NEW.max_parallelism OR OLD.paused <> NEW.paused)
    EXECUTE FUNCTION workpool.freeze_slots();

COMMENT ON FUNCTION workpool.freeze_slots IS 'The barrier between a changed pool and claims.';

-- What a test sees of every commit: starts beyond the limit, ends, callbacks. Not part of the product.

CREATE TABLE ledger (work uuid NOT NULL);
CREATE TABLE callback_ledger (work uuid NOT NULL, outcome text NOT NULL, failure text, attempts integer NOT NULL, context text NOT NULL);

CREATE TABLE audit_counts (pool text PRIMARY KEY, starts bigint NOT NULL, peak bigint NOT NULL);
CREATE TABLE audit_breaches (pool text, running bigint, allowed bigint, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE audit_ends (work uuid NOT NULL, outcome smallint NOT NULL);
CREATE TABLE audit_calls (work uuid NOT NULL, outcome smallint NOT NULL);

-- Each step of each item, and whether it is one that may be.
CREATE TABLE audit_moves (
    seq     bigserial PRIMARY KEY,
    work    uuid NOT NULL,
    what    text NOT NULL,
    worker  uuid,
    fence   integer NOT NULL,
    attempt integer NOT NULL,
    legal   boolean NOT NULL,
    due     timestamptz NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audit_moves_odd ON audit_moves (seq) WHERE NOT legal;
-- What runs. Small, so that counting it costs little however much waits.
CREATE TABLE audit_running (work uuid PRIMARY KEY, pool text NOT NULL, worker uuid NOT NULL)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
CREATE TABLE audit_workers (
    worker uuid NOT NULL, pid bigint NOT NULL, what text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION audit_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    what text;
    legal boolean := true;
    shown workpool.work := NEW;
BEGIN
    IF TG_OP = 'DELETE' THEN
        what := 'end';
        shown := OLD;
    ELSIF TG_OP = 'INSERT' THEN
        what := 'enqueue';
        legal := NEW.worker IS NULL AND NEW.fence = 0 AND NEW.attempt = 0;
        IF NEW.worker IS NOT NULL THEN
            -- Into slots that a worker lent: both steps in one.
            INSERT INTO audit_moves (work, what, fence, attempt, legal, due) VALUES (NEW.id, what, 0, 0, true, NEW.run_at);
            what := 'start';
            legal := NEW.fence = 1 AND NEW.attempt = 1 AND NEW.run_at <= clock_timestamp();
        END IF;
    ELSIF OLD.worker IS NULL AND NEW.worker IS NOT NULL THEN
        what := 'start';
        legal := NEW.fence = OLD.fence + 1 AND NEW.attempt = OLD.attempt + 1 AND NEW.run_at <= clock_timestamp();
    ELSIF OLD.worker IS NOT NULL AND NEW.worker IS NULL THEN
        what := 'back';
        legal := NEW.fence = OLD.fence AND NEW.attempt IN (OLD.attempt, OLD.attempt - 1);
        shown.worker := OLD.worker;
    ELSIF (NEW.worker, NEW.fence, NEW.attempt) IS DISTINCT FROM (OLD.worker, OLD.fence, OLD.attempt) THEN
        what := 'odd';
        legal := false;
    ELSE
        RETURN NULL;
    END IF;
    INSERT INTO audit_moves (work, what, worker, fence, attempt, legal, due)
    VALUES (shown.id, what, shown.worker, shown.fence, shown.attempt, legal, shown.run_at);
    IF TG_OP <> 'DELETE' AND NEW.worker IS NOT NULL THEN
        INSERT INTO audit_running VALUES (NEW.id, NEW.pool, NEW.worker) ON CONFLICT DO NOTHING;
    ELSIF TG_OP <> 'INSERT' AND OLD.worker IS NOT NULL THEN
        DELETE FROM audit_running WHERE work = OLD.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_move AFTER INSERT OR UPDATE OF worker, fence, attempt OR DELETE ON workpool.work
    FOR EACH ROW EXECUTE FUNCTION audit_move();

-- Each change of what a worker may run. A grant below what the worker runs would let others start too much.
CREATE TABLE audit_slots (
    seq     bigserial PRIMARY KEY,
    pool    text NOT NULL,
    worker  uuid NOT NULL,
    was     bigint NOT NULL,
    granted bigint NOT NULL,
    wanted  bigint NOT NULL,
    frozen  boolean NOT NULL,
    running bigint NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audit_slots_odd ON audit_slots (seq) WHERE granted < running;
CREATE FUNCTION audit_slot() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    granted bigint := CASE WHEN TG_OP = 'DELETE' THEN 0 ELSE NEW.granted END;
    frozen boolean := TG_OP <> 'DELETE' AND NEW.frozen;
BEGIN
    IF (granted, frozen) IS DISTINCT FROM (OLD.granted, OLD.frozen) THEN
        INSERT INTO audit_slots (pool, worker, was, granted, wanted, frozen, running)
        SELECT OLD.pool, OLD.worker, OLD.granted, granted, OLD.wanted, frozen, count(*)
        FROM audit_running r WHERE r.pool = OLD.pool AND r.worker = OLD.worker;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_slot AFTER UPDATE OF granted, frozen OR DELETE ON workpool.slots
    FOR EACH ROW EXECUTE FUNCTION audit_slot();

CREATE FUNCTION audit_worker() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO audit_workers VALUES (OLD.id, OLD.pid, 'gone');
    ELSE
        INSERT INTO audit_workers VALUES (NEW.id, NEW.pid, CASE WHEN NEW.dead THEN 'dead' ELSE 'registered' END);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_worker AFTER INSERT OR UPDATE OF dead OR DELETE ON workpool.workers
    FOR EACH ROW EXECUTE FUNCTION audit_worker();

-- Runs at the commit. The lock makes commits take turns, and a later statement of a volatile function sees
-- what was committed before it: each start is counted against exactly what holds when it takes effect.
CREATE FUNCTION audit_start() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_running bigint;
    allowed bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(7201);
    SELECT count(*) INTO now_running FROM audit_running WHERE pool = NEW.pool;
    SELECT CASE WHEN paused THEN 0 ELSE max_parallelism END INTO allowed FROM workpool.pools WHERE name = NEW.pool;
    INSERT INTO audit_counts VALUES (NEW.pool, 1, now_running)
    ON CONFLICT (pool) DO UPDATE SET starts = audit_counts.starts + 1, peak = GREATEST(audit_counts.peak, EXCLUDED.peak);
    IF now_running > allowed THEN
        INSERT INTO audit_breaches VALUES (NEW.pool, now_running, allowed);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_start AFTER UPDATE OF worker ON workpool.work
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.worker IS NOT NULL AND OLD.worker IS DISTINCT FROM NEW.worker)
    EXECUTE FUNCTION audit_start();
CREATE CONSTRAINT TRIGGER audit_start_at_once AFTER INSERT ON workpool.work
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.worker IS NOT NULL)
    EXECUTE FUNCTION audit_start();

-- A change of the limit takes its turn too.
CREATE FUNCTION audit_resize() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7201);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_resize AFTER UPDATE OF max_parallelism, paused ON workpool.pools
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_resize();

CREATE FUNCTION audit_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_ends VALUES (NEW.id, NEW.outcome);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_end AFTER INSERT OR UPDATE OF outcome ON workpool.finished FOR EACH ROW EXECUTE FUNCTION audit_end();

CREATE FUNCTION audit_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_calls VALUES (NEW.id, NEW.outcome);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_call AFTER INSERT ON workpool.callbacks FOR EACH ROW EXECUTE FUNCTION audit_call();

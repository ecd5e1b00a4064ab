-- What a test sees of every commit: starts beyond the limit, ends, callbacks. Not part of the product.

CREATE TABLE ledger (work uuid NOT NULL);
CREATE TABLE callback_ledger (work uuid NOT NULL, outcome text NOT NULL, failure text, attempts integer NOT NULL, context text NOT NULL);

CREATE TABLE audit_counts (pool text PRIMARY KEY, starts bigint NOT NULL, peak bigint NOT NULL);
CREATE TABLE audit_breaches (pool text, running bigint, allowed bigint, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE audit_ends (work uuid NOT NULL, outcome smallint NOT NULL);
CREATE TABLE audit_calls (work uuid NOT NULL, outcome smallint NOT NULL);

-- Runs at the commit. The lock makes commits take turns, and a later statement of a volatile function sees
-- what was committed before it: each start is counted against exactly what holds when it takes effect.
CREATE FUNCTION audit_start() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_running bigint;
    allowed bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(7201);
    SELECT count(*) INTO now_running FROM workpool.work WHERE pool = NEW.pool AND worker IS NOT NULL;
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

-- The first callback fails: a sequence counts on although its transaction is rolled back.
CREATE SEQUENCE refusals;
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('refusals') = 1 THEN
        RAISE EXCEPTION 'the first callback is refused';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON callback_ledger FOR EACH ROW EXECUTE FUNCTION refuse();

CREATE SCHEMA IF NOT EXISTS workpool;

CREATE TABLE workpool.migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT statement_timestamp()
);

COMMENT ON TABLE  workpool.migrations IS 'What of the schema has been applied.';
COMMENT ON COLUMN workpool.migrations.version IS 'Number of the migration.';
COMMENT ON COLUMN workpool.migrations.name IS 'Its name.';
COMMENT ON COLUMN workpool.migrations.applied_at IS 'When it was applied.';

-- What was taken over, and from where: names of another tool's history, or a baseline with its reason.
CREATE TABLE IF NOT EXISTS drydock.adopted (
    how text NOT NULL,
    name text NOT NULL,
    id text NOT NULL,
    run text NOT NULL,
    adopted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    differences bigint,
    reason text,
    PRIMARY KEY (how, name)
);
COMMENT ON TABLE drydock.adopted IS 'Migrations that were applied before drydock came; differences: of the catalog, null where it was not compared'

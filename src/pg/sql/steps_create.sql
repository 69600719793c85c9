CREATE SCHEMA IF NOT EXISTS drydock;
CREATE TABLE IF NOT EXISTS drydock.steps (
    migration text NOT NULL,
    step int NOT NULL,
    steps int NOT NULL,
    down boolean NOT NULL,
    canonical_sha256 text NOT NULL,
    line int NOT NULL,
    title text NOT NULL,
    state text NOT NULL CHECK (state IN ('started', 'done')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at timestamptz,
    run text NOT NULL,
    before text NOT NULL DEFAULT '',
    decision text CHECK (decision IN ('again', 'done')),
    note text NOT NULL DEFAULT '',
    PRIMARY KEY (migration, step)
);
COMMENT ON TABLE drydock.steps IS 'How far migrations are that are not one transaction; drydock removes their rows when they are through';

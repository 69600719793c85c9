CREATE SCHEMA IF NOT EXISTS drydock;
CREATE TABLE IF NOT EXISTS drydock.migrations (
    id text PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    canonical_sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_by text NOT NULL DEFAULT session_user,
    run text NOT NULL,
    duration_ms bigint NOT NULL,
    version text NOT NULL
);
COMMENT ON TABLE drydock.migrations IS 'Migrations that were applied to this database by drydock';

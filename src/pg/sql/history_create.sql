-- Creates the history, or brings that of an earlier version up to date: run where history_current.sql
-- says that something is missing. What is there stays as it is.
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
ALTER TABLE drydock.migrations ADD COLUMN IF NOT EXISTS out_of_order boolean NOT NULL DEFAULT false;
ALTER TABLE drydock.migrations ADD COLUMN IF NOT EXISTS note text;
COMMENT ON TABLE drydock.migrations IS 'Migrations that were applied to this database by drydock';
CREATE TABLE IF NOT EXISTS drydock.repeatables (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    canonical_sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_by text NOT NULL DEFAULT session_user,
    run text NOT NULL,
    duration_ms bigint NOT NULL,
    version text NOT NULL,
    stale boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE drydock.repeatables IS 'Repeatable migrations as drydock applied them last';
CREATE TABLE IF NOT EXISTS drydock.changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration text NOT NULL,
    old_sha256 text NOT NULL,
    old_canonical_sha256 text NOT NULL,
    new_sha256 text NOT NULL,
    new_canonical_sha256 text NOT NULL,
    reason text NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    accepted_by text NOT NULL DEFAULT session_user,
    run text NOT NULL,
    version text NOT NULL
);
COMMENT ON TABLE drydock.changes IS 'Changes of applied migration files that were accepted, and why';

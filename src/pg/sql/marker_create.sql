-- Where an online run says that it has not ended: one row, from its first transaction to its last.
CREATE TABLE IF NOT EXISTS drydock.unfinished (
    run text PRIMARY KEY,
    phase text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    began_by text NOT NULL DEFAULT session_user,
    host text NOT NULL,
    database oid NOT NULL,
    system text NOT NULL,
    history text NOT NULL,
    schema text NOT NULL,
    version text NOT NULL
);
COMMENT ON TABLE drydock.unfinished IS
    'A run of drydock that migrates this database in service and has not ended; drydock recover ends a dead one';

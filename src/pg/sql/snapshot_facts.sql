-- What a manifest says about the server and the database, as one JSON document.
SELECT pg_catalog.jsonb_build_object(
    'taken_at', pg_catalog.to_char(pg_catalog.transaction_timestamp() AT TIME ZONE 'UTC',
                                   'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'server_snapshot', pg_catalog.pg_current_snapshot()::text,
    'lsn', CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                ELSE pg_catalog.pg_current_wal_lsn() END::text,
    'server_version', pg_catalog.current_setting('server_version'),
    'may_read_identifier',
        pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE'),
    'encoding', pg_catalog.current_setting('server_encoding'),
    'digest_encoding', pg_catalog.current_setting('client_encoding'),
    'locale', (SELECT pg_catalog.jsonb_build_object(
                          'collate', d.datcollate,
                          'ctype', d.datctype,
                          'provider', coalesce(pg_catalog.to_jsonb(d) ->> 'datlocprovider', 'c'),
                          'locale', coalesce(pg_catalog.to_jsonb(d) ->> 'datlocale',
                                             pg_catalog.to_jsonb(d) ->> 'daticulocale'),
                          'collation_version', pg_catalog.to_jsonb(d) ->> 'datcollversion')
                 FROM pg_catalog.pg_database d
                WHERE d.datname = pg_catalog.current_database()),
    'size_bytes', pg_catalog.pg_database_size(pg_catalog.current_database()),
    'extensions', (SELECT coalesce(pg_catalog.jsonb_object_agg(e.extname, e.extversion), '{}')
                     FROM pg_catalog.pg_extension e),
    'roles', (SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT r.rolname), '[]')
                FROM pg_catalog.pg_shdepend s
                JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid
               WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
                 AND s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d
                                WHERE d.datname = pg_catalog.current_database())),
    'tablespaces', (SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT t.spcname), '[]')
                      FROM pg_catalog.pg_class c
                      JOIN pg_catalog.pg_tablespace t ON t.oid = c.reltablespace
                     WHERE t.spcname <> 'pg_global'))::text

-- What works in this database by itself: a row each. A plain role sees no backend_type of others.
SELECT format('the background worker "%s" (pid %s) works in this database',
              coalesce(nullif(a.application_name, ''), a.backend_type), a.pid) AS text,
       'stop it, by its own switch' AS fix
FROM pg_stat_activity AS a
WHERE a.datname = current_database()
  AND a.backend_type NOT IN ('client backend', 'parallel worker', 'autovacuum worker', 'walsender')
  AND a.backend_type NOT LIKE 'logical replication%'
UNION ALL
SELECT format('the extension %s starts jobs in this database by itself', e.extname),
       k.fix
FROM pg_extension AS e
JOIN (VALUES ('pg_cron', 'ALTER SYSTEM SET cron.launch_active_jobs = off; SELECT pg_reload_conf();'),
             ('timescaledb', 'SELECT _timescaledb_functions.stop_background_workers();'),
             ('pg_squeeze', 'SELECT squeeze.stop_worker();'),
             ('pgagent', 'stop pgagent'),
             ('citus', 'stop its maintenance daemon'),
             ('pglogical', 'SELECT pglogical.alter_subscription_disable(...);'),
             ('bdr', 'stop its workers')) AS k (extname, fix) USING (extname)
UNION ALL
SELECT 'the background worker of pg_partman works in this database',
       'take the database out of pg_partman_bgw.dbname'
WHERE current_database() = ANY (regexp_split_to_array(current_setting('pg_partman_bgw.dbname', true), '\s*,\s*'))

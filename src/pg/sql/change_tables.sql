-- Tables and sequences that the open transaction has locked in a mode that can write: those that a migration touched.
SELECT json_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname))
FROM pg_locks AS l
JOIN pg_class AS c ON c.oid = l.relation
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE l.pid = pg_backend_pid() AND l.granted AND l.locktype = 'relation'
  AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND c.relkind IN ('r', 'p', 'm', 'S')
  AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema', 'drydock')

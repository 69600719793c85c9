-- Who holds or waits for a lock on a table that keeps even readers away ($1: on this one; null: on any). What it
-- waits for or does is not asked: a query's text may quote rows.
SELECT l.pid, coalesce(a.usename::text, '?'), coalesce(a.application_name, ''), l.granted, n.nspname, c.relname
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_class c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation'
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
   AND l.mode = 'AccessExclusiveLock'
   AND l.pid <> pg_catalog.pg_backend_pid()
   AND c.relkind IN ('r', 'm')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
   AND ($1::oid IS NULL OR c.oid = $1::oid)
 ORDER BY l.granted DESC, l.pid, c.oid
 LIMIT 5

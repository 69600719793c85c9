-- Who may be working on an index ($1, its oid) at this moment: such work locks its table.
SELECT string_agg(DISTINCT format('pid %s (%s, %s)', l.pid, coalesce(a.usename, '?'),
                                  coalesce(nullif(a.application_name, ''), 'no application name')),
                  ', ')
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_catalog.pg_database
                    WHERE datname = pg_catalog.current_database())
  AND l.relation = (SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = $1::oid)
  AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                 'AccessExclusiveLock')

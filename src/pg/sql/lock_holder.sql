SELECT format('%s (pid %s, role %s, since %s)', coalesce(a.application_name, '?'), l.pid,
              coalesce(a.usename, '?'),
              coalesce(to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                       'a time that this role may not see'))
FROM pg_locks AS l
LEFT JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND (l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) = $2::boolean
  AND (l.classid::bigint << 32) | l.objid::bigint = $1::bigint

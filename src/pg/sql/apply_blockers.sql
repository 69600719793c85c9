SELECT string_agg(format('pid %s (%s, %s, %s, since %s)', a.pid, a.usename,
                         coalesce(nullif(a.application_name, ''), 'no application name'),
                         coalesce(l.mode, 'lock'),
                         coalesce(to_char(a.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS"Z"'), '?')),
                  ', ')
FROM unnest(pg_blocking_pids($1::int)) AS b(pid)
JOIN pg_stat_activity AS a USING (pid)
LEFT JOIN LATERAL (
    SELECT held.mode
    FROM pg_locks AS held
    JOIN pg_locks AS wanted
      ON wanted.pid = $1::int AND NOT wanted.granted AND wanted.locktype = held.locktype
     AND wanted.database IS NOT DISTINCT FROM held.database
     AND wanted.relation IS NOT DISTINCT FROM held.relation
     AND wanted.transactionid IS NOT DISTINCT FROM held.transactionid
    WHERE held.pid = a.pid AND held.granted
    LIMIT 1) AS l ON true

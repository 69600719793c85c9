-- Who is in the way of a backend: a line for people. pg_locks may be read by every role; what
-- pg_stat_activity hides of other roles' sessions is left out.
SELECT string_agg(
           CASE WHEN b.pid = 0 THEN 'a prepared transaction (see pg_prepared_xacts)'
                ELSE format('pid %s (%s, %s, %s, since %s)', b.pid, coalesce(a.usename, '?'),
                            coalesce(nullif(a.application_name, ''), 'no application name'),
                            coalesce(l.mode, 'lock'),
                            coalesce(to_char(a.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS"Z"'), '?'))
           END, ', ')
FROM (SELECT DISTINCT pid FROM unnest(pg_blocking_pids($1::int)) AS u(pid)) AS b
LEFT JOIN pg_stat_activity AS a USING (pid)
LEFT JOIN LATERAL (
    SELECT held.mode
    FROM pg_locks AS held
    JOIN pg_locks AS wanted
      ON wanted.pid = $1::int AND NOT wanted.granted AND wanted.locktype = held.locktype
     AND wanted.database IS NOT DISTINCT FROM held.database
     AND wanted.relation IS NOT DISTINCT FROM held.relation
     AND wanted.transactionid IS NOT DISTINCT FROM held.transactionid
     AND wanted.virtualxid IS NOT DISTINCT FROM held.virtualxid
    WHERE held.pid = b.pid AND held.granted
    LIMIT 1) AS l ON true

-- Client sessions of these applications ($2, an array) that are in the way of a backend. The type of
-- other roles' backends is hidden from a plain role; such a session has a user and a database.
SELECT a.pid, a.application_name, coalesce(a.usename, '?')
FROM (SELECT DISTINCT pid FROM unnest(pg_blocking_pids($1::int)) AS u(pid)) AS b
JOIN pg_stat_activity AS a USING (pid)
WHERE coalesce(a.backend_type, 'client backend') = 'client backend'
  AND a.usename IS NOT NULL AND a.datname IS NOT NULL
  AND a.application_name = ANY ($2::text[])
  AND a.application_name NOT LIKE 'drydock %'

-- Virtual transactions of sessions in database $1; only those in the list $2, if it is given. Null if there is none.
-- A plain role does not see backend_type of others; autovacuum workers are those that are of no role.
SELECT string_agg(l.virtualtransaction, ',')
FROM pg_locks AS l
JOIN pg_stat_activity AS a USING (pid)
JOIN pg_database AS d ON d.oid = a.datid
WHERE l.locktype = 'virtualxid' AND l.granted
  AND d.datname = $1
  AND a.usesysid IS NOT NULL
  AND ($2::text IS NULL OR l.virtualtransaction = ANY (string_to_array($2, ',')))

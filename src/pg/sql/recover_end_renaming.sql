-- Ends the sessions of runs that are in a transaction which renames database $1 or what says to be a copy of
-- it; not ours ($2: pids). What we may not rename ourselves is none of our copies, whatever its comment says.
SELECT pg_terminate_backend(a.pid)
FROM pg_locks AS l
JOIN pg_stat_activity AS a USING (pid)
JOIN pg_database AS d ON d.oid = l.objid
LEFT JOIN pg_shdescription AS s ON s.objoid = d.oid AND s.classoid = 'pg_database'::regclass
WHERE l.locktype = 'object' AND l.database = 0 AND l.classid = 'pg_database'::regclass
  AND l.mode = 'AccessExclusiveLock'
  AND a.application_name LIKE 'drydock %' AND a.pid <> ALL ($2::int[])
  AND pg_has_role(session_user, d.datdba, 'MEMBER')
  AND (d.datname = $1
       OR (s.description LIKE '{"drydock":%'
           AND strpos(s.description, to_json($1::text)::text) > 0))

-- Anybody can give a session the name of ours ($2): it takes our role, too. Autovacuum workers, which are of no role, leave by themselves; a plain role does not see their backend_type.
SELECT a.pid, coalesce(a.usename, '-') AS usename,
       coalesce(nullif(a.application_name, ''), a.backend_type, 'no application name'),
       coalesce(me.rolsuper
                OR (NOT coalesce(r.rolsuper, true)
                    AND (pg_has_role(me.oid, 'pg_signal_backend', 'MEMBER')
                         OR pg_has_role(me.oid, r.oid, 'MEMBER'))), false) AS endable
FROM pg_stat_activity AS a
JOIN pg_database AS d ON d.oid = a.datid
JOIN pg_roles AS me ON me.rolname = session_user
LEFT JOIN pg_roles AS r ON r.oid = a.usesysid
WHERE d.datname = $1
  AND a.usesysid IS NOT NULL
  AND a.pid <> pg_backend_pid()
  AND ($2::text IS NULL OR a.application_name IS DISTINCT FROM $2 OR a.usesysid <> me.oid)
ORDER BY a.pid

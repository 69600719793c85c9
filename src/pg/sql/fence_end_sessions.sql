SELECT pg_terminate_backend(a.pid)
FROM pg_stat_activity AS a
JOIN pg_database AS d ON d.oid = a.datid
JOIN pg_roles AS me ON me.rolname = current_user
LEFT JOIN pg_roles AS r ON r.oid = a.usesysid
WHERE d.datname = $1 AND a.pid <> pg_backend_pid()
  AND a.usesysid IS NOT NULL
  AND (me.rolsuper
       OR (NOT coalesce(r.rolsuper, true)
           AND (pg_has_role(me.oid, 'pg_signal_backend', 'MEMBER')
                OR pg_has_role(me.oid, r.oid, 'MEMBER'))))

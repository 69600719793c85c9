-- Ends the sessions of a run ($1: a pattern of application_name) other than ours ($2: pids). Anybody can give a
-- session that name; only those count that may have done what a run does, with its copies ($3): a superuser's,
-- and those of a role that owns one, as we do. A superuser ends all: what he takes for a run's is not missed.
SELECT pg_terminate_backend(a.pid)
FROM pg_stat_activity AS a
JOIN pg_roles AS me ON me.rolname = session_user
JOIN pg_roles AS r ON r.oid = a.usesysid
WHERE a.application_name LIKE $1 AND a.pid <> ALL ($2::int[])
  AND (me.rolsuper OR r.rolsuper OR r.oid = me.oid
       OR EXISTS (SELECT FROM pg_database AS d
                  WHERE d.datname IN (SELECT json_array_elements_text($3::json))
                    AND pg_has_role(me.oid, d.datdba, 'MEMBER')
                    AND pg_has_role(r.oid, d.datdba, 'MEMBER')))

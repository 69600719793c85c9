-- Comments of databases that look like records, and whether their owner is beyond forging one for database
-- $1: ourselves, a superuser, the owner of what has the name now, or (to a plain role) a role that we are a
-- member of.
SELECT d.datname, s.description, o.rolname,
       d.datdba = me.oid OR o.rolsuper OR coalesce(d.datdba = live.datdba, false)
       OR (NOT me.rolsuper AND pg_has_role(me.oid, d.datdba, 'MEMBER'))
FROM pg_database AS d
JOIN pg_roles AS o ON o.oid = d.datdba
JOIN pg_roles AS me ON me.rolname = current_user
JOIN pg_shdescription AS s ON s.objoid = d.oid AND s.classoid = 'pg_database'::regclass
LEFT JOIN pg_database AS live ON live.datname = $1
WHERE s.description LIKE '{"drydock":%'
ORDER BY d.datname

-- Subscriptions of database $1: name, whether it is enabled, whether this role may change it, its owner.
SELECT s.subname, s.subenabled, me.rolsuper OR pg_has_role(me.oid, s.subowner, 'MEMBER'), o.rolname
FROM pg_subscription AS s
JOIN pg_database AS d ON d.oid = s.subdbid
JOIN pg_roles AS o ON o.oid = s.subowner
JOIN pg_roles AS me ON me.rolname = current_user
WHERE d.datname = $1
ORDER BY s.subname

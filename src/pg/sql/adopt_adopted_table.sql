-- The table of sequelize-cli that is adopted already: (schema, name).
SELECT n.nspname, c.relname
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_rewrite AS w ON w.oid = d.objid
JOIN pg_catalog.pg_class AS c ON c.oid = d.refobjid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
  AND w.ev_class = to_regclass('drydock.sequelize_meta') AND d.refobjid <> w.ev_class
LIMIT 1

-- Tables that may be the history of sequelize-cli: ordinary tables called $2, in schema $1 (null: any), with a column "name" of a
-- text type and no other, or the two time stamps that sequelize adds when it is told to: (schema, table, quoted name, whether it
-- has that shape).
SELECT n.nspname, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname),
       EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = 'name'
                 AND a.atttypid IN ('text'::regtype, 'varchar'::regtype))
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                         AND a.attname <> 'name' AND a.attnotnull AND NOT a.atthasdef)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.relname = $2 AND ($1::text IS NULL OR n.nspname = $1)
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY n.nspname COLLATE "C"

-- Tables whose content pg_dump or a digest reads, to be locked before the snapshot is taken.
SELECT c.oid, n.nspname, c.relname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r'
   AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
   AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
 ORDER BY c.oid

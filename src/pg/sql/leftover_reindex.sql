-- What REINDEX CONCURRENTLY leaves behind when it fails: invalid copies of the indexes of an index's
-- table, a table or a schema ($1, as written; $2 says which), partitions and TOAST tables with them.
WITH named AS (
    SELECT i.indrelid AS oid
    FROM pg_catalog.pg_index AS i
    WHERE $2 = 'index'
      AND i.indexrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree(to_regclass($1)) UNION
                           SELECT to_regclass($1))
    UNION
    SELECT relid FROM pg_catalog.pg_partition_tree(to_regclass($1)) WHERE $2 = 'table'
    UNION
    SELECT to_regclass($1) WHERE $2 = 'table'
    UNION
    SELECT c.oid FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = CASE WHEN $2 = 'schema' THEN to_regnamespace($1) END AND c.relkind IN ('r', 'm')
), tables AS (
    SELECT oid FROM named
    UNION
    SELECT c.reltoastrelid FROM pg_catalog.pg_class AS c JOIN named USING (oid)
)
SELECT i.indexrelid, format('%I.%I', n.nspname, c.relname), false
FROM pg_catalog.pg_index AS i
JOIN tables AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)
  AND c.relname ~ '_cc(new|old)[0-9]*$'
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"

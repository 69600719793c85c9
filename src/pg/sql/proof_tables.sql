-- Relations with content and their columns as they are now, in the order of the columns: (oid,
-- schema, name, kind, whether it can be read, numbers of columns, their names, their types,
-- [schema, name] of the tables above it).
WITH RECURSIVE above AS (
    SELECT i.inhrelid AS relation, i.inhparent AS parent FROM pg_inherits AS i
    UNION
    SELECT a.relation, i.inhparent FROM above AS a JOIN pg_inherits AS i ON i.inhrelid = a.parent
)
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispopulated,
       coalesce(json_agg(a.attnum ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL), '[]'),
       coalesce(json_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL), '[]'),
       coalesce(json_agg(a.atttypid::bigint ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL),
                '[]'),
       (SELECT coalesce(json_agg(json_build_array(pn.nspname, p.relname)), '[]')
          FROM above AS x
          JOIN pg_class AS p ON p.oid = x.parent
          JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
         WHERE x.relation = c.oid)
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                             AND c.relkind <> 'S'
 WHERE c.relkind IN ('r', 'm', 'S') AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
 GROUP BY c.oid, n.nspname, c.relname, c.relkind, c.relispopulated

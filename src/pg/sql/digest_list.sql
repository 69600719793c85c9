-- What holds content, one row for each column (one with a null column if there is none). Generated columns are none:
-- they follow from the others. archived: an archive of pg_dump holds its rows, or its value; not so for materialized
-- views, and for what belongs to an extension and is none of its configuration tables. pages: of the main fork, where
-- rows can be read in ranges of pages. spread: the table among whose partitions the rows are divided by a hash of enum
-- labels, that is of their OIDs: in another database they are divided otherwise, and pg_dump has them loaded through
-- the table at the top.
WITH relations AS MATERIALIZED (
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence = 'u' AS unlogged,
           CASE WHEN c.relkind = 'S' THEN 0
                ELSE coalesce(pg_catalog.pg_table_size(c.oid), 0) END AS size_bytes,
           CASE WHEN c.relkind <> 'S' AND c.relam = 2 -- heap
                THEN coalesce(pg_catalog.pg_relation_size(c.oid), 0)
                     / pg_catalog.current_setting('block_size')::bigint
                ELSE 0 END AS pages,
           c.relkind <> 'm'
           AND (NOT EXISTS (
                    SELECT
                      FROM pg_catalog.pg_depend d
                     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                       AND d.objsubid = 0 AND d.deptype = 'e')
                OR c.oid IN (SELECT pg_catalog.unnest(e.extconfig) FROM pg_catalog.pg_extension e)) AS archived
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm', 'S')
       AND c.relpersistence <> 't'
       AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'drydock')
       AND NOT (c.relkind = 'r' AND c.relname = 'SequelizeMeta')
       -- The history of sequelize-cli under another name: the table below this view.
       AND NOT EXISTS (
           SELECT
             FROM pg_catalog.pg_depend d
             JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid
             JOIN pg_catalog.pg_class v ON v.oid = w.ev_class
             JOIN pg_catalog.pg_namespace s ON s.oid = v.relnamespace
            WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
              AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
              AND s.nspname = 'drydock' AND v.relname = 'sequelize_meta')
       AND (c.relkind <> 'm' OR c.relispopulated)
), spread AS (
    SELECT DISTINCT ON (c.oid) c.oid, n.nspname, t.relname
      FROM pg_catalog.pg_class c
     CROSS JOIN LATERAL pg_catalog.pg_partition_ancestors(c.oid) WITH ORDINALITY AS a (relid, level)
      JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = a.relid
      JOIN pg_catalog.pg_class t ON t.oid = a.relid
      JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
     WHERE c.relkind = 'r' AND c.relispartition
       AND EXISTS (
           SELECT
             FROM pg_catalog.pg_opclass o
             JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
            WHERE o.oid = ANY (p.partclass) AND o.opcname = 'enum_ops' AND m.amname = 'hash')
     ORDER BY c.oid, a.level DESC
)
SELECT r.oid, r.nspname, r.relname, r.relkind, r.unlogged, r.size_bytes, r.pages, r.archived, s.nspname, s.relname,
       a.attnum, a.attname, a.atttypid, a.atttypmod
  FROM relations r
  LEFT JOIN spread s ON s.oid = r.oid
  LEFT JOIN pg_catalog.pg_attribute a
         ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
            AND r.relkind <> 'S'
 ORDER BY r.nspname COLLATE "C", r.relname COLLATE "C", r.oid, a.attnum

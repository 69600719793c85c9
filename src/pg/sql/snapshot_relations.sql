-- What pg_dump gives the rows of ($1: OIDs): one row for each column that COPY reads (one with a null column if
-- there is none). Sizes are those of now, which is at least what the snapshot sees.
SELECT c.oid, n.nspname, c.relname, c.relkind,
       coalesce(am.amname, '') = 'heap' AS heap,
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint AS pages,
       pg_catalog.pg_table_size(c.oid) AS size_bytes,
       pg_catalog.row_security_active(c.oid) AS filtered,
       (SELECT e.extcondition[pg_catalog.array_position(e.extconfig, c.oid)]
          FROM pg_catalog.pg_extension e
         WHERE c.oid = ANY (e.extconfig)
         LIMIT 1) AS condition,
       a.attname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
  LEFT JOIN pg_catalog.pg_attribute a
         ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
 WHERE c.oid = ANY ($1::oid[])
 ORDER BY c.oid, a.attnum

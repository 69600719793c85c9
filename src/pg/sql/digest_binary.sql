-- Tables and materialized views whose rows may travel in binary format, by OID: those of which each column (but
-- generated ones) has a type whose bytes mean the same in every database. Where there is doubt a type is not in here.
-- Out are types whose bytes hold OIDs or mean one (reg*, oid, arrays of enums, composites), everything of extensions,
-- xml, and tsquery: the server refuses the bytes that it writes of an empty one. OIDs below 10000
-- are the same in every server.
WITH scalars AS MATERIALIZED (
    SELECT t.oid
      FROM pg_catalog.pg_type t
     WHERE t.oid < 10000 AND t.typtype = 'b'
       AND t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
       AND t.typname IN ('bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'money', 'text', 'varchar',
                         'bpchar', 'name', 'char', 'bytea', 'date', 'time', 'timetz', 'timestamp', 'timestamptz',
                         'interval', 'uuid', 'json', 'jsonb', 'jsonpath', 'inet', 'cidr', 'macaddr', 'macaddr8', 'bit',
                         'varbit', 'point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle', 'tsvector', 'pg_lsn',
                         'xid8')
), elements AS (
    SELECT s.oid FROM scalars s
    UNION ALL
    SELECT bounds.oid
      FROM pg_catalog.pg_range r
      JOIN scalars s ON s.oid = r.rngsubtype
     CROSS JOIN LATERAL (VALUES (r.rngtypid), (r.rngmultitypid)) AS bounds (oid)
     WHERE bounds.oid < 10000
), safe AS MATERIALIZED (
    SELECT e.oid FROM elements e
    UNION ALL
    SELECT t.typarray
      FROM elements e
      JOIN pg_catalog.pg_type t ON t.oid = e.oid AND t.typarray BETWEEN 1 AND 9999
    UNION ALL
    -- A label travels as its name.
    SELECT t.oid FROM pg_catalog.pg_type t WHERE t.typtype = 'e'
    UNION ALL
    -- A domain's bytes are those of the type below.
    SELECT t.oid
      FROM pg_catalog.pg_type t
      JOIN scalars s ON s.oid = t.typbasetype
     WHERE t.typtype = 'd'
)
SELECT c.oid
  FROM pg_catalog.pg_class c
 WHERE c.relkind IN ('r', 'm')
   AND c.relpersistence <> 't'
   AND NOT EXISTS (
       SELECT
         FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
          AND a.atttypid NOT IN (SELECT s.oid FROM safe s))

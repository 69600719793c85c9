-- Whether one of these tables ($1: OIDs) has a column in which there may be money: itself, or in an array, a domain, a
-- range or a composite, to any depth. Its text depends on lc_monetary.
WITH RECURSIVE holds (type, held) AS MATERIALIZED (
    SELECT t.oid, t.typelem FROM pg_catalog.pg_type t WHERE t.typelem <> 0
    UNION ALL
    SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t WHERE t.typbasetype <> 0
    UNION ALL
    SELECT bounds.type, r.rngsubtype
      FROM pg_catalog.pg_range r
     CROSS JOIN LATERAL (VALUES (r.rngtypid), (r.rngmultitypid)) AS bounds (type)
    UNION ALL
    SELECT c.reltype, a.atttypid
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.reltype <> 0 AND c.oid >= 16384
), money (type) AS (
    SELECT 'pg_catalog.money'::pg_catalog.regtype::oid
    UNION
    SELECT h.type FROM money m JOIN holds h ON h.held = m.type
)
SELECT EXISTS (
    SELECT
      FROM pg_catalog.pg_attribute a
      JOIN money m ON m.type = a.atttypid
     WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')

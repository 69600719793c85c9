-- Sequences that feed a column of whole numbers (owned by it, its identity, or its default is
-- nextval() and nothing more), each with a query that gives a row if the next value is not ahead
-- of what the column has: (name, column, query). A sequence that cycles is meant to come back. A
-- column with another default than nextval() is not fed by what it owns.
-- $1: a JSON list of oids; only where the sequence, the table or a partition of it is among them
-- (null: all).
WITH touched AS (
    SELECT t.oid::oid AS oid FROM json_array_elements_text($1::json) AS t (oid)
    UNION
    SELECT a.relid FROM json_array_elements_text($1::json) AS t (oid),
           LATERAL pg_partition_ancestors(t.oid::oid) AS a (relid)
), feeds AS (
    SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS attnum
      FROM pg_depend AS d
     WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
       AND NOT EXISTS (
           SELECT 1 FROM pg_attrdef AS f
            WHERE f.adrelid = d.refobjid AND f.adnum = d.refobjsubid
              AND NOT EXISTS (
                  SELECT 1 FROM pg_depend AS u
                   WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = f.oid
                     AND u.refclassid = 'pg_class'::regclass AND u.refobjid = d.objid))
    UNION
    SELECT u.refobjid, f.adrelid, f.adnum
      FROM pg_attrdef AS f
      JOIN pg_depend AS u ON u.classid = 'pg_attrdef'::regclass AND u.objid = f.oid
       AND u.refclassid = 'pg_class'::regclass
)
SELECT format('%s.%s', sn.nspname, s.relname) AS name,
       format('%s.%s.%s', tn.nspname, t.relname, a.attname) AS column,
       format('SELECT 1 FROM %I.%I AS s, (SELECT %s(%I) AS extreme FROM %I.%I) AS t'
              ' WHERE s.last_value::numeric'
              ' + CASE WHEN s.is_called THEN %s ELSE 0 END %s t.extreme',
              sn.nspname, s.relname,
              CASE WHEN q.seqincrement > 0 THEN 'max' ELSE 'min' END, a.attname,
              tn.nspname, t.relname,
              q.seqincrement, CASE WHEN q.seqincrement > 0 THEN '<=' ELSE '>=' END) AS query
  FROM feeds AS x
  JOIN pg_class AS s ON s.oid = x.sequence AND s.relkind = 'S' AND s.relpersistence <> 't'
  JOIN pg_namespace AS sn ON sn.oid = s.relnamespace
  JOIN pg_sequence AS q ON q.seqrelid = s.oid AND NOT q.seqcycle
  JOIN pg_class AS t ON t.oid = x.relation AND t.relkind IN ('r', 'p')
  JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
  JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = x.attnum AND NOT a.attisdropped
  JOIN pg_type AS y ON y.oid = a.atttypid
  LEFT JOIN pg_attrdef AS f ON f.adrelid = t.oid AND f.adnum = a.attnum
 WHERE coalesce(nullif(y.typbasetype, 0), y.oid)
       IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
   AND (f.oid IS NULL OR pg_get_expr(f.adbin, f.adrelid)
        ~ '^\(?nextval\(''.*''::regclass\)\)?(::(smallint|integer|bigint))?$')
   AND NOT EXISTS ( -- a partition's column is part of what its root has
       SELECT 1 FROM feeds AS r
         JOIN pg_partition_ancestors(x.relation) AS a (relid) ON a.relid = r.relation
        WHERE r.sequence = x.sequence AND r.relation <> x.relation)
   AND tn.nspname NOT IN ('pg_catalog', 'information_schema')
   AND ($1::json IS NULL OR s.oid IN (SELECT oid FROM touched)
                             OR t.oid IN (SELECT oid FROM touched))
 ORDER BY 1, 2

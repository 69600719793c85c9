-- Validated foreign keys, each with a query that gives a row if it does not hold: (name, query).
-- What the server's own RI_Initial_Check() asks, from pg_constraint: MATCH SIMPLE passes over rows
-- with a null in the key, MATCH FULL wants all of it null or none; operands are cast to what the
-- operator takes, and columns whose collations differ are compared by that of the parent; a
-- partitioned table is read with its partitions, any other alone.
-- $1: a JSON list of oids; only keys of these tables, or of partitioned tables above them, on
-- either side (null: all). Run with search_path = pg_catalog, so that names of types come out
-- qualified. Left to the server: foreign keys of temporal tables (PERIOD) and those that are NOT
-- ENFORCED.
WITH touched AS (
    SELECT t.oid::oid AS oid FROM json_array_elements_text($1::json) AS t (oid)
    UNION
    SELECT a.relid FROM json_array_elements_text($1::json) AS t (oid),
           LATERAL pg_partition_ancestors(t.oid::oid) AS a (relid)
), keys AS (
    SELECT c.oid, c.conname, c.confmatchtype, c.conrelid, c.confrelid,
           k.ordinal,
           format('c.%I', ca.attname) AS child,
           format('p.%I', pa.attname) AS parent,
           CASE WHEN o.oprleft <> pa.atttypid
                THEN '::' || format_type(o.oprleft, NULL) ELSE '' END AS parent_cast,
           CASE WHEN o.oprright <> ca.atttypid
                THEN '::' || format_type(o.oprright, NULL) ELSE '' END AS child_cast,
           format('OPERATOR(%I.%s)', onsp.nspname, o.oprname) AS comparison,
           CASE WHEN pa.attcollation <> ca.attcollation AND pa.attcollation <> 0
                THEN format(' COLLATE %I.%I', lnsp.nspname, l.collname) ELSE '' END AS collating
      FROM pg_constraint AS c
      CROSS JOIN LATERAL unnest(c.conkey, c.confkey, c.conpfeqop)
            WITH ORDINALITY AS k (child, parent, operator, ordinal)
      JOIN pg_attribute AS ca ON ca.attrelid = c.conrelid AND ca.attnum = k.child
      JOIN pg_attribute AS pa ON pa.attrelid = c.confrelid AND pa.attnum = k.parent
      JOIN pg_operator AS o ON o.oid = k.operator
      JOIN pg_namespace AS onsp ON onsp.oid = o.oprnamespace
      LEFT JOIN pg_collation AS l ON l.oid = pa.attcollation
      LEFT JOIN pg_namespace AS lnsp ON lnsp.oid = l.collnamespace
     WHERE c.contype = 'f' AND c.conparentid = 0 AND c.convalidated
       AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)
       AND NOT coalesce((to_jsonb(c) ->> 'conperiod')::boolean, false)
       AND ($1::json IS NULL OR c.conrelid IN (SELECT oid FROM touched)
                             OR c.confrelid IN (SELECT oid FROM touched))
), conditions AS (
    SELECT oid, conname, confmatchtype, conrelid, confrelid,
           string_agg(format('%s%s %s %s%s%s', parent, parent_cast, comparison,
                             child, child_cast, collating),
                      ' AND ' ORDER BY ordinal) AS matches,
           string_agg(child || ' IS NOT NULL', ' AND ' ORDER BY ordinal) AS all_set,
           string_agg(child || ' IS NOT NULL', ' OR ' ORDER BY ordinal) AS any_set
      FROM keys
     GROUP BY oid, conname, confmatchtype, conrelid, confrelid
)
SELECT format('%s.%s.%s', cn.nspname, cr.relname, k.conname) AS name,
       format('SELECT 1 FROM %s%I.%I AS c WHERE (%s)'
              ' AND NOT EXISTS (SELECT 1 FROM %s%I.%I AS p WHERE %s) LIMIT 1',
              CASE WHEN cr.relkind = 'p' THEN '' ELSE 'ONLY ' END, cn.nspname, cr.relname,
              CASE WHEN k.confmatchtype = 'f' THEN k.any_set ELSE k.all_set END,
              CASE WHEN pr.relkind = 'p' THEN '' ELSE 'ONLY ' END, pn.nspname, pr.relname,
              k.matches) AS query
  FROM conditions AS k
  JOIN pg_class AS cr ON cr.oid = k.conrelid
  JOIN pg_namespace AS cn ON cn.oid = cr.relnamespace
  JOIN pg_class AS pr ON pr.oid = k.confrelid
  JOIN pg_namespace AS pn ON pn.oid = pr.relnamespace
 WHERE cr.relpersistence <> 't' AND cr.relkind IN ('r', 'p')
 ORDER BY 1

-- What is not valid: constraints that were never validated, indexes that are not used or not kept
-- up, foreign keys whose triggers do not fire. (what, name). Constraints that are NOT ENFORCED (18
-- and newer) are meant to be so.
SELECT 'constraint '
       || format('%s.%s.%s', n.nspname, coalesce(r.relname, t.typname), c.conname) AS name,
       'is not validated' AS finding
  FROM pg_constraint AS c
  JOIN pg_namespace AS n ON n.oid = c.connamespace
  LEFT JOIN pg_class AS r ON r.oid = c.conrelid
  LEFT JOIN pg_type AS t ON t.oid = c.contypid
 WHERE NOT c.convalidated
   AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
UNION ALL
SELECT 'index ' || format('%s.%s', n.nspname, r.relname),
       CASE WHEN NOT i.indisvalid THEN 'is not valid'
            WHEN NOT i.indisready THEN 'is not ready'
            ELSE 'is being dropped' END
  FROM pg_index AS i
  JOIN pg_class AS r ON r.oid = i.indexrelid
  JOIN pg_namespace AS n ON n.oid = r.relnamespace
 WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)
   AND n.nspname !~ '^pg_temp'
UNION ALL
SELECT DISTINCT 'foreign key ' || format('%s.%s.%s', n.nspname, r.relname, c.conname),
       'is not enforced: its triggers are disabled on ' || g.tgrelid::regclass
  FROM pg_trigger AS g
  JOIN pg_constraint AS c ON c.oid = g.tgconstraint AND c.contype = 'f'
  JOIN pg_class AS r ON r.oid = c.conrelid
  JOIN pg_namespace AS n ON n.oid = r.relnamespace
 WHERE g.tgisinternal AND g.tgenabled IN ('D', 'R')
   AND n.nspname !~ '^pg_temp'
 ORDER BY 1, 2

-- Which tables a sequence feeds: owned by a column, its identity, or used in a default. (sequence,
-- table)
SELECT d.objid, d.refobjid
  FROM pg_depend AS d
  JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
   AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
UNION
SELECT u.refobjid, f.adrelid
  FROM pg_attrdef AS f
  JOIN pg_depend AS u ON u.classid = 'pg_attrdef'::regclass AND u.objid = f.oid
   AND u.refclassid = 'pg_class'::regclass
  JOIN pg_class AS s ON s.oid = u.refobjid AND s.relkind = 'S'

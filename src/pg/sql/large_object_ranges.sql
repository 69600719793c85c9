-- Up to $1 ranges of OIDs with as many large objects each, in their order: (first, last, objects).
SELECT min(numbered.oid::bigint), max(numbered.oid::bigint), count(*)
  FROM (SELECT m.oid, pg_catalog.ntile($1::integer) OVER (ORDER BY m.oid) AS part
          FROM pg_catalog.pg_largeobject_metadata m) AS numbered
 GROUP BY numbered.part
 ORDER BY 1

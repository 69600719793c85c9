-- What has another name now than in the list of snapshot_names.sql ($1). A type's label is not shown: it is data.
SELECT named.shown
  FROM (SELECT 'schema/' || n.oid AS key, n.nspname::text AS name, 'schema "' || n.nspname || '"' AS shown
          FROM pg_catalog.pg_namespace n
        UNION ALL
        SELECT 'label/' || e.oid, e.enumlabel::text, 'a label of type "' || t.typname || '"'
          FROM pg_catalog.pg_enum e
          JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid) AS named
  JOIN pg_catalog.unnest($1::text[]) AS was (line) ON pg_catalog.split_part(was.line, ' ', 1) = named.key
 WHERE (was.line COLLATE "C") <> ((named.key || ' ' || named.name) COLLATE "C")
 ORDER BY named.key COLLATE "C"
 LIMIT 1

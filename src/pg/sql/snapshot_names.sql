-- Names that rows are read by, or consist of, and that change without a lock on a table: of schemas, and labels of
-- enums. As an array, each behind the key of what it names.
SELECT pg_catalog.array_agg(named.key || ' ' || named.name)::text
  FROM (SELECT 'schema/' || n.oid AS key, n.nspname::text AS name FROM pg_catalog.pg_namespace n
        UNION ALL
        SELECT 'label/' || e.oid, e.enumlabel::text FROM pg_catalog.pg_enum e) AS named

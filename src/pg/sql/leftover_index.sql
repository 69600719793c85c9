-- An index by its name ($2, as in the catalog) on a table ($1, as written): oid, name to write,
-- whether it can be used.
SELECT i.indexrelid, format('%I.%I', n.nspname, c.relname),
       i.indisvalid AND i.indisready AND i.indislive
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indrelid = to_regclass($1) AND c.relname = $2

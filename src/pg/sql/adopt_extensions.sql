-- Extensions that a new database has to get: (name, quoted name, quoted schema).
SELECT e.extname, pg_catalog.quote_ident(e.extname), pg_catalog.quote_ident(n.nspname)
FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql'
ORDER BY e.oid

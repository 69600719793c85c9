-- Scratch databases for the comparison of database $1 that their process has left behind.
SELECT datname FROM pg_catalog.pg_database
WHERE pg_catalog.shobj_description(oid, 'pg_database') = 'drydock adopt: scratch for ' || $1 || ', may be dropped'

-- What a snapshot could not read as this role: one row each.
SELECT format('table %I.%I cannot be read by this role', n.nspname, c.relname) AS text,
       format('GRANT USAGE ON SCHEMA %I TO %I; GRANT SELECT ON %I.%I TO %I;', n.nspname, current_user,
              n.nspname, c.relname, current_user) AS fix
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'S', 'p', 'v') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%'
  AND NOT (has_schema_privilege(n.oid, 'USAGE')
           AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
                    ELSE has_table_privilege(c.oid, 'SELECT') END)
UNION ALL
SELECT format('row security hides rows of %I.%I from this role', n.nspname, c.relname),
       format('ALTER ROLE %I BYPASSRLS; (as a superuser)', current_user)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relrowsecurity AND row_security_active(c.oid)
LIMIT 20

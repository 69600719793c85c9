-- What a snapshot or archive needs and this server does not have: kind, name, what would mend it.
-- $1: roles, $2: those of them that will own something, $3: tablespaces, $4: extensions; JSON arrays.
-- To give something away one must be able to become who gets it: since 16 not every member is.
SELECT 'role', wanted.name, pg_catalog.format('CREATE ROLE %I', wanted.name)
  FROM pg_catalog.jsonb_array_elements_text($1::jsonb) AS wanted(name)
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = wanted.name)
UNION ALL
SELECT 'membership in role', r.rolname::text,
       CASE WHEN r.rolsuper THEN 'restore as a superuser'
            ELSE pg_catalog.format('GRANT %I TO %I', r.rolname, current_user) END
  FROM pg_catalog.jsonb_array_elements_text($2::jsonb) AS wanted(name)
  JOIN pg_catalog.pg_roles r ON r.rolname = wanted.name
 WHERE r.rolname <> 'pg_database_owner'
   AND NOT pg_catalog.pg_has_role(current_user, r.oid,
                                  CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 160000
                                       THEN 'SET' ELSE 'MEMBER' END)
UNION ALL
SELECT 'tablespace', wanted.name, pg_catalog.format('CREATE TABLESPACE %I LOCATION ''...''', wanted.name)
  FROM pg_catalog.jsonb_array_elements_text($3::jsonb) AS wanted(name)
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_tablespace t WHERE t.spcname = wanted.name)
UNION ALL
SELECT 'extension', wanted.name, pg_catalog.format('install the package that has extension %L', wanted.name)
  FROM pg_catalog.jsonb_array_elements_text($4::jsonb) AS wanted(name)
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions e WHERE e.name = wanted.name)
 ORDER BY 1, 2

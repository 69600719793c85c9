-- What a snapshot needs and this server does not have: kind, name, a statement that would mend it.
-- $1: roles, $2: those of them that will own something, $3: tablespaces, $4: extensions; JSON arrays.
SELECT 'role', wanted.name, pg_catalog.format('CREATE ROLE %I', wanted.name)
  FROM pg_catalog.jsonb_array_elements_text($1::jsonb) AS wanted(name)
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = wanted.name)
UNION ALL
SELECT 'membership in role', r.rolname::text, pg_catalog.format('GRANT %I TO %I', r.rolname, current_user)
  FROM pg_catalog.jsonb_array_elements_text($2::jsonb) AS wanted(name)
  JOIN pg_catalog.pg_roles r ON r.rolname = wanted.name
 WHERE NOT pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')
UNION ALL
SELECT 'tablespace', wanted.name, pg_catalog.format('CREATE TABLESPACE %I LOCATION ''...''', wanted.name)
  FROM pg_catalog.jsonb_array_elements_text($3::jsonb) AS wanted(name)
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_tablespace t WHERE t.spcname = wanted.name)
UNION ALL
SELECT 'extension', wanted.name, NULL
  FROM pg_catalog.jsonb_array_elements_text($4::jsonb) AS wanted(name)
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions e WHERE e.name = wanted.name)
 ORDER BY 1, 2

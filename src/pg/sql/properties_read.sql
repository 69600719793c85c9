-- What belongs to database $1 and lives outside its files, as one JSON document (the shape of
-- pg_properties_to_json()). Columns that not every version has are read through to_jsonb().
SELECT json_build_object(
    'database', d.datname,
    'owner', pg_get_userbyid(d.datdba),
    'acl', CASE WHEN d.datacl IS NOT NULL THEN
        (SELECT coalesce(json_agg(json_build_object(
                    'grantor', pg_get_userbyid(a.grantor),
                    'grantee', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
                    'privilege', a.privilege_type,
                    'grantable', a.is_grantable)), '[]'::json)
           FROM aclexplode(d.datacl) AS a)
        END,
    'connection_limit', d.datconnlimit,
    'template', d.datistemplate,
    'comment', shobj_description(d.oid, 'pg_database'),
    'settings',
        (SELECT coalesce(json_agg(json_build_object(
                    'role', CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole) END,
                    'name', left(c.item, strpos(c.item, '=') - 1),
                    'value', substr(c.item, strpos(c.item, '=') + 1))), '[]'::json)
           FROM pg_db_role_setting AS s, unnest(s.setconfig) AS c (item)
          WHERE s.setdatabase = d.oid AND strpos(c.item, '=') > 1),
    'labels',
        (SELECT coalesce(json_agg(json_build_object(
                    'provider', l.provider, 'label', l.label)), '[]'::json)
           FROM pg_shseclabel AS l
          WHERE l.objoid = d.oid AND l.classoid = 'pg_database'::regclass),
    'facts', json_build_object(
        'tablespace', (SELECT t.spcname FROM pg_tablespace AS t WHERE t.oid = d.dattablespace),
        'encoding', pg_encoding_to_char(d.encoding),
        'collate', d.datcollate,
        'ctype', d.datctype,
        'provider', coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
        'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
        'rules', to_jsonb(d) ->> 'daticurules',
        'collation_version', to_jsonb(d) ->> 'datcollversion'))
  FROM pg_database AS d
 WHERE d.datname = $1

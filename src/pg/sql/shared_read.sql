-- What the databases of a server share and a migration could reach: one row for each object (kind,
-- name, attributes).
-- $1: a JSON list of databases to leave out. Only what a plain role may read; of settings, which
-- may be secrets, a hash.
SELECT 'role' AS kind, r.rolname::text AS name,
       (to_jsonb(r) - '{oid,rolname,rolpassword,rolconfig}'::text[]
        || jsonb_build_object('comment', shobj_description(r.oid, 'pg_authid')))::text AS attributes
  FROM pg_roles AS r
UNION ALL
SELECT 'membership',
       format('%s in %s, granted by %s', pg_get_userbyid(m.member), pg_get_userbyid(m.roleid),
              pg_get_userbyid(m.grantor)),
       (to_jsonb(m) - '{oid,roleid,member,grantor}'::text[])::text
  FROM pg_auth_members AS m
UNION ALL
SELECT 'setting',
       concat_ws(' ', left(c.item, strpos(c.item, '=') - 1),
                 'of role ' || CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole)::text END,
                 'in database ' || d.datname),
       jsonb_build_object('value', encode(sha256(convert_to(c.item, 'UTF8')), 'hex'))::text
  FROM pg_db_role_setting AS s
  CROSS JOIN unnest(s.setconfig) AS c (item)
  LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
 WHERE s.setdatabase = 0
    OR d.datname NOT IN (SELECT json_array_elements_text($1::json))
UNION ALL
SELECT 'database', d.datname::text,
       jsonb_build_object(
           'owner', pg_get_userbyid(d.datdba),
           'privileges', CASE WHEN d.datacl IS NOT NULL THEN
               (SELECT coalesce(jsonb_agg(a.item::text ORDER BY a.item::text), '[]')
                  FROM unnest(d.datacl) AS a (item)) END,
           'connection limit', d.datconnlimit,
           'connections allowed', d.datallowconn,
           'template', d.datistemplate,
           'tablespace', (SELECT t.spcname FROM pg_tablespace AS t
                           WHERE t.oid = d.dattablespace))::text
  FROM pg_database AS d
 WHERE d.datname NOT IN (SELECT json_array_elements_text($1::json))
UNION ALL
SELECT 'tablespace', t.spcname::text,
       jsonb_build_object(
           'owner', pg_get_userbyid(t.spcowner),
           'options', to_jsonb(t.spcoptions),
           'privileges', CASE WHEN t.spcacl IS NOT NULL THEN
               (SELECT coalesce(jsonb_agg(a.item::text ORDER BY a.item::text), '[]')
                  FROM unnest(t.spcacl) AS a (item)) END)::text
  FROM pg_tablespace AS t
UNION ALL
SELECT 'subscription', format('%s of database %s', s.subname, d.datname),
       jsonb_build_object(
           'owner', pg_get_userbyid(s.subowner), 'enabled', s.subenabled,
           'slot', s.subslotname, 'publications', to_jsonb(s.subpublications))::text
  FROM pg_subscription AS s
  JOIN pg_database AS d ON d.oid = s.subdbid
 WHERE d.datname NOT IN (SELECT json_array_elements_text($1::json))
UNION ALL
SELECT 'replication slot', s.slot_name::text,
       jsonb_build_object('type', s.slot_type, 'plugin', s.plugin, 'database', s.database)::text
  FROM pg_replication_slots AS s
 WHERE NOT s.temporary
   AND (s.database IS NULL OR s.database NOT IN (SELECT json_array_elements_text($1::json)))
UNION ALL
SELECT 'replication origin', o.roname, '{}'
  FROM pg_replication_origin AS o

-- Who owns each large object and who may do what with it: names, not OIDs; what was granted by default and what was
-- granted in words are the same.
COPY (
    SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner),
           (SELECT pg_catalog.array_agg(
                       pg_catalog.format('%s=%s%s/%s',
                                         CASE WHEN a.grantee = 0 THEN '' ELSE pg_catalog.quote_ident(
                                             pg_catalog.pg_get_userbyid(a.grantee)) END,
                                         a.privilege_type,
                                         CASE WHEN a.is_grantable THEN '*' ELSE '' END,
                                         pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantor)))
                       ORDER BY pg_catalog.pg_get_userbyid(a.grantee) COLLATE "C", a.grantee = 0,
                                a.privilege_type COLLATE "C", pg_catalog.pg_get_userbyid(a.grantor) COLLATE "C",
                                a.is_grantable)
              FROM pg_catalog.aclexplode(
                       coalesce(m.lomacl, pg_catalog.acldefault('L', m.lomowner))) AS a)
      FROM pg_catalog.pg_largeobject_metadata m
) TO STDOUT (FORMAT binary)

-- Roles that own something in this database and that this role cannot become: name, what would mend it. What is an
-- extension's is made again by it; the first superuser is in no list of dependencies.
SELECT r.rolname::text,
       CASE WHEN r.rolsuper THEN 'run drydock as a superuser'
            ELSE pg_catalog.format('GRANT %I TO %I;', r.rolname, current_user) END
  FROM pg_catalog.pg_roles r
 WHERE r.rolname <> 'pg_database_owner'
   AND NOT pg_catalog.pg_has_role(current_user, r.oid,
                                  CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 160000
                                       THEN 'SET' ELSE 'MEMBER' END)
   AND EXISTS (SELECT
                 FROM (SELECT s.classid, s.objid
                         FROM pg_catalog.pg_shdepend s
                        WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.refobjid = r.oid
                          AND s.deptype = 'o'
                          AND s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d
                                         WHERE d.datname = pg_catalog.current_database())
                       UNION ALL
                       SELECT c.tableoid, c.oid FROM pg_catalog.pg_class c
                        WHERE c.relowner = r.oid AND c.oid >= 16384 AND c.relkind IN ('r', 'v', 'm', 'S', 'p', 'f')
                       UNION ALL
                       SELECT n.tableoid, n.oid FROM pg_catalog.pg_namespace n
                        WHERE n.nspowner = r.oid AND n.oid >= 16384 AND n.nspname !~ '^pg_'
                       UNION ALL
                       SELECT p.tableoid, p.oid FROM pg_catalog.pg_proc p
                        WHERE p.proowner = r.oid AND p.oid >= 16384) AS owned
                WHERE owned.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                                   WHERE d.classid = owned.classid AND d.objid = owned.objid AND d.deptype = 'e')
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_class t
                                   WHERE t.tableoid = owned.classid AND t.oid = owned.objid AND t.relpersistence = 't'))
 ORDER BY 1

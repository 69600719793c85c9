-- What is in this database and only a superuser can make, unless this role is one. What belongs to an extension is made by
-- it, and what belongs to a type (arrays, constructors of ranges) with it. CREATE EXTENSION takes the default version.
SELECT o.text
  FROM (SELECT x.tableoid, x.oid, pg_catalog.format('extension %I', x.extname) AS text
          FROM pg_catalog.pg_extension x
         WHERE x.extname <> 'plpgsql'
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions a
                             JOIN pg_catalog.pg_available_extension_versions v
                               ON v.name = a.name AND v.version = a.default_version
                            WHERE a.name = x.extname AND (v.trusted OR NOT v.superuser))
        UNION ALL
        SELECT p.tableoid, p.oid, pg_catalog.format('function %s', p.oid::pg_catalog.regprocedure)
          FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
         WHERE p.prokind <> 'a' AND (p.proleakproof OR NOT l.lanpltrusted)
        UNION ALL
        SELECT l.tableoid, l.oid, pg_catalog.format('language %I', l.lanname) FROM pg_catalog.pg_language l
        UNION ALL
        SELECT t.tableoid, t.oid, pg_catalog.format('base type %s', t.oid::pg_catalog.regtype)
          FROM pg_catalog.pg_type t
         WHERE t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
        UNION ALL
        SELECT c.tableoid, c.oid, pg_catalog.format('operator class %I', c.opcname) FROM pg_catalog.pg_opclass c
        UNION ALL
        SELECT c.tableoid, c.oid,
               pg_catalog.format('cast from %s to %s', c.castsource::pg_catalog.regtype, c.casttarget::pg_catalog.regtype)
          FROM pg_catalog.pg_cast c
         WHERE c.castmethod = 'b'
        UNION ALL
        SELECT w.tableoid, w.oid, pg_catalog.format('foreign data wrapper %I', w.fdwname)
          FROM pg_catalog.pg_foreign_data_wrapper w
        UNION ALL
        SELECT e.tableoid, e.oid, pg_catalog.format('event trigger %I', e.evtname) FROM pg_catalog.pg_event_trigger e
        UNION ALL
        SELECT b.tableoid, b.oid, pg_catalog.format('publication %I', b.pubname)
          FROM pg_catalog.pg_publication b
         WHERE b.puballtables
            OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = pg_catalog.to_regclass('pg_catalog.pg_publication_namespace')
                          AND d.refclassid = b.tableoid AND d.refobjid = b.oid)) AS o
 WHERE o.oid >= 16384
   AND NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = o.tableoid AND d.objid = o.oid AND d.deptype IN ('e', 'i'))
 ORDER BY 1

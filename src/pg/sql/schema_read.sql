-- What a database consists of, without its rows: one row for each thing (kind, name, facts), with owners and
-- privileges. Left out: what belongs to extensions, temporary things, schema drydock, the order of columns (one that was
-- dropped comes back as the last), and options of columns that the server itself counts up (pg_attver). Run it with an
-- empty search_path, so that every name is qualified. Of facts only a hash is given: they are compared, not told.
WITH members AS MATERIALIZED (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), schemas AS MATERIALIZED (
    SELECT n.*
      FROM pg_catalog.pg_namespace AS n
     WHERE n.nspname NOT IN ('information_schema', 'drydock') AND n.nspname !~ '^pg_'
), relations AS MATERIALIZED (
    SELECT c.*, n.nspname, pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted
      FROM pg_catalog.pg_class AS c
      JOIN schemas AS n ON n.oid = c.relnamespace
     WHERE c.relpersistence <> 't'
       AND NOT EXISTS (SELECT FROM members AS m
                        WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
), things (kind, name, facts) AS (
    SELECT 'schema', pg_catalog.quote_ident(n.nspname),
           jsonb_build_array(pg_catalog.pg_get_userbyid(n.nspowner),
                             (SELECT jsonb_agg(i ORDER BY i) FROM unnest(n.nspacl::text[]) AS i),
                             pg_catalog.obj_description(n.oid, 'pg_namespace'))
      FROM schemas AS n
    UNION ALL
    SELECT CASE r.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                          WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index'
                          WHEN 'I' THEN 'partitioned index' WHEN 'f' THEN 'foreign table' ELSE 'relation' END,
           r.quoted,
           jsonb_build_array(
               pg_catalog.pg_get_userbyid(r.relowner),
               (SELECT jsonb_agg(i ORDER BY i) FROM unnest(r.relacl::text[]) AS i), r.reloptions, r.relpersistence,
               r.relrowsecurity, r.relforcerowsecurity, r.relreplident,
               pg_catalog.pg_get_partkeydef(r.oid), pg_catalog.pg_get_expr(r.relpartbound, r.oid),
               CASE WHEN r.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(r.oid) END,
               pg_catalog.obj_description(r.oid, 'pg_class'),
               (SELECT pg_catalog.concat_ws(' ', pg_catalog.pg_get_indexdef(x.indexrelid), x.indisvalid, x.indisready,
                                            x.indisreplident, x.indisclustered)
                  FROM pg_catalog.pg_index AS x WHERE x.indexrelid = r.oid),
               (SELECT pg_catalog.concat_ws(' ', q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmin, q.seqmax,
                                            q.seqcache, q.seqcycle)
                  FROM pg_catalog.pg_sequence AS q WHERE q.seqrelid = r.oid),
               (SELECT jsonb_agg(i.inhparent::regclass::text ORDER BY i.inhseqno)
                  FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = r.oid))
      FROM relations AS r
     WHERE r.relkind IN ('r', 'p', 'v', 'm', 'S', 'i', 'I', 'f')
    UNION ALL
    SELECT 'column', r.quoted || '.' || pg_catalog.quote_ident(a.attname),
           jsonb_build_array(
               pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
               pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attcollation::regcollation::text,
               (SELECT jsonb_agg(i ORDER BY i) FROM unnest(a.attacl::text[]) AS i),
               (SELECT jsonb_agg(o ORDER BY o) FROM unnest(a.attoptions) AS o WHERE o !~ '^pg_'),
               a.attstattarget, a.attstorage, a.attinhcount,
               pg_catalog.col_description(r.oid, a.attnum))
      FROM relations AS r
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    UNION ALL
    SELECT 'constraint',
           pg_catalog.quote_ident(c.conname) || ' of ' || coalesce(r.quoted, pg_catalog.format_type(c.contypid, NULL)),
           jsonb_build_array(pg_catalog.pg_get_constraintdef(c.oid), c.convalidated,
                             pg_catalog.obj_description(c.oid, 'pg_constraint'))
      FROM pg_catalog.pg_constraint AS c
      JOIN schemas AS n ON n.oid = c.connamespace
      LEFT JOIN relations AS r ON r.oid = c.conrelid
     WHERE (c.conrelid = 0) = (r.oid IS NULL) AND c.contype <> 't'
    UNION ALL
    SELECT 'trigger', pg_catalog.quote_ident(t.tgname) || ' of ' || r.quoted,
           jsonb_build_array(pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled,
                             pg_catalog.obj_description(t.oid, 'pg_trigger'))
      FROM pg_catalog.pg_trigger AS t
      JOIN relations AS r ON r.oid = t.tgrelid
     WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'rule', pg_catalog.quote_ident(w.rulename) || ' of ' || r.quoted,
           jsonb_build_array(pg_catalog.pg_get_ruledef(w.oid), w.ev_enabled)
      FROM pg_catalog.pg_rewrite AS w
      JOIN relations AS r ON r.oid = w.ev_class
     WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT 'policy', pg_catalog.quote_ident(p.polname) || ' of ' || r.quoted,
           jsonb_build_array(p.polcmd, p.polpermissive,
                             (SELECT jsonb_agg(o.oid::regrole::text ORDER BY o.oid::regrole::text)
                                FROM unnest(p.polroles) AS o (oid)),
                             pg_catalog.pg_get_expr(p.polqual, p.polrelid),
                             pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
      FROM pg_catalog.pg_policy AS p
      JOIN relations AS r ON r.oid = p.polrelid
    UNION ALL
    SELECT 'statistics', pg_catalog.format('%I.%I', n.nspname, s.stxname),
           jsonb_build_array(pg_catalog.pg_get_statisticsobjdef(s.oid))
      FROM pg_catalog.pg_statistic_ext AS s
      JOIN schemas AS n ON n.oid = s.stxnamespace
    UNION ALL
    SELECT 'function', pg_catalog.format('%I.%I(%s)', n.nspname, p.proname,
                                         pg_catalog.pg_get_function_identity_arguments(p.oid)),
           jsonb_build_array(
               CASE WHEN p.prokind <> 'a' THEN pg_catalog.pg_get_functiondef(p.oid) END,
               (SELECT to_jsonb(a)::text FROM pg_catalog.pg_aggregate AS a WHERE a.aggfnoid = p.oid),
               pg_catalog.pg_get_userbyid(p.proowner),
               (SELECT jsonb_agg(i ORDER BY i) FROM unnest(p.proacl::text[]) AS i),
               pg_catalog.obj_description(p.oid, 'pg_proc'))
      FROM pg_catalog.pg_proc AS p
      JOIN schemas AS n ON n.oid = p.pronamespace
     WHERE NOT EXISTS (SELECT FROM members AS m
                        WHERE m.classid = 'pg_catalog.pg_proc'::regclass AND m.objid = p.oid)
    UNION ALL
    SELECT 'type', pg_catalog.format('%I.%I', n.nspname, t.typname),
           jsonb_build_array(
               t.typtype, pg_catalog.pg_get_userbyid(t.typowner),
               (SELECT jsonb_agg(i ORDER BY i) FROM unnest(t.typacl::text[]) AS i),
               CASE WHEN t.typbasetype <> 0 THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END,
               t.typnotnull, t.typdefault, pg_catalog.obj_description(t.oid, 'pg_type'),
               (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder)
                  FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid),
               (SELECT pg_catalog.format_type(g.rngsubtype, NULL)
                  FROM pg_catalog.pg_range AS g WHERE g.rngtypid = t.oid))
      FROM pg_catalog.pg_type AS t
      JOIN schemas AS n ON n.oid = t.typnamespace
      LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
     WHERE (t.typtype IN ('d', 'e', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
       AND NOT EXISTS (SELECT FROM members AS m
                        WHERE m.classid = 'pg_catalog.pg_type'::regclass AND m.objid = t.oid)
    UNION ALL
    SELECT 'extension', pg_catalog.quote_ident(e.extname),
           jsonb_build_array(e.extversion, pg_catalog.pg_get_userbyid(e.extowner), e.extnamespace::regnamespace::text)
      FROM pg_catalog.pg_extension AS e
    UNION ALL
    SELECT 'event trigger', pg_catalog.quote_ident(e.evtname),
           jsonb_build_array(e.evtevent, e.evtenabled, e.evttags, e.evtfoid::regprocedure::text)
      FROM pg_catalog.pg_event_trigger AS e
    UNION ALL
    SELECT 'publication', pg_catalog.quote_ident(p.pubname),
           jsonb_build_array(to_jsonb(p) - 'oid',
                             (SELECT jsonb_agg(r.prrelid::regclass::text ORDER BY r.prrelid::regclass::text)
                                FROM pg_catalog.pg_publication_rel AS r WHERE r.prpubid = p.oid))
      FROM pg_catalog.pg_publication AS p
    UNION ALL
    SELECT 'default privileges',
           pg_catalog.concat_ws(' ', 'of ' || pg_catalog.pg_get_userbyid(d.defaclrole), 'for ' || d.defaclobjtype::text,
                                'in ' || nullif(d.defaclnamespace, 0)::regnamespace::text),
           jsonb_build_array((SELECT jsonb_agg(i ORDER BY i) FROM unnest(d.defaclacl::text[]) AS i))
      FROM pg_catalog.pg_default_acl AS d
)
SELECT kind, name, pg_catalog.md5(facts::text) FROM things

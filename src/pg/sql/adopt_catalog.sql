-- The application's part of the catalog: one row for each thing, (kind, schema, table, name, facts, notes). facts is what must be
-- the same in two databases, notes is what is needed to change it. Run it with an empty search_path, so that every name is
-- qualified. $1, $2: schema and name of a table that is no part of it (the history of another tool), or null.
WITH members AS MATERIALIZED (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), schemas AS MATERIALIZED (
    SELECT n.oid, n.nspname::text AS nspname
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname NOT IN ('information_schema', 'drydock') AND n.nspname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM members AS m
                      WHERE m.classid = 'pg_catalog.pg_namespace'::regclass AND m.objid = n.oid)
), relations AS MATERIALIZED (
    SELECT c.*, s.nspname, pg_catalog.format('%I.%I', s.nspname, c.relname) AS quoted
    FROM pg_catalog.pg_class AS c JOIN schemas AS s ON s.oid = c.relnamespace
    WHERE c.relpersistence <> 't'
      AND (s.nspname, c.relname::text) IS DISTINCT FROM ($1::text, $2::text)
      AND NOT EXISTS (SELECT FROM members AS m
                      WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
), tables AS (
    SELECT * FROM relations WHERE relkind IN ('r', 'p')
), backed AS MATERIALIZED (
    SELECT conindid FROM pg_catalog.pg_constraint WHERE contype IN ('p', 'u', 'x')
), items (kind, schema, tbl, name, facts, notes) AS (
    SELECT 'schema', nspname, NULL::text, nspname, '{}'::jsonb,
           jsonb_build_object('quoted', pg_catalog.quote_ident(nspname))
    FROM schemas WHERE nspname <> 'public'
    UNION ALL
    SELECT 'type', s.nspname, NULL, t.typname,
           jsonb_build_object(
               'labels', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder)
                          FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid),
               'comment', pg_catalog.obj_description(t.oid, 'pg_type')),
           jsonb_build_object(
               'quoted', pg_catalog.format('%I.%I', s.nspname, t.typname),
               'sql_labels', (SELECT string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                              FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid))
    FROM pg_catalog.pg_type AS t JOIN schemas AS s ON s.oid = t.typnamespace
    WHERE t.typtype = 'e'
      AND NOT EXISTS (SELECT FROM members AS m
                      WHERE m.classid = 'pg_catalog.pg_type'::regclass AND m.objid = t.oid)
    UNION ALL
    SELECT 'table', t.nspname, t.relname, t.relname,
           jsonb_build_object(
               'comment', pg_catalog.obj_description(t.oid, 'pg_class'),
               'persistence', t.relpersistence,
               'partitioned', pg_catalog.pg_get_partkeydef(t.oid),
               'partition', pg_catalog.pg_get_expr(t.relpartbound, t.oid),
               'inherits', (SELECT jsonb_agg(i.inhparent::regclass::text ORDER BY i.inhseqno)
                            FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = t.oid),
               'row security', t.relrowsecurity),
           jsonb_build_object('quoted', t.quoted)
    FROM tables AS t
    UNION ALL
    SELECT 'column', t.nspname, t.relname, a.attname,
           jsonb_build_object(
               'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
               'nullable', NOT a.attnotnull,
               'default', CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
               'generated', CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
               'identity', nullif(a.attidentity::text, ''),
               'collation', CASE WHEN a.attcollation <> y.typcollation THEN a.attcollation::regcollation::text END,
               'comment', pg_catalog.col_description(t.oid, a.attnum)),
           jsonb_build_object(
               'quoted', pg_catalog.quote_ident(a.attname),
               'table', t.quoted,
               'position', a.attnum,
               'base', pg_catalog.format_type(a.atttypid, NULL),
               'category', y.typcategory,
               'sql_labels', (SELECT string_agg(pg_catalog.quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                              FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = a.atttypid),
               'modifier', a.atttypmod)
    FROM tables AS t
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL
    SELECT 'constraint', t.nspname, t.relname, c.conname,
           jsonb_build_object(
               'definition', pg_catalog.pg_get_constraintdef(c.oid),
               'comment', pg_catalog.obj_description(c.oid, 'pg_constraint')),
           jsonb_build_object(
               'quoted', pg_catalog.quote_ident(c.conname),
               'table', t.quoted,
               'type', c.contype,
               'columns', (SELECT jsonb_agg(a.attname ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a
                           WHERE a.attrelid = t.oid AND a.attnum = ANY (c.conkey)),
               'shape', (SELECT CASE WHEN x.indisunique THEN 'unique' ELSE '' END || pg_catalog.substring(
                                    pg_catalog.pg_get_indexdef(x.indexrelid), ' USING .*')
                         FROM pg_catalog.pg_index AS x
                         WHERE c.contype IN ('p', 'u') AND x.indexrelid = c.conindid),
               'validated', c.convalidated)
    FROM tables AS t
    JOIN pg_catalog.pg_constraint AS c ON c.conrelid = t.oid
    WHERE c.contype IN ('p', 'u', 'f', 'c', 'x') AND c.conparentid = 0 AND c.conislocal
    UNION ALL
    SELECT 'index', t.nspname, t.relname, i.relname,
           jsonb_build_object(
               'definition', pg_catalog.pg_get_indexdef(i.oid),
               'valid', x.indisvalid AND x.indisready,
               'comment', pg_catalog.obj_description(i.oid, 'pg_class')),
           jsonb_build_object(
               'quoted', pg_catalog.format('%I.%I', t.nspname, i.relname),
               'table', t.quoted,
               'shape', CASE WHEN x.indisunique THEN 'unique' ELSE '' END
                        || pg_catalog.substring(pg_catalog.pg_get_indexdef(i.oid), ' USING .*'),
               -- The columns that its expressions and its condition name: they do not follow a change of type.
               'expression_columns', CASE WHEN x.indexprs IS NOT NULL OR x.indpred IS NOT NULL THEN (
                   SELECT jsonb_agg(DISTINCT a.attname)
                   FROM pg_catalog.pg_depend AS d
                   JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                   WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.oid
                     AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid AND d.refobjsubid > 0
               ) END)
    FROM tables AS t
    JOIN pg_catalog.pg_index AS x ON x.indrelid = t.oid
    JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
    WHERE NOT i.relispartition AND x.indexrelid NOT IN (SELECT conindid FROM backed)
    UNION ALL
    SELECT 'trigger', t.nspname, t.relname, g.tgname,
           jsonb_build_object(
               'definition', pg_catalog.pg_get_triggerdef(g.oid),
               'enabled', g.tgenabled,
               'comment', pg_catalog.obj_description(g.oid, 'pg_trigger')),
           jsonb_build_object('quoted', pg_catalog.quote_ident(g.tgname), 'table', t.quoted)
    FROM tables AS t JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = t.oid
    WHERE NOT g.tgisinternal
    UNION ALL
    SELECT 'policy', t.nspname, t.relname, p.polname,
           jsonb_build_object(
               'command', p.polcmd,
               'permissive', p.polpermissive,
               'roles', (SELECT jsonb_agg(r.oid::regrole::text ORDER BY r.oid::regrole::text)
                         FROM unnest(p.polroles) AS r (oid)),
               'using', pg_catalog.pg_get_expr(p.polqual, t.oid),
               'check', pg_catalog.pg_get_expr(p.polwithcheck, t.oid)),
           jsonb_build_object('quoted', pg_catalog.quote_ident(p.polname), 'table', t.quoted)
    FROM tables AS t JOIN pg_catalog.pg_policy AS p ON p.polrelid = t.oid
    UNION ALL
    SELECT 'function', s.nspname, NULL,
           p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
           jsonb_build_object(
               'definition', pg_catalog.pg_get_functiondef(p.oid),
               'comment', pg_catalog.obj_description(p.oid, 'pg_proc')),
           jsonb_build_object('quoted', p.oid::regprocedure::text,
                              'object', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END)
    FROM pg_catalog.pg_proc AS p JOIN schemas AS s ON s.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p', 'w')
      AND NOT EXISTS (SELECT FROM members AS m
                      WHERE m.classid = 'pg_catalog.pg_proc'::regclass AND m.objid = p.oid)
    UNION ALL
    SELECT CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
                          ELSE 'sequence' END,
           r.nspname, NULL, r.relname,
           jsonb_build_object(
               'definition', CASE WHEN r.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(r.oid) END,
               'comment', pg_catalog.obj_description(r.oid, 'pg_class'),
               'sequence', (SELECT pg_catalog.format('%s from %s step %s, %s to %s', q.seqtypid::regtype, q.seqstart,
                                                     q.seqincrement, q.seqmin, q.seqmax)
                            FROM pg_catalog.pg_sequence AS q WHERE q.seqrelid = r.oid)),
           jsonb_build_object('quoted', r.quoted)
    FROM relations AS r
    WHERE r.relkind IN ('v', 'm', 'f', 'S')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = r.oid AND d.deptype = 'i'
                        AND r.relkind = 'S')
    UNION ALL
    SELECT CASE t.typtype WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite type' ELSE 'range type' END,
           s.nspname, NULL, t.typname,
           jsonb_build_object(
               'base', CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END,
               'nullable', NOT t.typnotnull,
               'default', t.typdefault,
               'constraints', (SELECT jsonb_agg(pg_catalog.pg_get_constraintdef(c.oid) ORDER BY c.conname)
                               FROM pg_catalog.pg_constraint AS c WHERE c.contypid = t.oid AND c.contype = 'c'),
               'fields', (SELECT jsonb_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)
                                           ORDER BY a.attnum)
                          FROM pg_catalog.pg_attribute AS a
                          WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped),
               'range', (SELECT pg_catalog.format_type(g.rngsubtype, NULL)
                         FROM pg_catalog.pg_range AS g WHERE g.rngtypid = t.oid)),
           jsonb_build_object('quoted', pg_catalog.format('%I.%I', s.nspname, t.typname))
    FROM pg_catalog.pg_type AS t JOIN schemas AS s ON s.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
    WHERE (t.typtype IN ('d', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
      AND NOT EXISTS (SELECT FROM members AS m
                      WHERE m.classid = 'pg_catalog.pg_type'::regclass AND m.objid = t.oid)
)
SELECT kind, schema, coalesce(tbl, ''), name, facts::text, notes::text
FROM items
ORDER BY coalesce(tbl, '') COLLATE "C", schema COLLATE "C",
         array_position(ARRAY['schema', 'type', 'table', 'column', 'constraint', 'index', 'trigger'], kind),
         (notes->>'position')::int, kind, name COLLATE "C"

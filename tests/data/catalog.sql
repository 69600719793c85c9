-- The catalog of schema public as one JSON document, in an order and a text that depend on names alone: two databases that were
-- brought to the same shape by different ways give the same document. tests/data/catalog/<id>.json is what it returns after
-- each migration of White Cross, applied in order to an empty database.
--
-- Run it with search_path = public. Left out: comments and objects of extensions, "SequelizeMeta" (the history of another tool), OIDs,
-- statistics, and the NOT NULL constraints that servers from 18 on list in pg_constraint (columns have "nullable").
WITH relations AS (
    SELECT c.oid, c.relname, c.relkind
    FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace
        AND c.relname <> 'SequelizeMeta'
        AND NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
        )
), tables AS (
    SELECT oid, relname FROM relations WHERE relkind IN ('r', 'p')
)
SELECT jsonb_build_object(
    'tables', COALESCE((
        SELECT jsonb_object_agg(t.relname, jsonb_build_object(
            'comment', obj_description(t.oid, 'pg_class'),
            'columns', (
                SELECT jsonb_agg(jsonb_build_object(
                    'name', a.attname,
                    'type', format_type(a.atttypid, a.atttypmod),
                    'nullable', NOT a.attnotnull,
                    'default', pg_get_expr(d.adbin, d.adrelid),
                    'comment', col_description(t.oid, a.attnum)
                ) ORDER BY a.attnum)
                FROM pg_attribute AS a
                LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
            ),
            'constraints', COALESCE((
                SELECT jsonb_object_agg(c.conname, jsonb_build_object(
                    'definition', pg_get_constraintdef(c.oid),
                    'validated', c.convalidated,
                    'comment', obj_description(c.oid, 'pg_constraint')
                ))
                FROM pg_constraint AS c
                WHERE c.conrelid = t.oid AND c.contype IN ('p', 'u', 'f', 'c', 'x')
            ), '{}'),
            'indexes', COALESCE((
                SELECT jsonb_object_agg(i.relname, jsonb_build_object(
                    'definition', pg_get_indexdef(i.oid),
                    'valid', x.indisvalid AND x.indisready,
                    'comment', obj_description(i.oid, 'pg_class')
                ))
                FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
                WHERE x.indrelid = t.oid
            ), '{}'),
            'triggers', COALESCE((
                SELECT jsonb_object_agg(g.tgname, jsonb_build_object(
                    'definition', pg_get_triggerdef(g.oid),
                    'enabled', g.tgenabled = 'O',
                    'comment', obj_description(g.oid, 'pg_trigger')
                ))
                FROM pg_trigger AS g WHERE g.tgrelid = t.oid AND NOT g.tgisinternal
            ), '{}')
        ))
        FROM tables AS t
    ), '{}'),
    'enums', COALESCE((
        SELECT jsonb_object_agg(t.typname, jsonb_build_object(
            'labels', (
                SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder)
                FROM pg_enum AS e WHERE e.enumtypid = t.oid
            ),
            'comment', obj_description(t.oid, 'pg_type')
        ))
        FROM pg_type AS t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype = 'e'
    ), '{}'),
    'functions', COALESCE((
        SELECT jsonb_object_agg(p.oid::regprocedure::text, jsonb_build_object(
            'language', l.lanname,
            'returns', format_type(p.prorettype, NULL),
            'volatile', p.provolatile,
            'source', p.prosrc,
            'comment', obj_description(p.oid, 'pg_proc')
        ))
        FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
        WHERE p.pronamespace = 'public'::regnamespace
            AND NOT EXISTS (
                SELECT FROM pg_depend AS d
                WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
            )
    ), '{}'),
    -- Whatever else a migration may leave behind: views, sequences, domains, composite and range types.
    'others', COALESCE((
        SELECT jsonb_agg(o.what ORDER BY o.what) FROM (
            SELECT format('relation %s %s', relkind, relname) AS what
            FROM relations WHERE relkind NOT IN ('r', 'p', 'i', 'I', 't')
            UNION ALL
            SELECT format('type %s %s', t.typtype, t.typname)
            FROM pg_type AS t
            WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('d', 'r', 'm')
        ) AS o
    ), '[]')
) AS catalog;

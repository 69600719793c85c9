-- Every statement returns no row when create-system-configuration holds: in the transaction that
-- runs it, and at any later time, also after the migrations that follow it.

-- Types and columns as they must be.
WITH types (name, labels) AS (VALUES
    ('ConfigCategory',
        'GENERAL, SECURITY, NOTIFICATION | GENERAL, SECURITY, NOTIFICATION, '
        'HEALTHCARE, MEDICATION, APPOINTMENTS, UI, QUERY, FILE_UPLOAD, RATE_LIMITING, '
        'SESSION, EMAIL, SMS')
), tables (name, columns) AS (VALUES
    ('system_configurations', ARRAY[
        'id uuid not null default gen_random_uuid()',
        'key character varying(200) not null', 'value text not null',
        'category "ConfigCategory" not null default ''GENERAL''::"ConfigCategory"',
        'description text', 'isActive boolean not null default true',
        'displayName character varying(200)',
        'validationRules jsonb default ''{}''::jsonb', 'lastModifiedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'createdBy uuid', 'updatedBy uuid'])
)
SELECT 'type ' || name AS differing FROM types
WHERE COALESCE((
    SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum
    WHERE enumtypid = to_regtype(quote_ident(name))
), '') <> ALL (string_to_array(labels, ' | '))
UNION ALL
SELECT 'column ' || name || '.' || split_part(wanted, ' ', 1)
FROM tables CROSS JOIN unnest(columns) AS wanted
WHERE NOT EXISTS (
    SELECT FROM pg_attribute AS a
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = to_regclass(quote_ident(name)) AND a.attnum > 0
        AND NOT a.attisdropped
        AND concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                      CASE WHEN a.attnotnull THEN 'not null' END,
                      'default ' || pg_get_expr(d.adbin, d.adrelid))
            = ANY (string_to_array(wanted, ' | '))
);

-- Indexes, valid and as they must be; constraints, validated and as they must be.
WITH indexes (table_name, name, definition) AS (VALUES
    ('system_configurations', 'system_configurations_category_idx', 'btree (category)'),
    ('system_configurations', 'system_configurations_isActive_idx',
        'btree ("isActive")'),
    ('system_configurations', 'system_configurations_category_active_idx',
        'btree (category, "isActive") WHERE "isActive" = true'),
    ('system_configurations', 'system_configurations_lastModifiedBy_idx',
        'btree ("lastModifiedBy")'),
    ('system_configurations', 'system_configurations_createdBy_idx',
        'btree ("createdBy")'),
    ('system_configurations', 'system_configurations_updatedBy_idx',
        'btree ("updatedBy")')
), constraints (table_name, name, definition) AS (VALUES
    ('system_configurations', 'system_configurations_pkey', 'PRIMARY KEY (id)'),
    ('system_configurations', 'system_configurations_key_unique', 'UNIQUE (key)'),
    ('system_configurations', 'system_configurations_lastModifiedBy_fkey',
        'FOREIGN KEY ("lastModifiedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('system_configurations', 'system_configurations_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('system_configurations', 'system_configurations_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('system_configurations', 'system_configurations_key_check',
        'CHECK (btrim(key::text) <> ''''::text)')
)
SELECT 'index ' || name AS differing FROM indexes
WHERE NOT EXISTS (
    SELECT FROM pg_index
    WHERE indexrelid = to_regclass(quote_ident(name))
        AND indrelid = to_regclass(quote_ident(table_name)) AND indisvalid AND indisready
        AND definition = CASE WHEN indisunique THEN 'unique ' ELSE '' END
            || substring(pg_get_indexdef(indexrelid, 0, true) FROM ' USING (.*)')
)
UNION ALL
SELECT 'constraint ' || name FROM constraints
WHERE NOT EXISTS (
    SELECT FROM pg_constraint
    WHERE conrelid = to_regclass(quote_ident(table_name)) AND conname = name
        AND convalidated AND pg_get_constraintdef(oid, true) = definition
);

-- Triggers that keep "updatedAt", enabled.
WITH triggers (table_name, name) AS (VALUES
    ('system_configurations', 'system_configurations_set_updated_at')
)
SELECT 'trigger ' || name AS differing FROM triggers
WHERE NOT EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = to_regclass(quote_ident(table_name)) AND tgname = name AND tgenabled = 'O'
        AND tgfoid = to_regprocedure('set_updated_at()')
);

-- Rows that refer to nothing.
SELECT 'system_configurations.lastModifiedBy' AS orphaned, count(*) AS rows
FROM system_configurations AS child
WHERE child."lastModifiedBy" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM users AS parent WHERE parent.id = child."lastModifiedBy"
    )
HAVING count(*) > 0;

-- Impossible values.
SELECT 'system_configurations_key_check' AS violated, count(*) AS rows
FROM system_configurations
WHERE NOT (btrim(key::text) <> ''::text)
HAVING count(*) > 0;

-- The settings that the application cannot start without.
WITH seeded (key) AS (VALUES
    ('MAX_LOGIN_ATTEMPTS'), ('LOCKOUT_DURATION_MINUTES'), ('SESSION_TIMEOUT_MINUTES'),
    ('PASSWORD_MIN_LENGTH'), ('PASSWORD_REQUIRE_SPECIAL_CHAR'), ('PASSWORD_EXPIRY_DAYS'),
    ('EMAIL_NOTIFICATION_ENABLED'), ('SMS_NOTIFICATION_ENABLED'), ('SYSTEM_NAME'),
    ('SUPPORT_EMAIL'), ('MAINTENANCE_MODE'), ('MAX_FILE_UPLOAD_SIZE_MB')
)
SELECT 'setting ' || key AS missing FROM seeded
WHERE NOT EXISTS (SELECT FROM system_configurations AS s WHERE s.key = seeded.key);

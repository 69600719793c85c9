-- Every statement returns no row when enhance-system-configuration holds: in the transaction that
-- runs it, and at any later time, also after the migrations that follow it.

-- Types and columns as they must be.
WITH types (name, labels) AS (VALUES
    ('ConfigCategory',
        'GENERAL, SECURITY, NOTIFICATION, HEALTHCARE, MEDICATION, APPOINTMENTS, UI, '
        'QUERY, FILE_UPLOAD, RATE_LIMITING, SESSION, EMAIL, SMS'),
    ('ConfigValueType',
        'STRING, NUMBER, BOOLEAN, JSON, ARRAY, DATE, TIME, DATETIME, EMAIL, URL, '
        'COLOR, ENUM'),
    ('ConfigScope', 'SYSTEM, DISTRICT, SCHOOL, USER')
), tables (name, columns) AS (VALUES
    ('system_configurations', ARRAY[
        'valueType "ConfigValueType" not null default ''STRING''::"ConfigValueType"',
        'subCategory text', 'defaultValue text',
        'validValues text[] default ARRAY[]::text[]', 'minValue double precision',
        'maxValue double precision', 'isEditable boolean not null default true',
        'requiresRestart boolean not null default false',
        'scope "ConfigScope" not null default ''SYSTEM''::"ConfigScope"',
        'scopeId text', 'tags text[] default ARRAY[]::text[]',
        'sortOrder integer not null default 0']),
    ('configuration_history', ARRAY[
        'id uuid not null default gen_random_uuid()', 'configKey text not null',
        'oldValue text', 'newValue text not null', 'changedBy text not null',
        'changedByName text', 'changeReason text', 'ipAddress text', 'userAgent text',
        'configurationId uuid not null',
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
    ('system_configurations', 'system_configurations_category_subCategory_idx',
        'btree (category, "subCategory")'),
    ('system_configurations', 'system_configurations_scope_scopeId_idx',
        'btree (scope, "scopeId")'),
    ('system_configurations', 'system_configurations_tags_idx', 'gin (tags)'),
    ('configuration_history', 'configuration_history_configurationId_createdAt_idx',
        'btree ("configurationId", "createdAt")'),
    ('configuration_history', 'configuration_history_configKey_createdAt_idx',
        'btree ("configKey", "createdAt")'),
    ('configuration_history', 'configuration_history_changedBy_createdAt_idx',
        'btree ("changedBy", "createdAt")'),
    ('configuration_history', 'configuration_history_createdBy_idx',
        'btree ("createdBy")'),
    ('configuration_history', 'configuration_history_updatedBy_idx',
        'btree ("updatedBy")')
), constraints (table_name, name, definition) AS (VALUES
    ('system_configurations', 'system_configurations_range_check',
        'CHECK ("minValue" <= "maxValue")'),
    ('configuration_history', 'configuration_history_pkey', 'PRIMARY KEY (id)'),
    ('configuration_history', 'configuration_history_configurationId_fkey',
        'FOREIGN KEY ("configurationId") REFERENCES system_configurations(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('configuration_history', 'configuration_history_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('configuration_history', 'configuration_history_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL')
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
    ('configuration_history', 'configuration_history_set_updated_at')
)
SELECT 'trigger ' || name AS differing FROM triggers
WHERE NOT EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = to_regclass(quote_ident(table_name)) AND tgname = name AND tgenabled = 'O'
        AND tgfoid = to_regprocedure('set_updated_at()')
);

-- Rows that refer to nothing.
SELECT 'configuration_history.configurationId' AS orphaned, count(*) AS rows
FROM configuration_history AS child
WHERE child."configurationId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM system_configurations AS parent WHERE parent.id = child."configurationId"
    )
HAVING count(*) > 0;

-- Impossible values.
SELECT 'system_configurations_range_check' AS violated, count(*) AS rows
FROM system_configurations
WHERE NOT ("minValue" <= "maxValue")
HAVING count(*) > 0;

-- Typed, scoped and ordered settings, categories for healthcare, and the history of every
-- setting.
--
-- drydock: requires 20250103000003
-- drydock: risk high
--
-- What differs from the earlier version of this schema:
--   * The labels are added to the type that the column really has; no new label is used here,
--     because PostgreSQL forbids that in the transaction that adds it.
--   * configuration_history.id is a uuid with a default, and configurationId has the type of the
--     key that it refers to.
--   * Deleting a setting that has a history is refused (it deleted its audit trail).
--   * The first settings get the valueType that they have (it stayed STRING). "updatedAt" does
--     not move for that: nobody changed a setting.
--   * minValue is not above maxValue.
-- Rows that exist keep every value: only new columns are filled.

-- A category of the earlier version's implicit type would never see the new labels.
DO $before$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('system_configurations') AND attname = 'category'
            AND atttypid = to_regtype('"ConfigCategory"') AND NOT attisdropped
    ) THEN
        RAISE EXCEPTION 'system_configurations.category does not have the type "ConfigCategory"'
            USING HINT = 'Migration 20250103000003 was applied in another version. '
                'Bring the column to the named type first. Nothing was changed.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass('system_configurations')
                   AND tgname = 'system_configurations_set_updated_at') THEN
        RAISE EXCEPTION 'system_configurations lacks the trigger that keeps "updatedAt"'
            USING HINT = 'Migration 20250103000003 was applied in another version. '
                'Bring the table to the shape of this one first. Nothing was changed.';
    END IF;
END
$before$;

DO $types$
BEGIN
    IF to_regtype('"ConfigValueType"') IS NULL THEN
        CREATE TYPE "ConfigValueType" AS ENUM
            ('STRING', 'NUMBER', 'BOOLEAN', 'JSON', 'ARRAY', 'DATE', 'TIME', 'DATETIME', 'EMAIL',
             'URL', 'COLOR', 'ENUM');
    END IF;
    IF to_regtype('"ConfigScope"') IS NULL THEN
        CREATE TYPE "ConfigScope" AS ENUM ('SYSTEM', 'DISTRICT', 'SCHOOL', 'USER');
    END IF;
END
$types$;

ALTER TYPE "ConfigCategory" ADD VALUE IF NOT EXISTS 'HEALTHCARE';
ALTER TYPE "ConfigCategory" ADD VALUE IF NOT EXISTS 'MEDICATION';
ALTER TYPE "ConfigCategory" ADD VALUE IF NOT EXISTS 'APPOINTMENTS';
ALTER TYPE "ConfigCategory" ADD VALUE IF NOT EXISTS 'UI';
ALTER TYPE "ConfigCategory" ADD VALUE IF NOT EXISTS 'QUERY';
ALTER TYPE "ConfigCategory" ADD VALUE IF NOT EXISTS 'FILE_UPLOAD';
ALTER TYPE "ConfigCategory" ADD VALUE IF NOT EXISTS 'RATE_LIMITING';
ALTER TYPE "ConfigCategory" ADD VALUE IF NOT EXISTS 'SESSION';
ALTER TYPE "ConfigCategory" ADD VALUE IF NOT EXISTS 'EMAIL';
ALTER TYPE "ConfigCategory" ADD VALUE IF NOT EXISTS 'SMS';

-- valueType is born without a value, so that a second run can tell what is still to be filled.
ALTER TABLE system_configurations
    ADD COLUMN IF NOT EXISTS "valueType" "ConfigValueType",
    ADD COLUMN IF NOT EXISTS "subCategory" text,
    ADD COLUMN IF NOT EXISTS "defaultValue" text,
    ADD COLUMN IF NOT EXISTS "validValues" text[] DEFAULT ARRAY[]::text[],
    ADD COLUMN IF NOT EXISTS "minValue" double precision,
    ADD COLUMN IF NOT EXISTS "maxValue" double precision,
    ADD COLUMN IF NOT EXISTS "isEditable" boolean NOT NULL DEFAULT true,
    ADD COLUMN IF NOT EXISTS "requiresRestart" boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS scope "ConfigScope" NOT NULL DEFAULT 'SYSTEM',
    ADD COLUMN IF NOT EXISTS "scopeId" text,
    ADD COLUMN IF NOT EXISTS tags text[] DEFAULT ARRAY[]::text[],
    ADD COLUMN IF NOT EXISTS "sortOrder" integer NOT NULL DEFAULT 0;

CREATE TABLE IF NOT EXISTS configuration_history (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "configKey" text NOT NULL,
    "oldValue" text,
    "newValue" text NOT NULL,
    "changedBy" text NOT NULL,
    "changedByName" text,
    "changeReason" text,
    "ipAddress" text,
    "userAgent" text,
    "configurationId" uuid NOT NULL,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedBy" uuid,
    CONSTRAINT configuration_history_pkey PRIMARY KEY (id),
    CONSTRAINT "configuration_history_configurationId_fkey"
        FOREIGN KEY ("configurationId") REFERENCES system_configurations (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "configuration_history_createdBy_fkey"
        FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "configuration_history_updatedBy_fkey"
        FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE
);

ALTER TABLE system_configurations DISABLE TRIGGER system_configurations_set_updated_at;
UPDATE system_configurations
SET "valueType" = CASE
        WHEN key IN ('MAX_LOGIN_ATTEMPTS', 'LOCKOUT_DURATION_MINUTES', 'SESSION_TIMEOUT_MINUTES',
                     'PASSWORD_MIN_LENGTH', 'PASSWORD_EXPIRY_DAYS', 'MAX_FILE_UPLOAD_SIZE_MB')
            THEN 'NUMBER'::"ConfigValueType"
        WHEN key IN ('PASSWORD_REQUIRE_SPECIAL_CHAR', 'EMAIL_NOTIFICATION_ENABLED',
                     'SMS_NOTIFICATION_ENABLED', 'MAINTENANCE_MODE')
            THEN 'BOOLEAN'::"ConfigValueType"
        WHEN key = 'SUPPORT_EMAIL' THEN 'EMAIL'::"ConfigValueType"
        ELSE 'STRING'::"ConfigValueType"
    END
WHERE "valueType" IS NULL;
ALTER TABLE system_configurations ENABLE TRIGGER system_configurations_set_updated_at;
ALTER TABLE system_configurations
    ALTER COLUMN "valueType" SET DEFAULT 'STRING',
    ALTER COLUMN "valueType" SET NOT NULL;

-- IF NOT EXISTS passes over what has the name and another shape: this stops on it.
DO $columns$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
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
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$columns$;

DO $checks$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('system_configurations')
                   AND conname = 'system_configurations_range_check') THEN
        ALTER TABLE system_configurations ADD CONSTRAINT system_configurations_range_check
            CHECK ("minValue" <= "maxValue");
    END IF;
END
$checks$;

CREATE INDEX IF NOT EXISTS "system_configurations_category_subCategory_idx"
    ON system_configurations (category, "subCategory");
CREATE INDEX IF NOT EXISTS "system_configurations_scope_scopeId_idx"
    ON system_configurations (scope, "scopeId");
CREATE INDEX IF NOT EXISTS system_configurations_tags_idx ON system_configurations USING gin (tags);

CREATE INDEX IF NOT EXISTS "configuration_history_configurationId_createdAt_idx"
    ON configuration_history ("configurationId", "createdAt");
CREATE INDEX IF NOT EXISTS "configuration_history_configKey_createdAt_idx"
    ON configuration_history ("configKey", "createdAt");
CREATE INDEX IF NOT EXISTS "configuration_history_changedBy_createdAt_idx"
    ON configuration_history ("changedBy", "createdAt");
CREATE INDEX IF NOT EXISTS "configuration_history_createdBy_idx"
    ON configuration_history ("createdBy");
CREATE INDEX IF NOT EXISTS "configuration_history_updatedBy_idx"
    ON configuration_history ("updatedBy");

CREATE OR REPLACE TRIGGER configuration_history_set_updated_at
    BEFORE UPDATE ON configuration_history
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE configuration_history IS
    'Audit trail of settings: rows are added, never changed; a later updatedAt shows that one was';

-- The same for indexes and constraints.
DO $shape$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
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
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$shape$;

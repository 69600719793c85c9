-- System configuration: one row a setting, and the twelve settings that the application starts
-- with.
--
-- drydock: requires 20250103000000
-- drydock: risk medium
--
-- What differs from the earlier version of this schema:
--   * category has the named type "ConfigCategory", so that labels which are added later are
--     really accepted.
--   * A setting that is there already is left as it is (the seed failed on a second run).
--   * createdBy, updatedBy and lastModifiedBy refer to users with SET NULL and have indexes.

DO $types$
BEGIN
    IF to_regtype('"ConfigCategory"') IS NULL THEN
        CREATE TYPE "ConfigCategory" AS ENUM ('GENERAL', 'SECURITY', 'NOTIFICATION');
    END IF;
END
$types$;

CREATE TABLE IF NOT EXISTS system_configurations (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    key varchar(200) NOT NULL,
    value text NOT NULL,
    category "ConfigCategory" NOT NULL DEFAULT 'GENERAL',
    description text,
    "isActive" boolean NOT NULL DEFAULT true,
    "displayName" varchar(200),
    "validationRules" jsonb DEFAULT '{}',
    "lastModifiedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedBy" uuid,
    CONSTRAINT system_configurations_pkey PRIMARY KEY (id),
    CONSTRAINT system_configurations_key_unique UNIQUE (key),
    CONSTRAINT "system_configurations_lastModifiedBy_fkey"
        FOREIGN KEY ("lastModifiedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "system_configurations_createdBy_fkey"
        FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "system_configurations_updatedBy_fkey"
        FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT system_configurations_key_check CHECK (btrim(key) <> '')
);

-- IF NOT EXISTS passes over what has the name and another shape: this stops on it.
DO $columns$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
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
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$columns$;

CREATE INDEX IF NOT EXISTS system_configurations_category_idx ON system_configurations (category);
CREATE INDEX IF NOT EXISTS "system_configurations_isActive_idx"
    ON system_configurations ("isActive");
CREATE INDEX IF NOT EXISTS system_configurations_category_active_idx
    ON system_configurations (category, "isActive") WHERE "isActive" = true;
CREATE INDEX IF NOT EXISTS "system_configurations_lastModifiedBy_idx"
    ON system_configurations ("lastModifiedBy");
CREATE INDEX IF NOT EXISTS "system_configurations_createdBy_idx"
    ON system_configurations ("createdBy");
CREATE INDEX IF NOT EXISTS "system_configurations_updatedBy_idx"
    ON system_configurations ("updatedBy");

CREATE OR REPLACE TRIGGER system_configurations_set_updated_at
    BEFORE UPDATE ON system_configurations
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE system_configurations IS 'Settings of the application';

INSERT INTO system_configurations (key, value, category, "validationRules")
VALUES
    ('MAX_LOGIN_ATTEMPTS', '5', 'SECURITY', '{"type": "number", "min": 1, "max": 10}'),
    ('LOCKOUT_DURATION_MINUTES', '30', 'SECURITY', '{"type": "number", "min": 5, "max": 1440}'),
    ('SESSION_TIMEOUT_MINUTES', '60', 'SECURITY', '{"type": "number", "min": 15, "max": 480}'),
    ('PASSWORD_MIN_LENGTH', '12', 'SECURITY', '{"type": "number", "min": 8, "max": 128}'),
    ('PASSWORD_REQUIRE_SPECIAL_CHAR', 'true', 'SECURITY', '{"type": "boolean"}'),
    ('PASSWORD_EXPIRY_DAYS', '90', 'SECURITY', '{"type": "number", "min": 0, "max": 365}'),
    ('EMAIL_NOTIFICATION_ENABLED', 'true', 'NOTIFICATION', '{"type": "boolean"}'),
    ('SMS_NOTIFICATION_ENABLED', 'false', 'NOTIFICATION', '{"type": "boolean"}'),
    ('SYSTEM_NAME', 'White Cross Healthcare Platform', 'GENERAL',
        '{"type": "string", "maxLength": 200}'),
    ('SUPPORT_EMAIL', 'support@whitecross.health', 'GENERAL', '{"type": "email"}'),
    ('MAINTENANCE_MODE', 'false', 'GENERAL', '{"type": "boolean"}'),
    ('MAX_FILE_UPLOAD_SIZE_MB', '10', 'GENERAL', '{"type": "number", "min": 1, "max": 100}')
ON CONFLICT (key) DO NOTHING;

-- The same for indexes and constraints.
DO $shape$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
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
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$shape$;

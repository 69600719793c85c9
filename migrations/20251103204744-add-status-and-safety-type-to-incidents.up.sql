-- A status for incidents, and SAFETY as a type of incident.
--
-- drydock: requires 20250103000002
-- drydock: risk medium
-- drydock: phi yes
--
-- What differs from the earlier version of this schema:
--   * status is the enum "IncidentStatus" (it was text that accepted everything).
--   * SAFETY is added to the type that incident_reports.type really has. It is not used here,
--     because PostgreSQL forbids that in the transaction that adds it.
--   * All of it happens in one transaction, and the result is the same before and after
--     performance-indexes.
-- Reports that exist get the status PENDING_REVIEW; no other column changes.

-- A type of the earlier version's implicit enum would never see the new label.
DO $before$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('incident_reports') AND attname = 'type'
            AND atttypid = to_regtype('"IncidentType"') AND NOT attisdropped
    ) THEN
        RAISE EXCEPTION 'incident_reports.type does not have the type "IncidentType"'
            USING HINT = 'Migration 20250103000002 was applied in another version. '
                'Bring the column to the named type first. Nothing was changed.';
    END IF;
END
$before$;

DO $types$
BEGIN
    IF to_regtype('"IncidentStatus"') IS NULL THEN
        CREATE TYPE "IncidentStatus" AS ENUM
            ('DRAFT', 'PENDING_REVIEW', 'UNDER_INVESTIGATION', 'REQUIRES_ACTION', 'RESOLVED',
             'CLOSED');
    END IF;
END
$types$;

ALTER TYPE "IncidentType" ADD VALUE IF NOT EXISTS 'SAFETY';

ALTER TABLE incident_reports
    ADD COLUMN IF NOT EXISTS status "IncidentStatus" NOT NULL DEFAULT 'PENDING_REVIEW';

-- IF NOT EXISTS passes over what has the name and another shape: this stops on it.
DO $columns$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
        WITH types (name, labels) AS (VALUES
            ('IncidentType',
                'INJURY, ILLNESS, ALLERGIC_REACTION, MEDICATION_ERROR, BEHAVIORAL, '
                'ENVIRONMENTAL, OTHER, SAFETY'),
            ('IncidentStatus',
                'DRAFT, PENDING_REVIEW, UNDER_INVESTIGATION, REQUIRES_ACTION, RESOLVED, '
                'CLOSED')
        ), tables (name, columns) AS (VALUES
            ('incident_reports', ARRAY[
                'status "IncidentStatus" not null default ''PENDING_REVIEW''::"IncidentStatus"'])
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

CREATE INDEX IF NOT EXISTS incident_reports_status_idx ON incident_reports (status);
CREATE INDEX IF NOT EXISTS incident_reports_type_status_idx ON incident_reports (type, status);

-- The same for indexes.
DO $shape$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
        WITH indexes (table_name, name, definition) AS (VALUES
            ('incident_reports', 'incident_reports_status_idx', 'btree (status)'),
            ('incident_reports', 'incident_reports_type_status_idx', 'btree (type, status)')
        )
        SELECT 'index ' || name AS differing FROM indexes
        WHERE NOT EXISTS (
            SELECT FROM pg_index
            WHERE indexrelid = to_regclass(quote_ident(name))
                AND indrelid = to_regclass(quote_ident(table_name)) AND indisvalid AND indisready
                AND definition = CASE WHEN indisunique THEN 'unique ' ELSE '' END
                    || substring(pg_get_indexdef(indexrelid, 0, true) FROM ' USING (.*)')
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$shape$;

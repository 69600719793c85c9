-- Every statement returns no row when add-status-and-safety-type-to-incidents holds: in the
-- transaction that runs it, and at any later time, also after the migrations that follow it.

-- Types and columns as they must be.
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
);

-- Indexes, valid and as they must be.
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
);

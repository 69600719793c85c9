-- Every statement returns no row when create-health-records-core holds: in the transaction that
-- runs it, and at any later time, also after the migrations that follow it.

-- Types and columns as they must be.
WITH types (name, labels) AS (VALUES
    ('HealthRecordType',
        'CHECKUP, VACCINATION, ILLNESS, INJURY, SCREENING, PHYSICAL_EXAM, '
        'MENTAL_HEALTH, DENTAL, VISION, HEARING, EXAMINATION, ALLERGY_DOCUMENTATION, '
        'CHRONIC_CONDITION_REVIEW, GROWTH_ASSESSMENT, VITAL_SIGNS_CHECK, '
        'EMERGENCY_VISIT, FOLLOW_UP, CONSULTATION, DIAGNOSTIC_TEST, PROCEDURE, '
        'HOSPITALIZATION, SURGERY, COUNSELING, THERAPY, NUTRITION, MEDICATION_REVIEW, '
        'IMMUNIZATION, LAB_RESULT, RADIOLOGY, OTHER'),
    ('AllergySeverity', 'MILD, MODERATE, SEVERE, LIFE_THREATENING'),
    ('AppointmentStatus',
        'SCHEDULED, IN_PROGRESS, COMPLETED, CANCELLED, NO_SHOW, RESCHEDULED')
), tables (name, columns) AS (VALUES
    ('health_records', ARRAY[
        'id uuid not null default gen_random_uuid()', 'studentId uuid not null',
        'recordType "HealthRecordType" not null',
        'title character varying(200) not null', 'description text not null',
        'recordDate timestamp with time zone not null',
        'provider character varying(200)', 'providerNpi character varying(20)',
        'facility character varying(200)', 'facilityNpi character varying(20)',
        'diagnosis text', 'diagnosisCode character varying(20)', 'treatment text',
        'followUpRequired boolean not null default false',
        'followUpDate timestamp with time zone',
        'followUpCompleted boolean not null default false',
        'attachments jsonb not null default ''[]''::jsonb', 'metadata jsonb',
        'isConfidential boolean not null default false', 'notes text', 'createdBy uuid',
        'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone']),
    ('allergies', ARRAY[
        'id uuid not null default gen_random_uuid()', 'studentId uuid not null',
        'allergen character varying(200) not null',
        'severity "AllergySeverity" not null default ''MODERATE''::"AllergySeverity"',
        'reaction text', 'diagnosedDate timestamp with time zone',
        'diagnosedBy character varying(200)', 'notes text',
        'isActive boolean not null default true', 'createdBy uuid', 'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone']),
    ('chronic_conditions', ARRAY[
        'id uuid not null default gen_random_uuid()', 'studentId uuid not null',
        'conditionName character varying(200) not null',
        'diagnosedDate timestamp with time zone not null', 'description text',
        'managementPlan text',
        'status character varying(50) not null default ''ACTIVE''::character varying | '
        'status "ConditionStatus" not null default ''ACTIVE''::"ConditionStatus"',
        'nextReviewDate timestamp with time zone', 'notes text', 'createdBy uuid',
        'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone']),
    ('appointments', ARRAY[
        'id uuid not null default gen_random_uuid()', 'studentId uuid not null',
        'nurseId uuid not null', 'scheduledAt timestamp with time zone not null',
        'duration integer not null default 30',
        'status "AppointmentStatus" not null default ''SCHEDULED''::"AppointmentStatus"',
        'reason character varying(200) not null', 'notes text',
        'completedAt timestamp with time zone', 'cancelledAt timestamp with time zone',
        'cancellationReason text', 'createdBy uuid', 'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone'])
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
    ('health_records', 'health_records_student_date_idx',
        'btree ("studentId", "recordDate")'),
    ('health_records', 'health_records_type_idx', 'btree ("recordType")'),
    ('health_records', 'health_records_createdBy_idx', 'btree ("createdBy")'),
    ('health_records', 'health_records_updatedBy_idx', 'btree ("updatedBy")'),
    ('allergies', 'allergies_student_idx', 'btree ("studentId")'),
    ('allergies', 'allergies_severity_idx', 'btree (severity)'),
    ('allergies', 'allergies_isActive_idx', 'btree ("isActive")'),
    ('allergies', 'allergies_createdBy_idx', 'btree ("createdBy")'),
    ('allergies', 'allergies_updatedBy_idx', 'btree ("updatedBy")'),
    ('chronic_conditions', 'chronic_conditions_student_idx', 'btree ("studentId")'),
    ('chronic_conditions', 'chronic_conditions_status_idx', 'btree (status)'),
    ('chronic_conditions', 'chronic_conditions_createdBy_idx', 'btree ("createdBy")'),
    ('chronic_conditions', 'chronic_conditions_updatedBy_idx', 'btree ("updatedBy")'),
    ('appointments', 'appointments_student_idx', 'btree ("studentId")'),
    ('appointments', 'appointments_nurse_scheduled_idx',
        'btree ("nurseId", "scheduledAt")'),
    ('appointments', 'appointments_status_idx', 'btree (status)'),
    ('appointments', 'appointments_createdBy_idx', 'btree ("createdBy")'),
    ('appointments', 'appointments_updatedBy_idx', 'btree ("updatedBy")')
), constraints (table_name, name, definition) AS (VALUES
    ('health_records', 'health_records_pkey', 'PRIMARY KEY (id)'),
    ('health_records', 'health_records_studentId_fkey',
        'FOREIGN KEY ("studentId") REFERENCES students(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('health_records', 'health_records_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('health_records', 'health_records_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('allergies', 'allergies_pkey', 'PRIMARY KEY (id)'),
    ('allergies', 'allergies_studentId_fkey',
        'FOREIGN KEY ("studentId") REFERENCES students(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('allergies', 'allergies_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('allergies', 'allergies_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('chronic_conditions', 'chronic_conditions_pkey', 'PRIMARY KEY (id)'),
    ('chronic_conditions', 'chronic_conditions_studentId_fkey',
        'FOREIGN KEY ("studentId") REFERENCES students(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('chronic_conditions', 'chronic_conditions_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('chronic_conditions', 'chronic_conditions_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('appointments', 'appointments_pkey', 'PRIMARY KEY (id)'),
    ('appointments', 'appointments_studentId_fkey',
        'FOREIGN KEY ("studentId") REFERENCES students(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('appointments', 'appointments_nurseId_fkey',
        'FOREIGN KEY ("nurseId") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('appointments', 'appointments_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('appointments', 'appointments_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('appointments', 'appointments_duration_check',
        'CHECK (duration > 0 AND duration <= 1440)')
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
    ('health_records', 'health_records_set_updated_at'),
    ('allergies', 'allergies_set_updated_at'),
    ('chronic_conditions', 'chronic_conditions_set_updated_at'),
    ('appointments', 'appointments_set_updated_at')
)
SELECT 'trigger ' || name AS differing FROM triggers
WHERE NOT EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = to_regclass(quote_ident(table_name)) AND tgname = name AND tgenabled = 'O'
        AND tgfoid = to_regprocedure('set_updated_at()')
);

-- Rows that refer to nothing.
SELECT 'health_records.studentId' AS orphaned, count(*) AS rows
FROM health_records AS child
WHERE child."studentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM students AS parent WHERE parent.id = child."studentId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'allergies.studentId' AS orphaned, count(*) AS rows
FROM allergies AS child
WHERE child."studentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM students AS parent WHERE parent.id = child."studentId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'chronic_conditions.studentId' AS orphaned, count(*) AS rows
FROM chronic_conditions AS child
WHERE child."studentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM students AS parent WHERE parent.id = child."studentId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'appointments.studentId' AS orphaned, count(*) AS rows
FROM appointments AS child
WHERE child."studentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM students AS parent WHERE parent.id = child."studentId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'appointments.nurseId' AS orphaned, count(*) AS rows
FROM appointments AS child
WHERE child."nurseId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM users AS parent WHERE parent.id = child."nurseId"
    )
HAVING count(*) > 0;

-- Impossible values.
SELECT 'appointments_duration_check' AS violated, count(*) AS rows
FROM appointments
WHERE NOT (duration > 0 AND duration <= 1440)
HAVING count(*) > 0;

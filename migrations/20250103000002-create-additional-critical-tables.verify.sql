-- Every statement returns no row when create-additional-critical-tables holds: in the transaction
-- that runs it, and at any later time, also after the migrations that follow it.

-- Types and columns as they must be.
WITH types (name, labels) AS (VALUES
    ('IncidentSeverity', 'LOW, MEDIUM, HIGH, CRITICAL'),
    ('IncidentType',
        'INJURY, ILLNESS, ALLERGIC_REACTION, MEDICATION_ERROR, BEHAVIORAL, '
        'ENVIRONMENTAL, OTHER | INJURY, ILLNESS, ALLERGIC_REACTION, MEDICATION_ERROR, '
        'BEHAVIORAL, ENVIRONMENTAL, OTHER, SAFETY')
), tables (name, columns) AS (VALUES
    ('medications', ARRAY[
        'id uuid not null default gen_random_uuid()',
        'name character varying(200) not null', 'genericName character varying(200)',
        'category character varying(100)', 'description text',
        'dosageForm character varying(100)', 'strength character varying(50)',
        'stockQuantity integer not null default 0',
        'minimumStock integer not null default 0',
        'expirationDate timestamp with time zone',
        'manufacturer character varying(200)', 'ndcCode character varying(20)',
        'lotNumber character varying(50)', 'isActive boolean not null default true',
        'requiresRefrigeration boolean not null default false',
        'controlledSubstance boolean not null default false', 'notes text',
        'createdBy uuid', 'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone']),
    ('student_medications', ARRAY[
        'id uuid not null default gen_random_uuid()', 'studentId uuid not null',
        'medicationId uuid not null', 'dosage character varying(100) not null',
        'frequency character varying(100) not null', 'route character varying(50)',
        'startDate timestamp with time zone not null',
        'endDate timestamp with time zone',
        'prescribedBy character varying(200) not null',
        'prescribedByNpi character varying(20)', 'instructions text',
        'sideEffects text', 'isActive boolean not null default true',
        'requiresParentConsent boolean not null default true',
        'consentObtained boolean not null default false',
        'consentDate timestamp with time zone', 'notes text', 'createdBy uuid',
        'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone']),
    ('medication_logs', ARRAY[
        'id uuid not null default gen_random_uuid()',
        'studentMedicationId uuid not null', 'nurseId uuid not null',
        'timeGiven timestamp with time zone not null',
        'dosageGiven character varying(100) not null', 'reasonForAdministration text',
        'studentResponse text', 'adverseReaction boolean not null default false',
        'reactionDetails text', 'witnessedBy uuid', 'notes text',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'createdBy uuid', 'updatedBy uuid', 'deletedAt timestamp with time zone']),
    ('incident_reports', ARRAY[
        'id uuid not null default gen_random_uuid()', 'studentId uuid not null',
        'reportedById uuid not null', 'type "IncidentType" not null',
        'severity "IncidentSeverity" not null',
        'occurredAt timestamp with time zone not null',
        'location character varying(200)', 'description text not null',
        'actionTaken text', 'parentNotified boolean not null default false',
        'parentNotifiedAt timestamp with time zone', 'parentNotifiedBy uuid',
        'emergencyServicesContacted boolean not null default false',
        'emergencyDetails text', 'followUpRequired boolean not null default false',
        'followUpNotes text', 'witnesses jsonb',
        'attachments jsonb default ''[]''::jsonb', 'createdBy uuid', 'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone']),
    ('emergency_contacts', ARRAY[
        'id uuid not null default gen_random_uuid()', 'studentId uuid not null',
        'name character varying(200) not null',
        'relationship character varying(100) not null',
        'primaryPhone character varying(20) not null',
        'secondaryPhone character varying(20)', 'email character varying(255)',
        'address text', 'priority integer not null default 1',
        'canPickUp boolean not null default true',
        'canMakeDecisions boolean not null default false',
        'isPrimary boolean not null default false',
        'isActive boolean not null default true', 'notes text', 'createdBy uuid',
        'updatedBy uuid',
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
    ('medications', 'medications_name_idx', 'btree (name)'),
    ('medications', 'medications_category_idx', 'btree (category)'),
    ('medications', 'medications_isActive_idx', 'btree ("isActive")'),
    ('medications', 'medications_createdBy_idx', 'btree ("createdBy")'),
    ('medications', 'medications_updatedBy_idx', 'btree ("updatedBy")'),
    ('student_medications', 'student_medications_student_idx', 'btree ("studentId")'),
    ('student_medications', 'student_medications_medication_idx',
        'btree ("medicationId")'),
    ('student_medications', 'student_medications_isActive_idx', 'btree ("isActive")'),
    ('student_medications', 'student_medications_createdBy_idx', 'btree ("createdBy")'),
    ('student_medications', 'student_medications_updatedBy_idx', 'btree ("updatedBy")'),
    ('medication_logs', 'medication_logs_student_med_time_idx',
        'btree ("studentMedicationId", "timeGiven")'),
    ('medication_logs', 'medication_logs_nurse_idx', 'btree ("nurseId")'),
    ('medication_logs', 'medication_logs_witnessedBy_idx', 'btree ("witnessedBy")'),
    ('medication_logs', 'medication_logs_createdBy_idx', 'btree ("createdBy")'),
    ('medication_logs', 'medication_logs_updatedBy_idx', 'btree ("updatedBy")'),
    ('incident_reports', 'incident_reports_student_idx', 'btree ("studentId")'),
    ('incident_reports', 'incident_reports_type_idx', 'btree (type)'),
    ('incident_reports', 'incident_reports_severity_idx', 'btree (severity)'),
    ('incident_reports', 'incident_reports_occurred_idx', 'btree ("occurredAt")'),
    ('incident_reports', 'incident_reports_reportedById_idx', 'btree ("reportedById")'),
    ('incident_reports', 'incident_reports_parentNotifiedBy_idx',
        'btree ("parentNotifiedBy")'),
    ('incident_reports', 'incident_reports_createdBy_idx', 'btree ("createdBy")'),
    ('incident_reports', 'incident_reports_updatedBy_idx', 'btree ("updatedBy")'),
    ('emergency_contacts', 'emergency_contacts_student_idx', 'btree ("studentId")'),
    ('emergency_contacts', 'emergency_contacts_priority_idx', 'btree (priority)'),
    ('emergency_contacts', 'emergency_contacts_isActive_idx', 'btree ("isActive")'),
    ('emergency_contacts', 'emergency_contacts_primary_unique',
        'unique btree ("studentId") WHERE "isPrimary" AND "isActive" AND '
        '"deletedAt" IS NULL'),
    ('emergency_contacts', 'emergency_contacts_createdBy_idx', 'btree ("createdBy")'),
    ('emergency_contacts', 'emergency_contacts_updatedBy_idx', 'btree ("updatedBy")')
), constraints (table_name, name, definition) AS (VALUES
    ('medications', 'medications_pkey', 'PRIMARY KEY (id)'),
    ('medications', 'medications_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('medications', 'medications_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('medications', 'medications_stockQuantity_check', 'CHECK ("stockQuantity" >= 0)'),
    ('medications', 'medications_minimumStock_check', 'CHECK ("minimumStock" >= 0)'),
    ('student_medications', 'student_medications_pkey', 'PRIMARY KEY (id)'),
    ('student_medications', 'student_medications_studentId_fkey',
        'FOREIGN KEY ("studentId") REFERENCES students(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('student_medications', 'student_medications_medicationId_fkey',
        'FOREIGN KEY ("medicationId") REFERENCES medications(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('student_medications', 'student_medications_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('student_medications', 'student_medications_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('student_medications', 'student_medications_dates_check',
        'CHECK ("endDate" >= "startDate")'),
    ('medication_logs', 'medication_logs_pkey', 'PRIMARY KEY (id)'),
    ('medication_logs', 'medication_logs_studentMedicationId_fkey',
        'FOREIGN KEY ("studentMedicationId") REFERENCES student_medications(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('medication_logs', 'medication_logs_nurseId_fkey',
        'FOREIGN KEY ("nurseId") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('medication_logs', 'medication_logs_witnessedBy_fkey',
        'FOREIGN KEY ("witnessedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('medication_logs', 'medication_logs_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('medication_logs', 'medication_logs_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('incident_reports', 'incident_reports_pkey', 'PRIMARY KEY (id)'),
    ('incident_reports', 'incident_reports_studentId_fkey',
        'FOREIGN KEY ("studentId") REFERENCES students(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('incident_reports', 'incident_reports_reportedById_fkey',
        'FOREIGN KEY ("reportedById") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('incident_reports', 'incident_reports_parentNotifiedBy_fkey',
        'FOREIGN KEY ("parentNotifiedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('incident_reports', 'incident_reports_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('incident_reports', 'incident_reports_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('emergency_contacts', 'emergency_contacts_pkey', 'PRIMARY KEY (id)'),
    ('emergency_contacts', 'emergency_contacts_studentId_fkey',
        'FOREIGN KEY ("studentId") REFERENCES students(id) '
        'ON UPDATE CASCADE ON DELETE CASCADE'),
    ('emergency_contacts', 'emergency_contacts_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('emergency_contacts', 'emergency_contacts_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('emergency_contacts', 'emergency_contacts_priority_check', 'CHECK (priority >= 1)')
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
    ('medications', 'medications_set_updated_at'),
    ('student_medications', 'student_medications_set_updated_at'),
    ('medication_logs', 'medication_logs_set_updated_at'),
    ('incident_reports', 'incident_reports_set_updated_at'),
    ('emergency_contacts', 'emergency_contacts_set_updated_at')
)
SELECT 'trigger ' || name AS differing FROM triggers
WHERE NOT EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = to_regclass(quote_ident(table_name)) AND tgname = name AND tgenabled = 'O'
        AND tgfoid = to_regprocedure('set_updated_at()')
);

-- Rows that refer to nothing.
SELECT 'student_medications.studentId' AS orphaned, count(*) AS rows
FROM student_medications AS child
WHERE child."studentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM students AS parent WHERE parent.id = child."studentId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'student_medications.medicationId' AS orphaned, count(*) AS rows
FROM student_medications AS child
WHERE child."medicationId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM medications AS parent WHERE parent.id = child."medicationId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'medication_logs.studentMedicationId' AS orphaned, count(*) AS rows
FROM medication_logs AS child
WHERE child."studentMedicationId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM student_medications AS parent WHERE parent.id = child."studentMedicationId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'medication_logs.nurseId' AS orphaned, count(*) AS rows
FROM medication_logs AS child
WHERE child."nurseId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM users AS parent WHERE parent.id = child."nurseId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'medication_logs.witnessedBy' AS orphaned, count(*) AS rows
FROM medication_logs AS child
WHERE child."witnessedBy" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM users AS parent WHERE parent.id = child."witnessedBy"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'incident_reports.studentId' AS orphaned, count(*) AS rows
FROM incident_reports AS child
WHERE child."studentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM students AS parent WHERE parent.id = child."studentId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'incident_reports.reportedById' AS orphaned, count(*) AS rows
FROM incident_reports AS child
WHERE child."reportedById" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM users AS parent WHERE parent.id = child."reportedById"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'incident_reports.parentNotifiedBy' AS orphaned, count(*) AS rows
FROM incident_reports AS child
WHERE child."parentNotifiedBy" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM users AS parent WHERE parent.id = child."parentNotifiedBy"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'emergency_contacts.studentId' AS orphaned, count(*) AS rows
FROM emergency_contacts AS child
WHERE child."studentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM students AS parent WHERE parent.id = child."studentId"
    )
HAVING count(*) > 0;

-- Impossible values.
SELECT 'medications_stockQuantity_check' AS violated, count(*) AS rows
FROM medications
WHERE NOT ("stockQuantity" >= 0)
HAVING count(*) > 0
UNION ALL
SELECT 'medications_minimumStock_check' AS violated, count(*) AS rows
FROM medications
WHERE NOT ("minimumStock" >= 0)
HAVING count(*) > 0
UNION ALL
SELECT 'student_medications_dates_check' AS violated, count(*) AS rows
FROM student_medications
WHERE NOT ("endDate" >= "startDate")
HAVING count(*) > 0
UNION ALL
SELECT 'emergency_contacts_priority_check' AS violated, count(*) AS rows
FROM emergency_contacts
WHERE NOT (priority >= 1)
HAVING count(*) > 0;

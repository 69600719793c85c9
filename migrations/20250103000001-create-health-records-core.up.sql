-- Core of the health records: health_records, allergies, chronic_conditions and appointments.
--
-- drydock: requires 20250103000000
-- drydock: risk medium
-- drydock: phi yes
--
-- What differs from the earlier version of this schema:
--   * References to students and to the nurse of an appointment RESTRICT (they cascaded):
--     clinical rows go only when somebody deletes them, never because a student or an account is
--     deleted. createdBy and updatedBy are SET NULL.
--   * health_records.attachments is jsonb, as metadata is (it was json).
--   * appointments has deletedAt, as the other tables with health information have.
--   * Columns have the named enum types. A duration is positive and at most a day.

DO $types$
BEGIN
    IF to_regtype('"HealthRecordType"') IS NULL THEN
        CREATE TYPE "HealthRecordType" AS ENUM
            ('CHECKUP', 'VACCINATION', 'ILLNESS', 'INJURY', 'SCREENING', 'PHYSICAL_EXAM',
             'MENTAL_HEALTH', 'DENTAL', 'VISION', 'HEARING', 'EXAMINATION',
             'ALLERGY_DOCUMENTATION', 'CHRONIC_CONDITION_REVIEW', 'GROWTH_ASSESSMENT',
             'VITAL_SIGNS_CHECK', 'EMERGENCY_VISIT', 'FOLLOW_UP', 'CONSULTATION',
             'DIAGNOSTIC_TEST', 'PROCEDURE', 'HOSPITALIZATION', 'SURGERY', 'COUNSELING',
             'THERAPY', 'NUTRITION', 'MEDICATION_REVIEW', 'IMMUNIZATION', 'LAB_RESULT',
             'RADIOLOGY', 'OTHER');
    END IF;
    IF to_regtype('"AllergySeverity"') IS NULL THEN
        CREATE TYPE "AllergySeverity" AS ENUM ('MILD', 'MODERATE', 'SEVERE', 'LIFE_THREATENING');
    END IF;
    IF to_regtype('"AppointmentStatus"') IS NULL THEN
        CREATE TYPE "AppointmentStatus" AS ENUM
            ('SCHEDULED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'NO_SHOW', 'RESCHEDULED');
    END IF;
END
$types$;

CREATE TABLE IF NOT EXISTS health_records (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    "recordType" "HealthRecordType" NOT NULL,
    title varchar(200) NOT NULL,
    description text NOT NULL,
    "recordDate" timestamptz NOT NULL,
    provider varchar(200),
    "providerNpi" varchar(20),
    facility varchar(200),
    "facilityNpi" varchar(20),
    diagnosis text,
    "diagnosisCode" varchar(20),
    treatment text,
    "followUpRequired" boolean NOT NULL DEFAULT false,
    "followUpDate" timestamptz,
    "followUpCompleted" boolean NOT NULL DEFAULT false,
    attachments jsonb NOT NULL DEFAULT '[]',
    metadata jsonb,
    "isConfidential" boolean NOT NULL DEFAULT false,
    notes text,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT health_records_pkey PRIMARY KEY (id),
    CONSTRAINT "health_records_studentId_fkey" FOREIGN KEY ("studentId") REFERENCES students (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "health_records_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "health_records_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE IF NOT EXISTS allergies (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    allergen varchar(200) NOT NULL,
    severity "AllergySeverity" NOT NULL DEFAULT 'MODERATE',
    reaction text,
    "diagnosedDate" timestamptz,
    "diagnosedBy" varchar(200),
    notes text,
    "isActive" boolean NOT NULL DEFAULT true,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT allergies_pkey PRIMARY KEY (id),
    CONSTRAINT "allergies_studentId_fkey" FOREIGN KEY ("studentId") REFERENCES students (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "allergies_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "allergies_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE
);

-- status is free text here; complete-health-records-schema makes it an enum.
CREATE TABLE IF NOT EXISTS chronic_conditions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    "conditionName" varchar(200) NOT NULL,
    "diagnosedDate" timestamptz NOT NULL,
    description text,
    "managementPlan" text,
    status varchar(50) NOT NULL DEFAULT 'ACTIVE',
    "nextReviewDate" timestamptz,
    notes text,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT chronic_conditions_pkey PRIMARY KEY (id),
    CONSTRAINT "chronic_conditions_studentId_fkey"
        FOREIGN KEY ("studentId") REFERENCES students (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "chronic_conditions_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "chronic_conditions_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE IF NOT EXISTS appointments (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    "nurseId" uuid NOT NULL,
    "scheduledAt" timestamptz NOT NULL,
    duration integer NOT NULL DEFAULT 30,
    status "AppointmentStatus" NOT NULL DEFAULT 'SCHEDULED',
    reason varchar(200) NOT NULL,
    notes text,
    "completedAt" timestamptz,
    "cancelledAt" timestamptz,
    "cancellationReason" text,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT appointments_pkey PRIMARY KEY (id),
    CONSTRAINT "appointments_studentId_fkey" FOREIGN KEY ("studentId") REFERENCES students (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "appointments_nurseId_fkey" FOREIGN KEY ("nurseId") REFERENCES users (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "appointments_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "appointments_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT appointments_duration_check CHECK (duration > 0 AND duration <= 1440)
);

-- IF NOT EXISTS passes over what has the name and another shape: this stops on it.
DO $columns$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
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
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$columns$;

-- health_records_student_date_idx serves both directions of recordDate, and it is the index of
-- the key to students.
CREATE INDEX IF NOT EXISTS health_records_student_date_idx
    ON health_records ("studentId", "recordDate");
CREATE INDEX IF NOT EXISTS health_records_type_idx ON health_records ("recordType");
CREATE INDEX IF NOT EXISTS "health_records_createdBy_idx" ON health_records ("createdBy");
CREATE INDEX IF NOT EXISTS "health_records_updatedBy_idx" ON health_records ("updatedBy");

CREATE INDEX IF NOT EXISTS allergies_student_idx ON allergies ("studentId");
CREATE INDEX IF NOT EXISTS allergies_severity_idx ON allergies (severity);
CREATE INDEX IF NOT EXISTS "allergies_isActive_idx" ON allergies ("isActive");
CREATE INDEX IF NOT EXISTS "allergies_createdBy_idx" ON allergies ("createdBy");
CREATE INDEX IF NOT EXISTS "allergies_updatedBy_idx" ON allergies ("updatedBy");

CREATE INDEX IF NOT EXISTS chronic_conditions_student_idx ON chronic_conditions ("studentId");
CREATE INDEX IF NOT EXISTS chronic_conditions_status_idx ON chronic_conditions (status);
CREATE INDEX IF NOT EXISTS "chronic_conditions_createdBy_idx" ON chronic_conditions ("createdBy");
CREATE INDEX IF NOT EXISTS "chronic_conditions_updatedBy_idx" ON chronic_conditions ("updatedBy");

CREATE INDEX IF NOT EXISTS appointments_student_idx ON appointments ("studentId");
CREATE INDEX IF NOT EXISTS appointments_nurse_scheduled_idx
    ON appointments ("nurseId", "scheduledAt");
CREATE INDEX IF NOT EXISTS appointments_status_idx ON appointments (status);
CREATE INDEX IF NOT EXISTS "appointments_createdBy_idx" ON appointments ("createdBy");
CREATE INDEX IF NOT EXISTS "appointments_updatedBy_idx" ON appointments ("updatedBy");

CREATE OR REPLACE TRIGGER health_records_set_updated_at BEFORE UPDATE ON health_records
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER allergies_set_updated_at BEFORE UPDATE ON allergies
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER chronic_conditions_set_updated_at BEFORE UPDATE ON chronic_conditions
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER appointments_set_updated_at BEFORE UPDATE ON appointments
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE health_records IS 'Health records of students (PHI)';
COMMENT ON TABLE allergies IS 'Allergies of students (PHI)';
COMMENT ON TABLE chronic_conditions IS 'Chronic conditions of students (PHI)';
COMMENT ON TABLE appointments IS 'Appointments of students with nurses (PHI)';

-- The same for indexes and constraints.
DO $shape$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
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
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$shape$;

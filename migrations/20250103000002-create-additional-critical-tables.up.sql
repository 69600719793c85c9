-- Medications, what students take of them, the log of each dose, incident reports and emergency
-- contacts.
--
-- drydock: requires 20250103000000
-- drydock: risk medium
-- drydock: phi yes
--
-- What differs from the earlier version of this schema:
--   * Doses, prescriptions and incidents RESTRICT the deletion of the student, nurse, reporter or
--     medication that they name (they cascaded: deleting a nurse deleted medication logs).
--     witnessedBy, parentNotifiedBy, createdBy and updatedBy refer to users with SET NULL.
--     emergency_contacts belong to their student and still cascade.
--   * Every table has deletedAt, createdBy, updatedBy and updatedAt; medication_logs lacked most
--     of them.
--   * incident_reports.witnesses and attachments are jsonb (they were json).
--   * Stock is not negative, a prescription does not end before it starts, a student has one
--     primary contact.
--   * Columns have the named enum types, and every foreign key has an index.

DO $types$
BEGIN
    IF to_regtype('"IncidentSeverity"') IS NULL THEN
        CREATE TYPE "IncidentSeverity" AS ENUM ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL');
    END IF;
    IF to_regtype('"IncidentType"') IS NULL THEN
        CREATE TYPE "IncidentType" AS ENUM
            ('INJURY', 'ILLNESS', 'ALLERGIC_REACTION', 'MEDICATION_ERROR', 'BEHAVIORAL',
             'ENVIRONMENTAL', 'OTHER');
    END IF;
END
$types$;

CREATE TABLE IF NOT EXISTS medications (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name varchar(200) NOT NULL,
    "genericName" varchar(200),
    category varchar(100),
    description text,
    "dosageForm" varchar(100),
    strength varchar(50),
    "stockQuantity" integer NOT NULL DEFAULT 0,
    "minimumStock" integer NOT NULL DEFAULT 0,
    "expirationDate" timestamptz,
    manufacturer varchar(200),
    "ndcCode" varchar(20),
    "lotNumber" varchar(50),
    "isActive" boolean NOT NULL DEFAULT true,
    "requiresRefrigeration" boolean NOT NULL DEFAULT false,
    "controlledSubstance" boolean NOT NULL DEFAULT false,
    notes text,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT medications_pkey PRIMARY KEY (id),
    CONSTRAINT "medications_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "medications_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "medications_stockQuantity_check" CHECK ("stockQuantity" >= 0),
    CONSTRAINT "medications_minimumStock_check" CHECK ("minimumStock" >= 0)
);

CREATE TABLE IF NOT EXISTS student_medications (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    "medicationId" uuid NOT NULL,
    dosage varchar(100) NOT NULL,
    frequency varchar(100) NOT NULL,
    route varchar(50),
    "startDate" timestamptz NOT NULL,
    "endDate" timestamptz,
    "prescribedBy" varchar(200) NOT NULL,
    "prescribedByNpi" varchar(20),
    instructions text,
    "sideEffects" text,
    "isActive" boolean NOT NULL DEFAULT true,
    "requiresParentConsent" boolean NOT NULL DEFAULT true,
    "consentObtained" boolean NOT NULL DEFAULT false,
    "consentDate" timestamptz,
    notes text,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT student_medications_pkey PRIMARY KEY (id),
    CONSTRAINT "student_medications_studentId_fkey"
        FOREIGN KEY ("studentId") REFERENCES students (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "student_medications_medicationId_fkey"
        FOREIGN KEY ("medicationId") REFERENCES medications (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "student_medications_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "student_medications_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT student_medications_dates_check CHECK ("endDate" >= "startDate")
);

CREATE TABLE IF NOT EXISTS medication_logs (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentMedicationId" uuid NOT NULL,
    "nurseId" uuid NOT NULL,
    "timeGiven" timestamptz NOT NULL,
    "dosageGiven" varchar(100) NOT NULL,
    "reasonForAdministration" text,
    "studentResponse" text,
    "adverseReaction" boolean NOT NULL DEFAULT false,
    "reactionDetails" text,
    "witnessedBy" uuid,
    notes text,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedBy" uuid,
    "deletedAt" timestamptz,
    CONSTRAINT medication_logs_pkey PRIMARY KEY (id),
    CONSTRAINT "medication_logs_studentMedicationId_fkey"
        FOREIGN KEY ("studentMedicationId") REFERENCES student_medications (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "medication_logs_nurseId_fkey" FOREIGN KEY ("nurseId") REFERENCES users (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "medication_logs_witnessedBy_fkey" FOREIGN KEY ("witnessedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "medication_logs_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "medication_logs_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE IF NOT EXISTS incident_reports (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    "reportedById" uuid NOT NULL,
    type "IncidentType" NOT NULL,
    severity "IncidentSeverity" NOT NULL,
    "occurredAt" timestamptz NOT NULL,
    location varchar(200),
    description text NOT NULL,
    "actionTaken" text,
    "parentNotified" boolean NOT NULL DEFAULT false,
    "parentNotifiedAt" timestamptz,
    "parentNotifiedBy" uuid,
    "emergencyServicesContacted" boolean NOT NULL DEFAULT false,
    "emergencyDetails" text,
    "followUpRequired" boolean NOT NULL DEFAULT false,
    "followUpNotes" text,
    witnesses jsonb,
    attachments jsonb DEFAULT '[]',
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT incident_reports_pkey PRIMARY KEY (id),
    CONSTRAINT "incident_reports_studentId_fkey" FOREIGN KEY ("studentId") REFERENCES students (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "incident_reports_reportedById_fkey"
        FOREIGN KEY ("reportedById") REFERENCES users (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "incident_reports_parentNotifiedBy_fkey"
        FOREIGN KEY ("parentNotifiedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "incident_reports_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "incident_reports_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE IF NOT EXISTS emergency_contacts (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    name varchar(200) NOT NULL,
    relationship varchar(100) NOT NULL,
    "primaryPhone" varchar(20) NOT NULL,
    "secondaryPhone" varchar(20),
    email varchar(255),
    address text,
    priority integer NOT NULL DEFAULT 1,
    "canPickUp" boolean NOT NULL DEFAULT true,
    "canMakeDecisions" boolean NOT NULL DEFAULT false,
    "isPrimary" boolean NOT NULL DEFAULT false,
    "isActive" boolean NOT NULL DEFAULT true,
    notes text,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT emergency_contacts_pkey PRIMARY KEY (id),
    CONSTRAINT "emergency_contacts_studentId_fkey"
        FOREIGN KEY ("studentId") REFERENCES students (id)
        ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "emergency_contacts_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "emergency_contacts_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT emergency_contacts_priority_check CHECK (priority >= 1)
);

-- IF NOT EXISTS passes over what has the name and another shape: this stops on it.
DO $columns$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
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
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$columns$;

CREATE INDEX IF NOT EXISTS medications_name_idx ON medications (name);
CREATE INDEX IF NOT EXISTS medications_category_idx ON medications (category);
CREATE INDEX IF NOT EXISTS "medications_isActive_idx" ON medications ("isActive");
CREATE INDEX IF NOT EXISTS "medications_createdBy_idx" ON medications ("createdBy");
CREATE INDEX IF NOT EXISTS "medications_updatedBy_idx" ON medications ("updatedBy");

CREATE INDEX IF NOT EXISTS student_medications_student_idx ON student_medications ("studentId");
CREATE INDEX IF NOT EXISTS student_medications_medication_idx
    ON student_medications ("medicationId");
CREATE INDEX IF NOT EXISTS "student_medications_isActive_idx" ON student_medications ("isActive");
CREATE INDEX IF NOT EXISTS "student_medications_createdBy_idx" ON student_medications ("createdBy");
CREATE INDEX IF NOT EXISTS "student_medications_updatedBy_idx" ON student_medications ("updatedBy");

CREATE INDEX IF NOT EXISTS medication_logs_student_med_time_idx
    ON medication_logs ("studentMedicationId", "timeGiven");
CREATE INDEX IF NOT EXISTS medication_logs_nurse_idx ON medication_logs ("nurseId");
CREATE INDEX IF NOT EXISTS "medication_logs_witnessedBy_idx" ON medication_logs ("witnessedBy");
CREATE INDEX IF NOT EXISTS "medication_logs_createdBy_idx" ON medication_logs ("createdBy");
CREATE INDEX IF NOT EXISTS "medication_logs_updatedBy_idx" ON medication_logs ("updatedBy");

CREATE INDEX IF NOT EXISTS incident_reports_student_idx ON incident_reports ("studentId");
CREATE INDEX IF NOT EXISTS incident_reports_type_idx ON incident_reports (type);
CREATE INDEX IF NOT EXISTS incident_reports_severity_idx ON incident_reports (severity);
CREATE INDEX IF NOT EXISTS incident_reports_occurred_idx ON incident_reports ("occurredAt");
CREATE INDEX IF NOT EXISTS "incident_reports_reportedById_idx" ON incident_reports ("reportedById");
CREATE INDEX IF NOT EXISTS "incident_reports_parentNotifiedBy_idx"
    ON incident_reports ("parentNotifiedBy");
CREATE INDEX IF NOT EXISTS "incident_reports_createdBy_idx" ON incident_reports ("createdBy");
CREATE INDEX IF NOT EXISTS "incident_reports_updatedBy_idx" ON incident_reports ("updatedBy");

CREATE INDEX IF NOT EXISTS emergency_contacts_student_idx ON emergency_contacts ("studentId");
CREATE INDEX IF NOT EXISTS emergency_contacts_priority_idx ON emergency_contacts (priority);
CREATE INDEX IF NOT EXISTS "emergency_contacts_isActive_idx" ON emergency_contacts ("isActive");
-- A primary contact that was deactivated or deleted does not stand in the way of the next one.
CREATE UNIQUE INDEX IF NOT EXISTS emergency_contacts_primary_unique
    ON emergency_contacts ("studentId") WHERE "isPrimary" AND "isActive" AND "deletedAt" IS NULL;
CREATE INDEX IF NOT EXISTS "emergency_contacts_createdBy_idx" ON emergency_contacts ("createdBy");
CREATE INDEX IF NOT EXISTS "emergency_contacts_updatedBy_idx" ON emergency_contacts ("updatedBy");

CREATE OR REPLACE TRIGGER medications_set_updated_at BEFORE UPDATE ON medications
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER student_medications_set_updated_at BEFORE UPDATE ON student_medications
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER medication_logs_set_updated_at BEFORE UPDATE ON medication_logs
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER incident_reports_set_updated_at BEFORE UPDATE ON incident_reports
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER emergency_contacts_set_updated_at BEFORE UPDATE ON emergency_contacts
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE medications IS 'Formulary and stock';
COMMENT ON TABLE student_medications IS 'Prescriptions of students (PHI)';
COMMENT ON TABLE medication_logs IS 'Doses given (PHI)';
COMMENT ON TABLE incident_reports IS 'Incidents (PHI)';
COMMENT ON TABLE emergency_contacts IS
    'Whom to call about a student; at most one live primary contact each';

-- The same for indexes and constraints.
DO $shape$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
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
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$shape$;

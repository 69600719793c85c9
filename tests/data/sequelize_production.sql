-- A White Cross database as sequelize-cli and the earlier files left it: its first five migrations (the fifth with the one change
-- that lets it run: configurationId is a uuid). Named enum types that no column has beside an implicit one for each column, keys
-- under the names that PostgreSQL chooses, unique indexes twice, cascades to clinical rows, no trigger, no check, no comment.
-- Each part begins with a line "-- migration <file name>".

CREATE TABLE "SequelizeMeta" (name varchar(255) NOT NULL UNIQUE, PRIMARY KEY (name));

-- migration 20250103000000-create-base-schema
CREATE TYPE "ContactType" AS ENUM ('GUARDIAN', 'PARENT', 'EMERGENCY', 'PROVIDER', 'VENDOR', 'STAFF', 'OTHER');
CREATE TYPE "Gender" AS ENUM ('MALE', 'FEMALE', 'OTHER', 'PREFER_NOT_TO_SAY');
CREATE TYPE "UserRole" AS ENUM ('ADMIN', 'NURSE', 'SCHOOL_ADMIN', 'DISTRICT_ADMIN', 'VIEWER', 'COUNSELOR');
CREATE TABLE districts (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name varchar(200) NOT NULL,
    code varchar(50) NOT NULL,
    address text,
    city varchar(100),
    state varchar(2),
    "zipCode" varchar(10),
    phone varchar(20),
    email varchar(255),
    "isActive" boolean NOT NULL DEFAULT true,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE (code)
);
CREATE TABLE schools (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name varchar(200) NOT NULL,
    code varchar(50) NOT NULL,
    "districtId" uuid NOT NULL,
    address text,
    city varchar(100),
    state varchar(2),
    "zipCode" varchar(10),
    phone varchar(20),
    email varchar(255),
    principal varchar(200),
    "totalEnrollment" integer,
    "isActive" boolean NOT NULL DEFAULT true,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE (code),
    FOREIGN KEY ("districtId") REFERENCES districts (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TYPE enum_users_role AS ENUM ('ADMIN', 'NURSE', 'SCHOOL_ADMIN', 'DISTRICT_ADMIN', 'VIEWER', 'COUNSELOR');
CREATE TABLE users (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    email varchar(255) NOT NULL,
    password varchar(255) NOT NULL,
    "firstName" varchar(100) NOT NULL,
    "lastName" varchar(100) NOT NULL,
    role enum_users_role NOT NULL DEFAULT 'NURSE',
    "isActive" boolean NOT NULL DEFAULT true,
    "lastLogin" timestamptz,
    "schoolId" uuid,
    "districtId" uuid,
    phone varchar(20),
    "emailVerified" boolean NOT NULL DEFAULT false,
    "emailVerificationToken" varchar(255),
    "emailVerificationExpires" timestamptz,
    "passwordResetToken" varchar(255),
    "passwordResetExpires" timestamptz,
    "passwordChangedAt" timestamptz,
    "twoFactorEnabled" boolean NOT NULL DEFAULT false,
    "twoFactorSecret" varchar(255),
    "failedLoginAttempts" integer NOT NULL DEFAULT 0,
    "lockoutUntil" timestamptz,
    "lastPasswordChange" timestamptz,
    "mustChangePassword" boolean NOT NULL DEFAULT false,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE (email),
    FOREIGN KEY ("districtId") REFERENCES districts (id) ON DELETE SET NULL ON UPDATE CASCADE,
    FOREIGN KEY ("schoolId") REFERENCES schools (id) ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE TYPE enum_students_gender AS ENUM ('MALE', 'FEMALE', 'OTHER', 'PREFER_NOT_TO_SAY');
CREATE TABLE students (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentNumber" varchar(50) NOT NULL,
    "firstName" varchar(100) NOT NULL,
    "lastName" varchar(100) NOT NULL,
    "dateOfBirth" date NOT NULL,
    grade varchar(10) NOT NULL,
    gender enum_students_gender NOT NULL,
    photo varchar(500),
    "medicalRecordNum" varchar(50),
    "isActive" boolean NOT NULL DEFAULT true,
    "enrollmentDate" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "nurseId" uuid,
    "schoolId" uuid,
    "districtId" uuid,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    PRIMARY KEY (id),
    UNIQUE ("medicalRecordNum"),
    UNIQUE ("studentNumber"),
    FOREIGN KEY ("districtId") REFERENCES districts (id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY ("nurseId") REFERENCES users (id) ON DELETE SET NULL ON UPDATE CASCADE,
    FOREIGN KEY ("schoolId") REFERENCES schools (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TYPE enum_contacts_type AS ENUM ('GUARDIAN', 'PARENT', 'EMERGENCY', 'PROVIDER', 'VENDOR', 'STAFF', 'OTHER');
CREATE TABLE contacts (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "firstName" varchar(100) NOT NULL,
    "lastName" varchar(100) NOT NULL,
    email varchar(255),
    phone varchar(20),
    type enum_contacts_type NOT NULL,
    organization varchar(200),
    title varchar(100),
    address varchar(255),
    city varchar(100),
    state varchar(50),
    zip varchar(20),
    "relationTo" uuid,
    "relationshipType" varchar(50),
    "customFields" jsonb DEFAULT '{}'::jsonb,
    "isActive" boolean NOT NULL DEFAULT true,
    notes text,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    PRIMARY KEY (id)
);
CREATE INDEX contacts_email_idx ON contacts USING btree (email);
CREATE INDEX "contacts_isActive_idx" ON contacts USING btree ("isActive");
CREATE INDEX contacts_name_idx ON contacts USING btree ("firstName", "lastName");
CREATE INDEX "contacts_relationTo_idx" ON contacts USING btree ("relationTo");
CREATE INDEX contacts_type_idx ON contacts USING btree (type);
CREATE UNIQUE INDEX districts_code_unique ON districts USING btree (code);
CREATE INDEX "districts_isActive_idx" ON districts USING btree ("isActive");
CREATE UNIQUE INDEX schools_code_unique ON schools USING btree (code);
CREATE INDEX "schools_districtId_idx" ON schools USING btree ("districtId");
CREATE INDEX "schools_isActive_idx" ON schools USING btree ("isActive");
CREATE INDEX "students_districtId_idx" ON students USING btree ("districtId");
CREATE INDEX students_grade_idx ON students USING btree (grade);
CREATE INDEX "students_isActive_idx" ON students USING btree ("isActive");
CREATE INDEX students_name_idx ON students USING btree ("lastName", "firstName");
CREATE INDEX "students_nurseId_idx" ON students USING btree ("nurseId");
CREATE INDEX "students_schoolId_idx" ON students USING btree ("schoolId");
CREATE UNIQUE INDEX "students_studentNumber_unique" ON students USING btree ("studentNumber");
CREATE INDEX "users_districtId_idx" ON users USING btree ("districtId");
CREATE UNIQUE INDEX users_email_unique ON users USING btree (email);
CREATE INDEX "users_isActive_idx" ON users USING btree ("isActive");
CREATE INDEX users_role_idx ON users USING btree (role);
CREATE INDEX "users_schoolId_idx" ON users USING btree ("schoolId");
INSERT INTO "SequelizeMeta" (name) VALUES ('20250103000000-create-base-schema.js');

-- migration 20250103000001-create-health-records-core
CREATE TYPE "AllergySeverity" AS ENUM ('MILD', 'MODERATE', 'SEVERE', 'LIFE_THREATENING');
CREATE TYPE "AppointmentStatus" AS ENUM ('SCHEDULED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'NO_SHOW', 'RESCHEDULED');
CREATE TYPE "HealthRecordType" AS ENUM ('CHECKUP', 'VACCINATION', 'ILLNESS', 'INJURY', 'SCREENING', 'PHYSICAL_EXAM',
    'MENTAL_HEALTH', 'DENTAL', 'VISION', 'HEARING', 'EXAMINATION', 'ALLERGY_DOCUMENTATION', 'CHRONIC_CONDITION_REVIEW',
    'GROWTH_ASSESSMENT', 'VITAL_SIGNS_CHECK', 'EMERGENCY_VISIT', 'FOLLOW_UP', 'CONSULTATION', 'DIAGNOSTIC_TEST', 'PROCEDURE',
    'HOSPITALIZATION', 'SURGERY', 'COUNSELING', 'THERAPY', 'NUTRITION', 'MEDICATION_REVIEW', 'IMMUNIZATION', 'LAB_RESULT',
    'RADIOLOGY', 'OTHER');
CREATE TYPE "enum_health_records_recordType" AS ENUM ('CHECKUP', 'VACCINATION', 'ILLNESS', 'INJURY', 'SCREENING',
    'PHYSICAL_EXAM', 'MENTAL_HEALTH', 'DENTAL', 'VISION', 'HEARING', 'EXAMINATION', 'ALLERGY_DOCUMENTATION',
    'CHRONIC_CONDITION_REVIEW', 'GROWTH_ASSESSMENT', 'VITAL_SIGNS_CHECK', 'EMERGENCY_VISIT', 'FOLLOW_UP', 'CONSULTATION',
    'DIAGNOSTIC_TEST', 'PROCEDURE', 'HOSPITALIZATION', 'SURGERY', 'COUNSELING', 'THERAPY', 'NUTRITION', 'MEDICATION_REVIEW',
    'IMMUNIZATION', 'LAB_RESULT', 'RADIOLOGY', 'OTHER');
CREATE TABLE health_records (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    "recordType" "enum_health_records_recordType" NOT NULL,
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
    attachments json NOT NULL DEFAULT '[]'::json,
    metadata jsonb,
    "isConfidential" boolean NOT NULL DEFAULT false,
    notes text,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    PRIMARY KEY (id),
    FOREIGN KEY ("studentId") REFERENCES students (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TYPE enum_allergies_severity AS ENUM ('MILD', 'MODERATE', 'SEVERE', 'LIFE_THREATENING');
CREATE TABLE allergies (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    allergen varchar(200) NOT NULL,
    severity enum_allergies_severity NOT NULL DEFAULT 'MODERATE',
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
    PRIMARY KEY (id),
    FOREIGN KEY ("studentId") REFERENCES students (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE chronic_conditions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    "conditionName" varchar(200) NOT NULL,
    "diagnosedDate" timestamptz NOT NULL,
    description text,
    "managementPlan" text,
    status varchar(50) NOT NULL DEFAULT 'ACTIVE'::varchar,
    "nextReviewDate" timestamptz,
    notes text,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    PRIMARY KEY (id),
    FOREIGN KEY ("studentId") REFERENCES students (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TYPE enum_appointments_status AS ENUM ('SCHEDULED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'NO_SHOW', 'RESCHEDULED');
CREATE TABLE appointments (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    "nurseId" uuid NOT NULL,
    "scheduledAt" timestamptz NOT NULL,
    duration integer NOT NULL DEFAULT 30,
    status enum_appointments_status NOT NULL DEFAULT 'SCHEDULED',
    reason varchar(200) NOT NULL,
    notes text,
    "completedAt" timestamptz,
    "cancelledAt" timestamptz,
    "cancellationReason" text,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    FOREIGN KEY ("nurseId") REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY ("studentId") REFERENCES students (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "allergies_isActive_idx" ON allergies USING btree ("isActive");
CREATE INDEX allergies_severity_idx ON allergies USING btree (severity);
CREATE INDEX allergies_student_idx ON allergies USING btree ("studentId");
CREATE INDEX appointments_nurse_scheduled_idx ON appointments USING btree ("nurseId", "scheduledAt");
CREATE INDEX appointments_status_idx ON appointments USING btree (status);
CREATE INDEX appointments_student_idx ON appointments USING btree ("studentId");
CREATE INDEX chronic_conditions_status_idx ON chronic_conditions USING btree (status);
CREATE INDEX chronic_conditions_student_idx ON chronic_conditions USING btree ("studentId");
CREATE INDEX health_records_student_date_idx ON health_records USING btree ("studentId", "recordDate");
CREATE INDEX health_records_type_idx ON health_records USING btree ("recordType");
INSERT INTO "SequelizeMeta" (name) VALUES ('20250103000001-create-health-records-core.js');

-- migration 20250103000002-create-additional-critical-tables
CREATE TYPE "IncidentSeverity" AS ENUM ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL');
CREATE TYPE "IncidentType" AS ENUM ('INJURY', 'ILLNESS', 'ALLERGIC_REACTION', 'MEDICATION_ERROR', 'BEHAVIORAL',
    'ENVIRONMENTAL', 'OTHER');
CREATE TABLE medications (
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
    PRIMARY KEY (id)
);
CREATE TABLE student_medications (
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
    PRIMARY KEY (id),
    FOREIGN KEY ("medicationId") REFERENCES medications (id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY ("studentId") REFERENCES students (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE medication_logs (
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
    PRIMARY KEY (id),
    FOREIGN KEY ("nurseId") REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY ("studentMedicationId") REFERENCES student_medications (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TYPE enum_incident_reports_type AS ENUM ('INJURY', 'ILLNESS', 'ALLERGIC_REACTION', 'MEDICATION_ERROR', 'BEHAVIORAL',
    'ENVIRONMENTAL', 'OTHER');
CREATE TYPE enum_incident_reports_severity AS ENUM ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL');
CREATE TABLE incident_reports (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentId" uuid NOT NULL,
    "reportedById" uuid NOT NULL,
    type enum_incident_reports_type NOT NULL,
    severity enum_incident_reports_severity NOT NULL,
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
    witnesses json,
    attachments json DEFAULT '[]'::json,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    FOREIGN KEY ("reportedById") REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY ("studentId") REFERENCES students (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE emergency_contacts (
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
    PRIMARY KEY (id),
    FOREIGN KEY ("studentId") REFERENCES students (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "emergency_contacts_isActive_idx" ON emergency_contacts USING btree ("isActive");
CREATE INDEX emergency_contacts_priority_idx ON emergency_contacts USING btree (priority);
CREATE INDEX emergency_contacts_student_idx ON emergency_contacts USING btree ("studentId");
CREATE INDEX incident_reports_occurred_idx ON incident_reports USING btree ("occurredAt");
CREATE INDEX incident_reports_severity_idx ON incident_reports USING btree (severity);
CREATE INDEX incident_reports_student_idx ON incident_reports USING btree ("studentId");
CREATE INDEX incident_reports_type_idx ON incident_reports USING btree (type);
CREATE INDEX medication_logs_nurse_idx ON medication_logs USING btree ("nurseId");
CREATE INDEX medication_logs_student_med_time_idx ON medication_logs USING btree ("studentMedicationId", "timeGiven");
CREATE INDEX medications_category_idx ON medications USING btree (category);
CREATE INDEX "medications_isActive_idx" ON medications USING btree ("isActive");
CREATE INDEX medications_name_idx ON medications USING btree (name);
CREATE INDEX "student_medications_isActive_idx" ON student_medications USING btree ("isActive");
CREATE INDEX student_medications_medication_idx ON student_medications USING btree ("medicationId");
CREATE INDEX student_medications_student_idx ON student_medications USING btree ("studentId");
INSERT INTO "SequelizeMeta" (name) VALUES ('20250103000002-create-additional-critical-tables.js');

-- migration 20250103000003-create-system-configuration
CREATE TYPE "ConfigCategory" AS ENUM ('GENERAL', 'SECURITY', 'NOTIFICATION');
CREATE TYPE enum_system_configurations_category AS ENUM ('GENERAL', 'SECURITY', 'NOTIFICATION');
CREATE TABLE system_configurations (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    key varchar(200) NOT NULL,
    value text NOT NULL,
    category enum_system_configurations_category NOT NULL DEFAULT 'GENERAL',
    description text,
    "isActive" boolean NOT NULL DEFAULT true,
    "displayName" varchar(200),
    "validationRules" jsonb DEFAULT '{}'::jsonb,
    "lastModifiedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    UNIQUE (key),
    FOREIGN KEY ("lastModifiedBy") REFERENCES users (id) ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE INDEX system_configurations_category_active_idx ON system_configurations USING btree (category,
    "isActive") WHERE ("isActive" = true);
CREATE INDEX system_configurations_category_idx ON system_configurations USING btree (category);
CREATE INDEX "system_configurations_isActive_idx" ON system_configurations USING btree ("isActive");
CREATE UNIQUE INDEX system_configurations_key_unique ON system_configurations USING btree (key);
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('MAX_LOGIN_ATTEMPTS', '5', 'SECURITY',
    '{"max": 10, "min": 1, "type": "number"}');
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('LOCKOUT_DURATION_MINUTES', '30',
    'SECURITY', '{"max": 1440, "min": 5, "type": "number"}');
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('SESSION_TIMEOUT_MINUTES', '60',
    'SECURITY', '{"max": 480, "min": 15, "type": "number"}');
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('PASSWORD_MIN_LENGTH', '12', 'SECURITY',
    '{"max": 128, "min": 8, "type": "number"}');
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('PASSWORD_REQUIRE_SPECIAL_CHAR', 'true',
    'SECURITY', '{"type": "boolean"}');
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('PASSWORD_EXPIRY_DAYS', '90', 'SECURITY',
    '{"max": 365, "min": 0, "type": "number"}');
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('EMAIL_NOTIFICATION_ENABLED', 'true',
    'NOTIFICATION', '{"type": "boolean"}');
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('SMS_NOTIFICATION_ENABLED', 'false',
    'NOTIFICATION', '{"type": "boolean"}');
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('SYSTEM_NAME',
    'White Cross Healthcare Platform', 'GENERAL', '{"type": "string", "maxLength": 200}');
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('SUPPORT_EMAIL',
    'support@whitecross.health', 'GENERAL', '{"type": "email"}');
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('MAINTENANCE_MODE', 'false', 'GENERAL',
    '{"type": "boolean"}');
INSERT INTO system_configurations (key, value, category, "validationRules") VALUES ('MAX_FILE_UPLOAD_SIZE_MB', '10',
    'GENERAL', '{"max": 100, "min": 1, "type": "number"}');
INSERT INTO "SequelizeMeta" (name) VALUES ('20250103000003-create-system-configuration.js');

-- migration 20251009013303-enhance-system-configuration
CREATE TYPE "ConfigScope" AS ENUM ('SYSTEM', 'DISTRICT', 'SCHOOL', 'USER');
CREATE TYPE "ConfigValueType" AS ENUM ('STRING', 'NUMBER', 'BOOLEAN', 'JSON', 'ARRAY', 'DATE', 'TIME', 'DATETIME', 'EMAIL',
    'URL', 'COLOR', 'ENUM');
ALTER TYPE "ConfigCategory" ADD VALUE 'HEALTHCARE';
ALTER TYPE "ConfigCategory" ADD VALUE 'MEDICATION';
ALTER TYPE "ConfigCategory" ADD VALUE 'APPOINTMENTS';
ALTER TYPE "ConfigCategory" ADD VALUE 'UI';
ALTER TYPE "ConfigCategory" ADD VALUE 'QUERY';
ALTER TYPE "ConfigCategory" ADD VALUE 'FILE_UPLOAD';
ALTER TYPE "ConfigCategory" ADD VALUE 'RATE_LIMITING';
ALTER TYPE "ConfigCategory" ADD VALUE 'SESSION';
ALTER TYPE "ConfigCategory" ADD VALUE 'EMAIL';
ALTER TYPE "ConfigCategory" ADD VALUE 'SMS';
CREATE TABLE configuration_history (
    id varchar(255) NOT NULL,
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
    PRIMARY KEY (id),
    FOREIGN KEY ("configurationId") REFERENCES system_configurations (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TYPE "enum_system_configurations_valueType" AS ENUM ('STRING', 'NUMBER', 'BOOLEAN', 'JSON', 'ARRAY', 'DATE', 'TIME',
    'DATETIME', 'EMAIL', 'URL', 'COLOR', 'ENUM');
ALTER TABLE system_configurations ADD COLUMN "valueType" "enum_system_configurations_valueType" NOT NULL DEFAULT 'STRING';
ALTER TABLE system_configurations ADD COLUMN "subCategory" text;
ALTER TABLE system_configurations ADD COLUMN "defaultValue" text;
ALTER TABLE system_configurations ADD COLUMN "validValues" text[] DEFAULT ARRAY[]::text[];
ALTER TABLE system_configurations ADD COLUMN "minValue" float8;
ALTER TABLE system_configurations ADD COLUMN "maxValue" float8;
ALTER TABLE system_configurations ADD COLUMN "isEditable" boolean NOT NULL DEFAULT true;
ALTER TABLE system_configurations ADD COLUMN "requiresRestart" boolean NOT NULL DEFAULT false;
CREATE TYPE enum_system_configurations_scope AS ENUM ('SYSTEM', 'DISTRICT', 'SCHOOL', 'USER');
ALTER TABLE system_configurations ADD COLUMN scope enum_system_configurations_scope NOT NULL DEFAULT 'SYSTEM';
ALTER TABLE system_configurations ADD COLUMN "scopeId" text;
ALTER TABLE system_configurations ADD COLUMN tags text[] DEFAULT ARRAY[]::text[];
ALTER TABLE system_configurations ADD COLUMN "sortOrder" integer NOT NULL DEFAULT 0;
CREATE INDEX "configuration_history_changedBy_createdAt_idx" ON configuration_history USING btree ("changedBy", "createdAt");
CREATE INDEX "configuration_history_configKey_createdAt_idx" ON configuration_history USING btree ("configKey", "createdAt");
CREATE INDEX "configuration_history_configurationId_createdAt_idx" ON configuration_history USING btree ("configurationId",
    "createdAt");
CREATE INDEX "system_configurations_category_subCategory_idx" ON system_configurations USING btree (category, "subCategory");
CREATE INDEX "system_configurations_scope_scopeId_idx" ON system_configurations USING btree (scope, "scopeId");
CREATE INDEX system_configurations_tags_idx ON system_configurations USING gin (tags);
INSERT INTO "SequelizeMeta" (name) VALUES ('20251009013303-enhance-system-configuration.js');

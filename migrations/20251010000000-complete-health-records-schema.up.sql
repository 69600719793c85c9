-- Vaccinations, screenings, growth measurements and vital signs; more about allergies and chronic
-- conditions.
--
-- drydock: requires 20250103000001
-- drydock: risk critical
-- drydock: phi yes
-- drydock: writes chronic_conditions(status)
-- drydock: alias 20251010000000-complete-health-records-schema-FIXED
--
-- What differs from the earlier version of this schema:
--   * chronic_conditions.status keeps every value (INACTIVE and what was unknown became ACTIVE).
--     Case and surrounding blanks are put right, which is why the column is declared as written;
--     a value that is no label stops the migration.
--   * allergies.active is what "isActive" says (it was true for everyone). "updatedAt" does not
--     move for that.
--   * Columns meant as NOT NULL are NOT NULL: allergyType (OTHER), severity (MODERATE) and four
--     booleans. The two defaults stay, so that a version of the application that does not know
--     the columns can still insert.
--   * Only this migration's columns are undone by its undo; "status" keeps its values there, too.
--   * References to students RESTRICT (they cascaded); healthRecordId, appointmentId, createdBy
--     and updatedBy are SET NULL.
--   * Timestamps have a time zone; measures have a sensible precision (numeric(65,30)) and
--     possible values.
--   * The new tables have deletedAt.
--   * health_records_studentId_recordDate_idx and health_records_createdBy_idx are not made: the
--     first equals health_records_student_date_idx, the second came with its key.

-- Before anything else: what could not be taken over must not be touched.
DO $before$
DECLARE
    status_type regtype;
    unknown bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass('allergies')
                   AND tgname = 'allergies_set_updated_at') THEN
        RAISE EXCEPTION 'allergies lacks the trigger that keeps "updatedAt"'
            USING HINT = 'Migration 20250103000001 was applied in another version. '
                'Bring its tables to the shape of this one first. Nothing was changed.';
    END IF;
    SELECT atttypid INTO status_type FROM pg_attribute
    WHERE attrelid = to_regclass('chronic_conditions') AND attname = 'status' AND NOT attisdropped;
    IF status_type = to_regtype('"ConditionStatus"') THEN
        RETURN;
    END IF;
    IF status_type IS DISTINCT FROM 'varchar'::regtype THEN
        RAISE EXCEPTION 'chronic_conditions.status is neither varchar nor "ConditionStatus"'
            USING HINT = 'Migration 20250103000001 was applied in another version. '
                'Bring the column to varchar(50) first. Nothing was changed.';
    END IF;
    LOCK TABLE chronic_conditions IN ACCESS EXCLUSIVE MODE;
    SELECT count(*) INTO unknown FROM chronic_conditions
    WHERE upper(btrim(status)) NOT IN ('ACTIVE', 'MANAGED', 'RESOLVED', 'MONITORING', 'INACTIVE');
    IF unknown > 0 THEN
        RAISE EXCEPTION '% rows of chronic_conditions have a status that "ConditionStatus" lacks',
                unknown
            USING HINT = 'Give them ACTIVE, MANAGED, RESOLVED, MONITORING or INACTIVE (a clinical '
                'decision that no migration can make), and run this again. Nothing was changed.';
    END IF;
END
$before$;

DO $types$
BEGIN
    IF to_regtype('"VaccineType"') IS NULL THEN
        CREATE TYPE "VaccineType" AS ENUM
            ('COVID_19', 'FLU', 'MEASLES', 'MUMPS', 'RUBELLA', 'MMR', 'POLIO', 'HEPATITIS_A',
             'HEPATITIS_B', 'VARICELLA', 'TETANUS', 'DIPHTHERIA', 'PERTUSSIS', 'TDAP', 'DTaP',
             'HIB', 'PNEUMOCOCCAL', 'ROTAVIRUS', 'MENINGOCOCCAL', 'HPV', 'OTHER');
    END IF;
    IF to_regtype('"AdministrationSite"') IS NULL THEN
        CREATE TYPE "AdministrationSite" AS ENUM
            ('ARM_LEFT', 'ARM_RIGHT', 'THIGH_LEFT', 'THIGH_RIGHT', 'DELTOID_LEFT',
             'DELTOID_RIGHT', 'BUTTOCK_LEFT', 'BUTTOCK_RIGHT', 'ORAL', 'NASAL', 'OTHER');
    END IF;
    IF to_regtype('"AdministrationRoute"') IS NULL THEN
        CREATE TYPE "AdministrationRoute" AS ENUM
            ('INTRAMUSCULAR', 'SUBCUTANEOUS', 'INTRADERMAL', 'ORAL', 'INTRANASAL', 'INTRAVENOUS',
             'OTHER');
    END IF;
    IF to_regtype('"VaccineComplianceStatus"') IS NULL THEN
        CREATE TYPE "VaccineComplianceStatus" AS ENUM
            ('COMPLIANT', 'OVERDUE', 'PARTIALLY_COMPLIANT', 'EXEMPT', 'NON_COMPLIANT');
    END IF;
    IF to_regtype('"ScreeningType"') IS NULL THEN
        CREATE TYPE "ScreeningType" AS ENUM
            ('VISION', 'HEARING', 'SCOLIOSIS', 'DENTAL', 'BMI', 'BLOOD_PRESSURE', 'DEVELOPMENTAL',
             'SPEECH', 'MENTAL_HEALTH', 'TUBERCULOSIS', 'LEAD', 'ANEMIA', 'OTHER');
    END IF;
    IF to_regtype('"ScreeningOutcome"') IS NULL THEN
        CREATE TYPE "ScreeningOutcome" AS ENUM
            ('PASS', 'REFER', 'FAIL', 'INCONCLUSIVE', 'INCOMPLETE');
    END IF;
    IF to_regtype('"FollowUpStatus"') IS NULL THEN
        CREATE TYPE "FollowUpStatus" AS ENUM
            ('PENDING', 'SCHEDULED', 'COMPLETED', 'CANCELLED', 'OVERDUE', 'NOT_NEEDED');
    END IF;
    IF to_regtype('"ConsciousnessLevel"') IS NULL THEN
        CREATE TYPE "ConsciousnessLevel" AS ENUM
            ('ALERT', 'VERBAL', 'PAIN', 'UNRESPONSIVE', 'DROWSY', 'CONFUSED', 'LETHARGIC');
    END IF;
    IF to_regtype('"AllergyType"') IS NULL THEN
        CREATE TYPE "AllergyType" AS ENUM
            ('FOOD', 'MEDICATION', 'ENVIRONMENTAL', 'INSECT', 'LATEX', 'ANIMAL', 'CHEMICAL',
             'SEASONAL', 'OTHER');
    END IF;
    IF to_regtype('"ConditionSeverity"') IS NULL THEN
        CREATE TYPE "ConditionSeverity" AS ENUM ('MILD', 'MODERATE', 'SEVERE', 'CRITICAL');
    END IF;
    IF to_regtype('"ConditionStatus"') IS NULL THEN
        CREATE TYPE "ConditionStatus" AS ENUM
            ('ACTIVE', 'MANAGED', 'RESOLVED', 'MONITORING', 'INACTIVE');
    END IF;
END
$types$;

CREATE TABLE IF NOT EXISTS vaccinations (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "vaccineName" text NOT NULL,
    "vaccineType" "VaccineType",
    manufacturer text,
    "lotNumber" text,
    "cvxCode" text,
    "ndcCode" text,
    "doseNumber" integer,
    "totalDoses" integer,
    "seriesComplete" boolean NOT NULL DEFAULT false,
    "administrationDate" timestamptz NOT NULL,
    "administeredBy" text NOT NULL,
    "administeredByRole" text,
    facility text,
    "siteOfAdministration" "AdministrationSite",
    "routeOfAdministration" "AdministrationRoute",
    "dosageAmount" text,
    "expirationDate" timestamptz,
    "nextDueDate" timestamptz,
    reactions text,
    "adverseEvents" jsonb,
    "exemptionStatus" boolean NOT NULL DEFAULT false,
    "exemptionReason" text,
    "exemptionDocument" text,
    "complianceStatus" "VaccineComplianceStatus" NOT NULL DEFAULT 'COMPLIANT',
    "vfcEligibility" boolean NOT NULL DEFAULT false,
    "visProvided" boolean NOT NULL DEFAULT false,
    "visDate" timestamptz,
    "consentObtained" boolean NOT NULL DEFAULT false,
    "consentBy" text,
    notes text,
    "studentId" uuid NOT NULL,
    "healthRecordId" uuid,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT vaccinations_pkey PRIMARY KEY (id),
    CONSTRAINT "vaccinations_studentId_fkey" FOREIGN KEY ("studentId") REFERENCES students (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "vaccinations_healthRecordId_fkey"
        FOREIGN KEY ("healthRecordId") REFERENCES health_records (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "vaccinations_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "vaccinations_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "vaccinations_doseNumber_check" CHECK ("doseNumber" >= 1),
    CONSTRAINT "vaccinations_totalDoses_check" CHECK ("totalDoses" >= 1)
);

CREATE TABLE IF NOT EXISTS screenings (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "screeningType" "ScreeningType" NOT NULL,
    "screeningDate" timestamptz NOT NULL,
    "screenedBy" text NOT NULL,
    "screenedByRole" text,
    results jsonb,
    outcome "ScreeningOutcome" NOT NULL DEFAULT 'PASS',
    "referralRequired" boolean NOT NULL DEFAULT false,
    "referralTo" text,
    "referralDate" timestamptz,
    "referralReason" text,
    "followUpRequired" boolean NOT NULL DEFAULT false,
    "followUpDate" timestamptz,
    "followUpStatus" "FollowUpStatus",
    "equipmentUsed" text,
    "testDetails" jsonb,
    "rightEye" text,
    "leftEye" text,
    "rightEar" text,
    "leftEar" text,
    "passedCriteria" boolean,
    notes text,
    "studentId" uuid NOT NULL,
    "healthRecordId" uuid,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT screenings_pkey PRIMARY KEY (id),
    CONSTRAINT "screenings_studentId_fkey" FOREIGN KEY ("studentId") REFERENCES students (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "screenings_healthRecordId_fkey"
        FOREIGN KEY ("healthRecordId") REFERENCES health_records (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "screenings_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "screenings_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE IF NOT EXISTS growth_measurements (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "measurementDate" timestamptz NOT NULL,
    "measuredBy" text NOT NULL,
    "measuredByRole" text,
    height numeric(6,2),
    "heightUnit" text NOT NULL DEFAULT 'cm',
    weight numeric(7,3),
    "weightUnit" text NOT NULL DEFAULT 'kg',
    bmi numeric(5,2),
    "bmiPercentile" numeric(5,2),
    "headCircumference" numeric(5,2),
    "heightPercentile" numeric(5,2),
    "weightPercentile" numeric(5,2),
    "growthPercentiles" jsonb,
    "nutritionalStatus" text,
    concerns text,
    notes text,
    "studentId" uuid NOT NULL,
    "healthRecordId" uuid,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT growth_measurements_pkey PRIMARY KEY (id),
    CONSTRAINT "growth_measurements_studentId_fkey"
        FOREIGN KEY ("studentId") REFERENCES students (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "growth_measurements_healthRecordId_fkey"
        FOREIGN KEY ("healthRecordId") REFERENCES health_records (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "growth_measurements_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "growth_measurements_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT growth_measurements_height_check CHECK (height > 0),
    CONSTRAINT growth_measurements_weight_check CHECK (weight > 0),
    CONSTRAINT growth_measurements_bmi_check CHECK (bmi > 0),
    CONSTRAINT "growth_measurements_headCircumference_check" CHECK ("headCircumference" > 0),
    CONSTRAINT "growth_measurements_bmiPercentile_check"
        CHECK ("bmiPercentile" >= 0 AND "bmiPercentile" <= 100),
    CONSTRAINT "growth_measurements_heightPercentile_check"
        CHECK ("heightPercentile" >= 0 AND "heightPercentile" <= 100),
    CONSTRAINT "growth_measurements_weightPercentile_check"
        CHECK ("weightPercentile" >= 0 AND "weightPercentile" <= 100)
);

-- The range of a temperature covers Celsius and Fahrenheit: it finds slips, not fevers. A heart
-- rate may be 0.
CREATE TABLE IF NOT EXISTS vital_signs (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "measurementDate" timestamptz NOT NULL,
    "measuredBy" text NOT NULL,
    "measuredByRole" text,
    temperature numeric(5,2),
    "temperatureUnit" text NOT NULL DEFAULT 'F',
    "temperatureSite" text,
    "bloodPressureSystolic" integer,
    "bloodPressureDiastolic" integer,
    "bloodPressurePosition" text,
    "heartRate" integer,
    "heartRhythm" text,
    "respiratoryRate" integer,
    "oxygenSaturation" integer,
    "oxygenSupplemental" boolean NOT NULL DEFAULT false,
    "painLevel" integer,
    "painLocation" text,
    consciousness "ConsciousnessLevel",
    "glucoseLevel" numeric(6,2),
    "peakFlow" integer,
    notes text,
    "studentId" uuid NOT NULL,
    "healthRecordId" uuid,
    "appointmentId" uuid,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT vital_signs_pkey PRIMARY KEY (id),
    CONSTRAINT "vital_signs_studentId_fkey" FOREIGN KEY ("studentId") REFERENCES students (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "vital_signs_healthRecordId_fkey"
        FOREIGN KEY ("healthRecordId") REFERENCES health_records (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "vital_signs_appointmentId_fkey"
        FOREIGN KEY ("appointmentId") REFERENCES appointments (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "vital_signs_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "vital_signs_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT vital_signs_temperature_check CHECK (temperature >= 20 AND temperature <= 120),
    CONSTRAINT "vital_signs_bloodPressureSystolic_check"
        CHECK ("bloodPressureSystolic" >= 0 AND "bloodPressureSystolic" <= 400),
    CONSTRAINT "vital_signs_bloodPressureDiastolic_check"
        CHECK ("bloodPressureDiastolic" >= 0 AND "bloodPressureDiastolic" <= 300),
    CONSTRAINT "vital_signs_heartRate_check" CHECK ("heartRate" >= 0 AND "heartRate" <= 400),
    CONSTRAINT "vital_signs_respiratoryRate_check"
        CHECK ("respiratoryRate" >= 0 AND "respiratoryRate" <= 200),
    CONSTRAINT "vital_signs_oxygenSaturation_check"
        CHECK ("oxygenSaturation" >= 0 AND "oxygenSaturation" <= 100),
    CONSTRAINT "vital_signs_painLevel_check" CHECK ("painLevel" >= 0 AND "painLevel" <= 10),
    CONSTRAINT "vital_signs_glucoseLevel_check" CHECK ("glucoseLevel" >= 0),
    CONSTRAINT "vital_signs_peakFlow_check" CHECK ("peakFlow" >= 0 AND "peakFlow" <= 2000)
);

-- active is born without a value, so that a second run can tell what is still to be filled.
ALTER TABLE allergies
    ADD COLUMN IF NOT EXISTS "allergyType" "AllergyType" NOT NULL DEFAULT 'OTHER',
    ADD COLUMN IF NOT EXISTS symptoms text,
    ADD COLUMN IF NOT EXISTS reactions jsonb,
    ADD COLUMN IF NOT EXISTS treatment text,
    ADD COLUMN IF NOT EXISTS "emergencyProtocol" text,
    ADD COLUMN IF NOT EXISTS "onsetDate" timestamptz,
    ADD COLUMN IF NOT EXISTS verified boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS "verifiedBy" text,
    ADD COLUMN IF NOT EXISTS "verificationDate" timestamptz,
    ADD COLUMN IF NOT EXISTS active boolean,
    ADD COLUMN IF NOT EXISTS "epiPenRequired" boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS "epiPenLocation" text,
    ADD COLUMN IF NOT EXISTS "epiPenExpiration" timestamptz,
    ADD COLUMN IF NOT EXISTS "healthRecordId" uuid;

ALTER TABLE allergies DISABLE TRIGGER allergies_set_updated_at;
UPDATE allergies SET active = "isActive" WHERE active IS NULL;
ALTER TABLE allergies ENABLE TRIGGER allergies_set_updated_at;
ALTER TABLE allergies
    ALTER COLUMN active SET DEFAULT true,
    ALTER COLUMN active SET NOT NULL;

ALTER TABLE chronic_conditions
    ADD COLUMN IF NOT EXISTS "icdCode" text,
    ADD COLUMN IF NOT EXISTS "diagnosedBy" text,
    ADD COLUMN IF NOT EXISTS severity "ConditionSeverity" NOT NULL DEFAULT 'MODERATE',
    ADD COLUMN IF NOT EXISTS medications jsonb,
    ADD COLUMN IF NOT EXISTS treatments text,
    ADD COLUMN IF NOT EXISTS "accommodationsRequired" boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS "accommodationDetails" text,
    ADD COLUMN IF NOT EXISTS "emergencyProtocol" text,
    ADD COLUMN IF NOT EXISTS "actionPlan" text,
    ADD COLUMN IF NOT EXISTS "reviewFrequency" text,
    ADD COLUMN IF NOT EXISTS restrictions jsonb,
    ADD COLUMN IF NOT EXISTS precautions jsonb,
    ADD COLUMN IF NOT EXISTS triggers text[],
    ADD COLUMN IF NOT EXISTS "carePlan" text,
    ADD COLUMN IF NOT EXISTS "lastReviewDate" timestamptz,
    ADD COLUMN IF NOT EXISTS "healthRecordId" uuid;

-- A change of type writes the table anew without firing triggers: "updatedAt" stays.
DO $status$
BEGIN
    IF (SELECT atttypid FROM pg_attribute
        WHERE attrelid = to_regclass('chronic_conditions') AND attname = 'status')
        <> to_regtype('"ConditionStatus"') THEN
        ALTER TABLE chronic_conditions
            ALTER COLUMN status DROP DEFAULT,
            ALTER COLUMN status TYPE "ConditionStatus"
                USING upper(btrim(status))::"ConditionStatus",
            ALTER COLUMN status SET DEFAULT 'ACTIVE';
    END IF;
END
$status$;

-- IF NOT EXISTS passes over what has the name and another shape: this stops on it.
DO $columns$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
        WITH types (name, labels) AS (VALUES
            ('VaccineType',
                'COVID_19, FLU, MEASLES, MUMPS, RUBELLA, MMR, POLIO, HEPATITIS_A, '
                'HEPATITIS_B, VARICELLA, TETANUS, DIPHTHERIA, PERTUSSIS, TDAP, DTaP, HIB, '
                'PNEUMOCOCCAL, ROTAVIRUS, MENINGOCOCCAL, HPV, OTHER'),
            ('AdministrationSite',
                'ARM_LEFT, ARM_RIGHT, THIGH_LEFT, THIGH_RIGHT, DELTOID_LEFT, DELTOID_RIGHT, '
                'BUTTOCK_LEFT, BUTTOCK_RIGHT, ORAL, NASAL, OTHER'),
            ('AdministrationRoute',
                'INTRAMUSCULAR, SUBCUTANEOUS, INTRADERMAL, ORAL, INTRANASAL, INTRAVENOUS, '
                'OTHER'),
            ('VaccineComplianceStatus',
                'COMPLIANT, OVERDUE, PARTIALLY_COMPLIANT, EXEMPT, NON_COMPLIANT'),
            ('ScreeningType',
                'VISION, HEARING, SCOLIOSIS, DENTAL, BMI, BLOOD_PRESSURE, DEVELOPMENTAL, '
                'SPEECH, MENTAL_HEALTH, TUBERCULOSIS, LEAD, ANEMIA, OTHER'),
            ('ScreeningOutcome', 'PASS, REFER, FAIL, INCONCLUSIVE, INCOMPLETE'),
            ('FollowUpStatus',
                'PENDING, SCHEDULED, COMPLETED, CANCELLED, OVERDUE, NOT_NEEDED'),
            ('ConsciousnessLevel',
                'ALERT, VERBAL, PAIN, UNRESPONSIVE, DROWSY, CONFUSED, LETHARGIC'),
            ('AllergyType',
                'FOOD, MEDICATION, ENVIRONMENTAL, INSECT, LATEX, ANIMAL, CHEMICAL, SEASONAL, '
                'OTHER'),
            ('ConditionSeverity', 'MILD, MODERATE, SEVERE, CRITICAL'),
            ('ConditionStatus', 'ACTIVE, MANAGED, RESOLVED, MONITORING, INACTIVE')
        ), tables (name, columns) AS (VALUES
            ('allergies', ARRAY[
                'allergyType "AllergyType" not null default ''OTHER''::"AllergyType"',
                'symptoms text', 'reactions jsonb', 'treatment text', 'emergencyProtocol text',
                'onsetDate timestamp with time zone', 'verified boolean not null default false',
                'verifiedBy text', 'verificationDate timestamp with time zone',
                'active boolean not null default true',
                'epiPenRequired boolean not null default false', 'epiPenLocation text',
                'epiPenExpiration timestamp with time zone', 'healthRecordId uuid']),
            ('chronic_conditions', ARRAY[
                'status "ConditionStatus" not null default ''ACTIVE''::"ConditionStatus"',
                'icdCode text', 'diagnosedBy text',
                'severity "ConditionSeverity" not null default ''MODERATE''::"ConditionSeverity"',
                'medications jsonb', 'treatments text',
                'accommodationsRequired boolean not null default false',
                'accommodationDetails text', 'emergencyProtocol text', 'actionPlan text',
                'reviewFrequency text', 'restrictions jsonb', 'precautions jsonb',
                'triggers text[]', 'carePlan text', 'lastReviewDate timestamp with time zone',
                'healthRecordId uuid']),
            ('vaccinations', ARRAY[
                'id uuid not null default gen_random_uuid()', 'vaccineName text not null',
                'vaccineType "VaccineType"', 'manufacturer text', 'lotNumber text',
                'cvxCode text', 'ndcCode text', 'doseNumber integer', 'totalDoses integer',
                'seriesComplete boolean not null default false',
                'administrationDate timestamp with time zone not null',
                'administeredBy text not null', 'administeredByRole text', 'facility text',
                'siteOfAdministration "AdministrationSite"',
                'routeOfAdministration "AdministrationRoute"', 'dosageAmount text',
                'expirationDate timestamp with time zone',
                'nextDueDate timestamp with time zone', 'reactions text', 'adverseEvents jsonb',
                'exemptionStatus boolean not null default false', 'exemptionReason text',
                'exemptionDocument text',
                'complianceStatus "VaccineComplianceStatus" not null '
                'default ''COMPLIANT''::"VaccineComplianceStatus"',
                'vfcEligibility boolean not null default false',
                'visProvided boolean not null default false',
                'visDate timestamp with time zone',
                'consentObtained boolean not null default false', 'consentBy text',
                'notes text', 'studentId uuid not null', 'healthRecordId uuid',
                'createdBy uuid', 'updatedBy uuid',
                'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
                'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
                'deletedAt timestamp with time zone']),
            ('screenings', ARRAY[
                'id uuid not null default gen_random_uuid()',
                'screeningType "ScreeningType" not null',
                'screeningDate timestamp with time zone not null', 'screenedBy text not null',
                'screenedByRole text', 'results jsonb',
                'outcome "ScreeningOutcome" not null default ''PASS''::"ScreeningOutcome"',
                'referralRequired boolean not null default false', 'referralTo text',
                'referralDate timestamp with time zone', 'referralReason text',
                'followUpRequired boolean not null default false',
                'followUpDate timestamp with time zone', 'followUpStatus "FollowUpStatus"',
                'equipmentUsed text', 'testDetails jsonb', 'rightEye text', 'leftEye text',
                'rightEar text', 'leftEar text', 'passedCriteria boolean', 'notes text',
                'studentId uuid not null', 'healthRecordId uuid', 'createdBy uuid',
                'updatedBy uuid',
                'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
                'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
                'deletedAt timestamp with time zone']),
            ('growth_measurements', ARRAY[
                'id uuid not null default gen_random_uuid()',
                'measurementDate timestamp with time zone not null', 'measuredBy text not null',
                'measuredByRole text', 'height numeric(6,2)',
                'heightUnit text not null default ''cm''::text', 'weight numeric(7,3)',
                'weightUnit text not null default ''kg''::text', 'bmi numeric(5,2)',
                'bmiPercentile numeric(5,2)', 'headCircumference numeric(5,2)',
                'heightPercentile numeric(5,2)', 'weightPercentile numeric(5,2)',
                'growthPercentiles jsonb', 'nutritionalStatus text', 'concerns text',
                'notes text', 'studentId uuid not null', 'healthRecordId uuid',
                'createdBy uuid', 'updatedBy uuid',
                'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
                'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
                'deletedAt timestamp with time zone']),
            ('vital_signs', ARRAY[
                'id uuid not null default gen_random_uuid()',
                'measurementDate timestamp with time zone not null', 'measuredBy text not null',
                'measuredByRole text', 'temperature numeric(5,2)',
                'temperatureUnit text not null default ''F''::text', 'temperatureSite text',
                'bloodPressureSystolic integer', 'bloodPressureDiastolic integer',
                'bloodPressurePosition text', 'heartRate integer', 'heartRhythm text',
                'respiratoryRate integer', 'oxygenSaturation integer',
                'oxygenSupplemental boolean not null default false', 'painLevel integer',
                'painLocation text', 'consciousness "ConsciousnessLevel"',
                'glucoseLevel numeric(6,2)', 'peakFlow integer', 'notes text',
                'studentId uuid not null', 'healthRecordId uuid', 'appointmentId uuid',
                'createdBy uuid', 'updatedBy uuid',
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

DO $keys$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('allergies')
                   AND conname = 'allergies_healthRecordId_fkey') THEN
        ALTER TABLE allergies ADD CONSTRAINT "allergies_healthRecordId_fkey"
            FOREIGN KEY ("healthRecordId") REFERENCES health_records (id) ON DELETE SET NULL;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('chronic_conditions')
                   AND conname = 'chronic_conditions_healthRecordId_fkey') THEN
        ALTER TABLE chronic_conditions ADD CONSTRAINT "chronic_conditions_healthRecordId_fkey"
            FOREIGN KEY ("healthRecordId") REFERENCES health_records (id) ON DELETE SET NULL;
    END IF;
END
$keys$;

CREATE INDEX IF NOT EXISTS "health_records_recordType_recordDate_idx"
    ON health_records ("recordType", "recordDate");
CREATE INDEX IF NOT EXISTS "health_records_followUpRequired_followUpDate_idx"
    ON health_records ("followUpRequired", "followUpDate");

CREATE INDEX IF NOT EXISTS "allergies_studentId_active_idx" ON allergies ("studentId", active);
CREATE INDEX IF NOT EXISTS "allergies_allergyType_severity_idx"
    ON allergies ("allergyType", severity);
CREATE INDEX IF NOT EXISTS "allergies_epiPenExpiration_idx" ON allergies ("epiPenExpiration");
CREATE INDEX IF NOT EXISTS "allergies_healthRecordId_idx" ON allergies ("healthRecordId");

CREATE INDEX IF NOT EXISTS "chronic_conditions_studentId_status_idx"
    ON chronic_conditions ("studentId", status);
CREATE INDEX IF NOT EXISTS chronic_conditions_severity_status_idx
    ON chronic_conditions (severity, status);
CREATE INDEX IF NOT EXISTS "chronic_conditions_nextReviewDate_idx"
    ON chronic_conditions ("nextReviewDate");
CREATE INDEX IF NOT EXISTS "chronic_conditions_healthRecordId_idx"
    ON chronic_conditions ("healthRecordId");

CREATE INDEX IF NOT EXISTS "vaccinations_studentId_administrationDate_idx"
    ON vaccinations ("studentId", "administrationDate");
CREATE INDEX IF NOT EXISTS "vaccinations_vaccineType_complianceStatus_idx"
    ON vaccinations ("vaccineType", "complianceStatus");
CREATE INDEX IF NOT EXISTS "vaccinations_expirationDate_idx" ON vaccinations ("expirationDate");
CREATE INDEX IF NOT EXISTS "vaccinations_nextDueDate_idx" ON vaccinations ("nextDueDate");
CREATE INDEX IF NOT EXISTS "vaccinations_healthRecordId_idx" ON vaccinations ("healthRecordId");
CREATE INDEX IF NOT EXISTS "vaccinations_createdBy_idx" ON vaccinations ("createdBy");
CREATE INDEX IF NOT EXISTS "vaccinations_updatedBy_idx" ON vaccinations ("updatedBy");

CREATE INDEX IF NOT EXISTS "screenings_studentId_screeningDate_idx"
    ON screenings ("studentId", "screeningDate");
CREATE INDEX IF NOT EXISTS "screenings_screeningType_outcome_idx"
    ON screenings ("screeningType", outcome);
CREATE INDEX IF NOT EXISTS "screenings_referralRequired_followUpRequired_idx"
    ON screenings ("referralRequired", "followUpRequired");
CREATE INDEX IF NOT EXISTS "screenings_followUpDate_idx" ON screenings ("followUpDate");
CREATE INDEX IF NOT EXISTS "screenings_healthRecordId_idx" ON screenings ("healthRecordId");
CREATE INDEX IF NOT EXISTS "screenings_createdBy_idx" ON screenings ("createdBy");
CREATE INDEX IF NOT EXISTS "screenings_updatedBy_idx" ON screenings ("updatedBy");

CREATE INDEX IF NOT EXISTS "growth_measurements_studentId_measurementDate_idx"
    ON growth_measurements ("studentId", "measurementDate");
CREATE INDEX IF NOT EXISTS "growth_measurements_measurementDate_idx"
    ON growth_measurements ("measurementDate");
CREATE INDEX IF NOT EXISTS "growth_measurements_healthRecordId_idx"
    ON growth_measurements ("healthRecordId");
CREATE INDEX IF NOT EXISTS "growth_measurements_createdBy_idx" ON growth_measurements ("createdBy");
CREATE INDEX IF NOT EXISTS "growth_measurements_updatedBy_idx" ON growth_measurements ("updatedBy");

CREATE INDEX IF NOT EXISTS "vital_signs_studentId_measurementDate_idx"
    ON vital_signs ("studentId", "measurementDate");
CREATE INDEX IF NOT EXISTS "vital_signs_measurementDate_idx" ON vital_signs ("measurementDate");
CREATE INDEX IF NOT EXISTS "vital_signs_appointmentId_idx" ON vital_signs ("appointmentId");
CREATE INDEX IF NOT EXISTS "vital_signs_healthRecordId_idx" ON vital_signs ("healthRecordId");
CREATE INDEX IF NOT EXISTS "vital_signs_createdBy_idx" ON vital_signs ("createdBy");
CREATE INDEX IF NOT EXISTS "vital_signs_updatedBy_idx" ON vital_signs ("updatedBy");

CREATE OR REPLACE TRIGGER vaccinations_set_updated_at BEFORE UPDATE ON vaccinations
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER screenings_set_updated_at BEFORE UPDATE ON screenings
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER growth_measurements_set_updated_at BEFORE UPDATE ON growth_measurements
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER vital_signs_set_updated_at BEFORE UPDATE ON vital_signs
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE vaccinations IS 'Vaccinations of students (PHI)';
COMMENT ON TABLE screenings IS 'Screenings of students (PHI)';
COMMENT ON TABLE growth_measurements IS 'Growth measurements of students (PHI)';
COMMENT ON TABLE vital_signs IS 'Vital signs of students (PHI)';

-- The same for indexes and constraints.
DO $shape$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
        WITH indexes (table_name, name, definition) AS (VALUES
            ('health_records', 'health_records_recordType_recordDate_idx',
                'btree ("recordType", "recordDate")'),
            ('health_records', 'health_records_followUpRequired_followUpDate_idx',
                'btree ("followUpRequired", "followUpDate")'),
            ('allergies', 'allergies_studentId_active_idx', 'btree ("studentId", active)'),
            ('allergies', 'allergies_allergyType_severity_idx',
                'btree ("allergyType", severity)'),
            ('allergies', 'allergies_epiPenExpiration_idx', 'btree ("epiPenExpiration")'),
            ('allergies', 'allergies_healthRecordId_idx', 'btree ("healthRecordId")'),
            ('chronic_conditions', 'chronic_conditions_studentId_status_idx',
                'btree ("studentId", status)'),
            ('chronic_conditions', 'chronic_conditions_severity_status_idx',
                'btree (severity, status)'),
            ('chronic_conditions', 'chronic_conditions_nextReviewDate_idx',
                'btree ("nextReviewDate")'),
            ('chronic_conditions', 'chronic_conditions_healthRecordId_idx',
                'btree ("healthRecordId")'),
            ('vaccinations', 'vaccinations_studentId_administrationDate_idx',
                'btree ("studentId", "administrationDate")'),
            ('vaccinations', 'vaccinations_vaccineType_complianceStatus_idx',
                'btree ("vaccineType", "complianceStatus")'),
            ('vaccinations', 'vaccinations_expirationDate_idx', 'btree ("expirationDate")'),
            ('vaccinations', 'vaccinations_nextDueDate_idx', 'btree ("nextDueDate")'),
            ('vaccinations', 'vaccinations_healthRecordId_idx', 'btree ("healthRecordId")'),
            ('vaccinations', 'vaccinations_createdBy_idx', 'btree ("createdBy")'),
            ('vaccinations', 'vaccinations_updatedBy_idx', 'btree ("updatedBy")'),
            ('screenings', 'screenings_studentId_screeningDate_idx',
                'btree ("studentId", "screeningDate")'),
            ('screenings', 'screenings_screeningType_outcome_idx',
                'btree ("screeningType", outcome)'),
            ('screenings', 'screenings_referralRequired_followUpRequired_idx',
                'btree ("referralRequired", "followUpRequired")'),
            ('screenings', 'screenings_followUpDate_idx', 'btree ("followUpDate")'),
            ('screenings', 'screenings_healthRecordId_idx', 'btree ("healthRecordId")'),
            ('screenings', 'screenings_createdBy_idx', 'btree ("createdBy")'),
            ('screenings', 'screenings_updatedBy_idx', 'btree ("updatedBy")'),
            ('growth_measurements', 'growth_measurements_studentId_measurementDate_idx',
                'btree ("studentId", "measurementDate")'),
            ('growth_measurements', 'growth_measurements_measurementDate_idx',
                'btree ("measurementDate")'),
            ('growth_measurements', 'growth_measurements_healthRecordId_idx',
                'btree ("healthRecordId")'),
            ('growth_measurements', 'growth_measurements_createdBy_idx', 'btree ("createdBy")'),
            ('growth_measurements', 'growth_measurements_updatedBy_idx', 'btree ("updatedBy")'),
            ('vital_signs', 'vital_signs_studentId_measurementDate_idx',
                'btree ("studentId", "measurementDate")'),
            ('vital_signs', 'vital_signs_measurementDate_idx', 'btree ("measurementDate")'),
            ('vital_signs', 'vital_signs_appointmentId_idx', 'btree ("appointmentId")'),
            ('vital_signs', 'vital_signs_healthRecordId_idx', 'btree ("healthRecordId")'),
            ('vital_signs', 'vital_signs_createdBy_idx', 'btree ("createdBy")'),
            ('vital_signs', 'vital_signs_updatedBy_idx', 'btree ("updatedBy")')
        ), constraints (table_name, name, definition) AS (VALUES
            ('allergies', 'allergies_healthRecordId_fkey',
                'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
                'ON DELETE SET NULL'),
            ('chronic_conditions', 'chronic_conditions_healthRecordId_fkey',
                'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
                'ON DELETE SET NULL'),
            ('vaccinations', 'vaccinations_pkey', 'PRIMARY KEY (id)'),
            ('vaccinations', 'vaccinations_studentId_fkey',
                'FOREIGN KEY ("studentId") REFERENCES students(id) '
                'ON UPDATE CASCADE ON DELETE RESTRICT'),
            ('vaccinations', 'vaccinations_healthRecordId_fkey',
                'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('vaccinations', 'vaccinations_createdBy_fkey',
                'FOREIGN KEY ("createdBy") REFERENCES users(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('vaccinations', 'vaccinations_updatedBy_fkey',
                'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('vaccinations', 'vaccinations_doseNumber_check', 'CHECK ("doseNumber" >= 1)'),
            ('vaccinations', 'vaccinations_totalDoses_check', 'CHECK ("totalDoses" >= 1)'),
            ('screenings', 'screenings_pkey', 'PRIMARY KEY (id)'),
            ('screenings', 'screenings_studentId_fkey',
                'FOREIGN KEY ("studentId") REFERENCES students(id) '
                'ON UPDATE CASCADE ON DELETE RESTRICT'),
            ('screenings', 'screenings_healthRecordId_fkey',
                'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('screenings', 'screenings_createdBy_fkey',
                'FOREIGN KEY ("createdBy") REFERENCES users(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('screenings', 'screenings_updatedBy_fkey',
                'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('growth_measurements', 'growth_measurements_pkey', 'PRIMARY KEY (id)'),
            ('growth_measurements', 'growth_measurements_studentId_fkey',
                'FOREIGN KEY ("studentId") REFERENCES students(id) '
                'ON UPDATE CASCADE ON DELETE RESTRICT'),
            ('growth_measurements', 'growth_measurements_healthRecordId_fkey',
                'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('growth_measurements', 'growth_measurements_createdBy_fkey',
                'FOREIGN KEY ("createdBy") REFERENCES users(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('growth_measurements', 'growth_measurements_updatedBy_fkey',
                'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('growth_measurements', 'growth_measurements_height_check',
                'CHECK (height > 0::numeric)'),
            ('growth_measurements', 'growth_measurements_weight_check',
                'CHECK (weight > 0::numeric)'),
            ('growth_measurements', 'growth_measurements_bmi_check', 'CHECK (bmi > 0::numeric)'),
            ('growth_measurements', 'growth_measurements_headCircumference_check',
                'CHECK ("headCircumference" > 0::numeric)'),
            ('growth_measurements', 'growth_measurements_bmiPercentile_check',
                'CHECK ("bmiPercentile" >= 0::numeric AND "bmiPercentile" <= 100::numeric)'),
            ('growth_measurements', 'growth_measurements_heightPercentile_check',
                'CHECK ("heightPercentile" >= 0::numeric AND "heightPercentile" <= '
                '100::numeric)'),
            ('growth_measurements', 'growth_measurements_weightPercentile_check',
                'CHECK ("weightPercentile" >= 0::numeric AND "weightPercentile" <= '
                '100::numeric)'),
            ('vital_signs', 'vital_signs_pkey', 'PRIMARY KEY (id)'),
            ('vital_signs', 'vital_signs_studentId_fkey',
                'FOREIGN KEY ("studentId") REFERENCES students(id) '
                'ON UPDATE CASCADE ON DELETE RESTRICT'),
            ('vital_signs', 'vital_signs_healthRecordId_fkey',
                'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('vital_signs', 'vital_signs_appointmentId_fkey',
                'FOREIGN KEY ("appointmentId") REFERENCES appointments(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('vital_signs', 'vital_signs_createdBy_fkey',
                'FOREIGN KEY ("createdBy") REFERENCES users(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('vital_signs', 'vital_signs_updatedBy_fkey',
                'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
                'ON UPDATE CASCADE ON DELETE SET NULL'),
            ('vital_signs', 'vital_signs_temperature_check',
                'CHECK (temperature >= 20::numeric AND temperature <= 120::numeric)'),
            ('vital_signs', 'vital_signs_bloodPressureSystolic_check',
                'CHECK ("bloodPressureSystolic" >= 0 AND "bloodPressureSystolic" <= 400)'),
            ('vital_signs', 'vital_signs_bloodPressureDiastolic_check',
                'CHECK ("bloodPressureDiastolic" >= 0 AND "bloodPressureDiastolic" <= 300)'),
            ('vital_signs', 'vital_signs_heartRate_check',
                'CHECK ("heartRate" >= 0 AND "heartRate" <= 400)'),
            ('vital_signs', 'vital_signs_respiratoryRate_check',
                'CHECK ("respiratoryRate" >= 0 AND "respiratoryRate" <= 200)'),
            ('vital_signs', 'vital_signs_oxygenSaturation_check',
                'CHECK ("oxygenSaturation" >= 0 AND "oxygenSaturation" <= 100)'),
            ('vital_signs', 'vital_signs_painLevel_check',
                'CHECK ("painLevel" >= 0 AND "painLevel" <= 10)'),
            ('vital_signs', 'vital_signs_glucoseLevel_check',
                'CHECK ("glucoseLevel" >= 0::numeric)'),
            ('vital_signs', 'vital_signs_peakFlow_check',
                'CHECK ("peakFlow" >= 0 AND "peakFlow" <= 2000)')
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

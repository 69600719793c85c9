-- Takes back the four new tables, rows included, and the columns that this migration added to
-- allergies and chronic_conditions. What create-health-records-core made stays with its values:
-- status becomes text again, with the same labels.

DROP TABLE IF EXISTS vital_signs;
DROP TABLE IF EXISTS growth_measurements;
DROP TABLE IF EXISTS screenings;
DROP TABLE IF EXISTS vaccinations;

DROP INDEX IF EXISTS "chronic_conditions_studentId_status_idx";
DROP INDEX IF EXISTS "chronic_conditions_nextReviewDate_idx";
DROP INDEX IF EXISTS "health_records_followUpRequired_followUpDate_idx";
DROP INDEX IF EXISTS "health_records_recordType_recordDate_idx";

-- Keys and indexes of the columns go with them.
ALTER TABLE chronic_conditions
    DROP COLUMN IF EXISTS "healthRecordId",
    DROP COLUMN IF EXISTS "lastReviewDate",
    DROP COLUMN IF EXISTS "carePlan",
    DROP COLUMN IF EXISTS triggers,
    DROP COLUMN IF EXISTS precautions,
    DROP COLUMN IF EXISTS restrictions,
    DROP COLUMN IF EXISTS "reviewFrequency",
    DROP COLUMN IF EXISTS "actionPlan",
    DROP COLUMN IF EXISTS "emergencyProtocol",
    DROP COLUMN IF EXISTS "accommodationDetails",
    DROP COLUMN IF EXISTS "accommodationsRequired",
    DROP COLUMN IF EXISTS treatments,
    DROP COLUMN IF EXISTS medications,
    DROP COLUMN IF EXISTS severity,
    DROP COLUMN IF EXISTS "diagnosedBy",
    DROP COLUMN IF EXISTS "icdCode";

ALTER TABLE chronic_conditions
    ALTER COLUMN status DROP DEFAULT,
    ALTER COLUMN status TYPE varchar(50) USING status::text,
    ALTER COLUMN status SET DEFAULT 'ACTIVE';

ALTER TABLE allergies
    DROP COLUMN IF EXISTS "healthRecordId",
    DROP COLUMN IF EXISTS "epiPenExpiration",
    DROP COLUMN IF EXISTS "epiPenLocation",
    DROP COLUMN IF EXISTS "epiPenRequired",
    DROP COLUMN IF EXISTS active,
    DROP COLUMN IF EXISTS "verificationDate",
    DROP COLUMN IF EXISTS "verifiedBy",
    DROP COLUMN IF EXISTS verified,
    DROP COLUMN IF EXISTS "onsetDate",
    DROP COLUMN IF EXISTS "emergencyProtocol",
    DROP COLUMN IF EXISTS treatment,
    DROP COLUMN IF EXISTS reactions,
    DROP COLUMN IF EXISTS symptoms,
    DROP COLUMN IF EXISTS "allergyType";

DROP TYPE IF EXISTS "ConditionStatus";
DROP TYPE IF EXISTS "ConditionSeverity";
DROP TYPE IF EXISTS "AllergyType";
DROP TYPE IF EXISTS "ConsciousnessLevel";
DROP TYPE IF EXISTS "FollowUpStatus";
DROP TYPE IF EXISTS "ScreeningOutcome";
DROP TYPE IF EXISTS "ScreeningType";
DROP TYPE IF EXISTS "VaccineComplianceStatus";
DROP TYPE IF EXISTS "AdministrationRoute";
DROP TYPE IF EXISTS "AdministrationSite";
DROP TYPE IF EXISTS "VaccineType";

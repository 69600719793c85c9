-- Takes back the status of incidents, values included, and the type SAFETY. A label cannot be
-- removed from an enum, so that the type is made again without it; reports that use it stop this
-- before anything is lost.

DO $before$
DECLARE
    reports bigint;
BEGIN
    SELECT count(*) INTO reports FROM incident_reports WHERE type::text = 'SAFETY';
    IF reports > 0 THEN
        RAISE EXCEPTION '% incident reports have the type SAFETY, which this undo removes', reports
            USING HINT = 'Give them another type (ENVIRONMENTAL or OTHER, say), and undo again. '
                'Nothing was changed.';
    END IF;
END
$before$;

DROP INDEX IF EXISTS incident_reports_type_status_idx;
DROP INDEX IF EXISTS incident_reports_status_idx;

ALTER TABLE incident_reports DROP COLUMN IF EXISTS status;

ALTER TYPE "IncidentType" RENAME TO "IncidentType_with_added_labels";
CREATE TYPE "IncidentType" AS ENUM
    ('INJURY', 'ILLNESS', 'ALLERGIC_REACTION', 'MEDICATION_ERROR', 'BEHAVIORAL', 'ENVIRONMENTAL',
     'OTHER');
ALTER TABLE incident_reports
    ALTER COLUMN type TYPE "IncidentType" USING type::text::"IncidentType";
DROP TYPE "IncidentType_with_added_labels";

DROP TYPE IF EXISTS "IncidentStatus";

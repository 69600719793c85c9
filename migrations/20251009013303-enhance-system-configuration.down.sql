-- Takes back typed settings and their history. A label cannot be removed from an enum, so that
-- the type is made again without the labels that were added; settings that use one of them stop
-- this before anything is lost.

DO $before$
DECLARE
    settings bigint;
BEGIN
    SELECT count(*) INTO settings FROM system_configurations
    WHERE category::text NOT IN ('GENERAL', 'SECURITY', 'NOTIFICATION');
    IF settings > 0 THEN
        RAISE EXCEPTION '% settings have a category that this undo removes', settings
            USING HINT = 'Give them the category GENERAL, SECURITY or NOTIFICATION, or '
                'delete them, and undo again. Nothing was changed.';
    END IF;
END
$before$;

DROP TABLE IF EXISTS configuration_history;

DROP INDEX IF EXISTS "system_configurations_category_subCategory_idx";
DROP INDEX IF EXISTS "system_configurations_scope_scopeId_idx";
DROP INDEX IF EXISTS system_configurations_tags_idx;

ALTER TABLE system_configurations
    DROP CONSTRAINT IF EXISTS system_configurations_range_check,
    DROP COLUMN IF EXISTS "sortOrder",
    DROP COLUMN IF EXISTS tags,
    DROP COLUMN IF EXISTS "scopeId",
    DROP COLUMN IF EXISTS scope,
    DROP COLUMN IF EXISTS "requiresRestart",
    DROP COLUMN IF EXISTS "isEditable",
    DROP COLUMN IF EXISTS "maxValue",
    DROP COLUMN IF EXISTS "minValue",
    DROP COLUMN IF EXISTS "validValues",
    DROP COLUMN IF EXISTS "defaultValue",
    DROP COLUMN IF EXISTS "subCategory",
    DROP COLUMN IF EXISTS "valueType";

ALTER TYPE "ConfigCategory" RENAME TO "ConfigCategory_with_added_labels";
CREATE TYPE "ConfigCategory" AS ENUM ('GENERAL', 'SECURITY', 'NOTIFICATION');
ALTER TABLE system_configurations
    ALTER COLUMN category DROP DEFAULT,
    ALTER COLUMN category TYPE "ConfigCategory" USING category::text::"ConfigCategory",
    ALTER COLUMN category SET DEFAULT 'GENERAL';
DROP TYPE "ConfigCategory_with_added_labels";

DROP TYPE IF EXISTS "ConfigScope";
DROP TYPE IF EXISTS "ConfigValueType";

-- Takes back the base schema, rows included. Tables of later migrations that still refer to it
-- make it fail, and nothing is lost: there is no CASCADE here.

-- The two keys that point from older to younger tables go first.
ALTER TABLE IF EXISTS districts
    DROP CONSTRAINT IF EXISTS "districts_createdBy_fkey",
    DROP CONSTRAINT IF EXISTS "districts_updatedBy_fkey";
ALTER TABLE IF EXISTS schools
    DROP CONSTRAINT IF EXISTS "schools_createdBy_fkey",
    DROP CONSTRAINT IF EXISTS "schools_updatedBy_fkey";

-- Their indexes, keys and triggers go with the tables.
DROP TABLE IF EXISTS contacts;
DROP TABLE IF EXISTS students;
DROP TABLE IF EXISTS users;
DROP TABLE IF EXISTS schools;
DROP TABLE IF EXISTS districts;

DROP FUNCTION IF EXISTS set_updated_at();

DROP TYPE IF EXISTS "ContactType";
DROP TYPE IF EXISTS "Gender";
DROP TYPE IF EXISTS "UserRole";

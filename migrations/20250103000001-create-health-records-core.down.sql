-- Takes back the core of the health records, rows included, in reverse order. Tables that still
-- refer to it make it fail.

DROP TABLE IF EXISTS appointments;
DROP TABLE IF EXISTS chronic_conditions;
DROP TABLE IF EXISTS allergies;
DROP TABLE IF EXISTS health_records;

DROP TYPE IF EXISTS "AppointmentStatus";
DROP TYPE IF EXISTS "AllergySeverity";
DROP TYPE IF EXISTS "HealthRecordType";

-- Takes back medications, prescriptions, doses, incidents and emergency contacts, rows included,
-- in reverse order.

DROP TABLE IF EXISTS emergency_contacts;
DROP TABLE IF EXISTS incident_reports;
DROP TABLE IF EXISTS medication_logs;
DROP TABLE IF EXISTS student_medications;
DROP TABLE IF EXISTS medications;

DROP TYPE IF EXISTS "IncidentType";
DROP TYPE IF EXISTS "IncidentSeverity";

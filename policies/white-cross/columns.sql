-- Columns without which a child's record is not complete must be there, in every table that is
-- there. A table that no migration has made yet is no finding. Each query returns no row.

SELECT expected.table_name, expected.column_name
  FROM (VALUES
        ('students', 'studentNumber'),
        ('students', 'medicalRecordNum'),
        ('students', 'dateOfBirth'),
        ('students', 'nurseId'),
        ('students', 'deletedAt'),
        ('contacts', 'relationTo'),
        ('contacts', 'phone'),
        ('health_records', 'recordType'),
        ('health_records', 'recordDate'),
        ('health_records', 'diagnosis'),
        ('health_records', 'treatment'),
        ('health_records', 'isConfidential'),
        ('health_records', 'deletedAt'),
        ('allergies', 'allergen'),
        ('allergies', 'severity'),
        ('allergies', 'reaction'),
        ('allergies', 'deletedAt'),
        ('chronic_conditions', 'conditionName'),
        ('chronic_conditions', 'status'),
        ('chronic_conditions', 'managementPlan'),
        ('chronic_conditions', 'deletedAt'),
        ('appointments', 'scheduledAt'),
        ('appointments', 'status'),
        ('student_medications', 'dosage'),
        ('student_medications', 'frequency'),
        ('student_medications', 'consentObtained'),
        ('medication_logs', 'timeGiven'),
        ('medication_logs', 'dosageGiven'),
        ('incident_reports', 'occurredAt'),
        ('incident_reports', 'severity'),
        ('emergency_contacts', 'primaryPhone'),
        ('emergency_contacts', 'canPickUp'),
        ('vaccinations', 'administrationDate'),
        ('vaccinations', 'complianceStatus'),
        ('screenings', 'outcome'),
        ('growth_measurements', 'measurementDate'),
        ('vital_signs', 'measurementDate')
       ) AS expected (table_name, column_name)
 WHERE to_regclass(format('public.%I', expected.table_name)) IS NOT NULL
   AND NOT EXISTS (
        SELECT 1
          FROM pg_catalog.pg_attribute AS a
         WHERE a.attrelid = to_regclass(format('public.%I', expected.table_name))
           AND a.attname = expected.column_name
           AND NOT a.attisdropped);

-- Who made a record and when it was changed is asked for in every audit.
SELECT expected.table_name, needed.column_name
  FROM (VALUES ('students'), ('contacts'), ('health_records'), ('allergies'),
               ('chronic_conditions'), ('appointments'), ('student_medications'),
               ('incident_reports'), ('emergency_contacts'), ('vaccinations'), ('screenings'),
               ('growth_measurements'), ('vital_signs')) AS expected (table_name)
 CROSS JOIN (VALUES ('createdBy'), ('updatedBy'), ('createdAt'), ('updatedAt'))
       AS needed (column_name)
 WHERE to_regclass(format('public.%I', expected.table_name)) IS NOT NULL
   AND NOT EXISTS (
        SELECT 1
          FROM pg_catalog.pg_attribute AS a
         WHERE a.attrelid = to_regclass(format('public.%I', expected.table_name))
           AND a.attname = needed.column_name
           AND NOT a.attisdropped);

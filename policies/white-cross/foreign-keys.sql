-- What belongs to a child is tied to the child by a valid foreign key. Whether rows obey their keys
-- is checked by Drydock itself; this says that no migration has lost a key. Returns no row.

SELECT expected.table_name, expected.column_name, expected.target
  FROM (VALUES
        ('schools', 'districtId', 'districts'),
        ('students', 'schoolId', 'schools'),
        ('students', 'nurseId', 'users'),
        ('health_records', 'studentId', 'students'),
        ('allergies', 'studentId', 'students'),
        ('chronic_conditions', 'studentId', 'students'),
        ('appointments', 'studentId', 'students'),
        ('appointments', 'nurseId', 'users'),
        ('student_medications', 'studentId', 'students'),
        ('student_medications', 'medicationId', 'medications'),
        ('medication_logs', 'studentMedicationId', 'student_medications'),
        ('medication_logs', 'nurseId', 'users'),
        ('incident_reports', 'studentId', 'students'),
        ('incident_reports', 'reportedById', 'users'),
        ('emergency_contacts', 'studentId', 'students'),
        ('vaccinations', 'studentId', 'students'),
        ('screenings', 'studentId', 'students'),
        ('growth_measurements', 'studentId', 'students'),
        ('vital_signs', 'studentId', 'students')
       ) AS expected (table_name, column_name, target)
 WHERE to_regclass(format('public.%I', expected.table_name)) IS NOT NULL
   AND NOT EXISTS (
        SELECT 1
          FROM pg_catalog.pg_constraint AS c
          JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
         WHERE c.contype = 'f'
           AND c.convalidated
           AND c.conrelid = to_regclass(format('public.%I', expected.table_name))
           AND c.confrelid = to_regclass(format('public.%I', expected.target))
           AND cardinality(c.conkey) = 1
           AND a.attname = expected.column_name);

-- Labels that the application writes must be in their enum types: one that was lost or renamed turns
-- the next save into an error. A type that no migration has made yet is no finding. Returns no row.

SELECT expected.type_name, label
  FROM (VALUES
        ('UserRole', ARRAY['ADMIN', 'NURSE', 'SCHOOL_ADMIN', 'DISTRICT_ADMIN', 'VIEWER',
                           'COUNSELOR']),
        ('Gender', ARRAY['MALE', 'FEMALE', 'OTHER', 'PREFER_NOT_TO_SAY']),
        ('ContactType', ARRAY['GUARDIAN', 'PARENT', 'EMERGENCY', 'PROVIDER', 'VENDOR', 'STAFF',
                              'OTHER']),
        ('AllergySeverity', ARRAY['MILD', 'MODERATE', 'SEVERE', 'LIFE_THREATENING']),
        ('AppointmentStatus', ARRAY['SCHEDULED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'NO_SHOW',
                                    'RESCHEDULED']),
        ('IncidentSeverity', ARRAY['LOW', 'MEDIUM', 'HIGH', 'CRITICAL']),
        ('IncidentType', ARRAY['INJURY', 'ILLNESS', 'ALLERGIC_REACTION', 'MEDICATION_ERROR',
                               'BEHAVIORAL', 'ENVIRONMENTAL', 'OTHER']),
        ('ConfigCategory', ARRAY['GENERAL', 'SECURITY', 'NOTIFICATION'])
       ) AS expected (type_name, labels)
 CROSS JOIN LATERAL unnest(expected.labels) AS label
 WHERE to_regtype(format('public.%I', expected.type_name)) IS NOT NULL
   AND NOT EXISTS (
        SELECT 1
          FROM pg_catalog.pg_enum AS e
         WHERE e.enumtypid = to_regtype(format('public.%I', expected.type_name))
           AND e.enumlabel = label);

-- Health data of nobody: tables with a row whose student does not exist. This does not rely on a
-- foreign key being there, and NOT EXISTS, unlike NOT IN, is not silenced by a NULL. Returns no row.
--
-- A table that no migration has made yet is no finding: the query on it is a text, which is only run
-- if CASE comes to it. query_to_xml() is the way that plain SQL has for that.

SELECT expected.table_name
  FROM (VALUES ('health_records'), ('allergies'), ('chronic_conditions'), ('appointments'),
               ('student_medications'), ('incident_reports'), ('emergency_contacts'),
               ('vaccinations'), ('screenings'), ('growth_measurements'), ('vital_signs'))
       AS expected (table_name)
 WHERE CASE
       WHEN to_regclass(format('public.%I', expected.table_name)) IS NOT NULL
       THEN query_to_xml(
                format('SELECT 1 AS found FROM public.%I AS r WHERE NOT EXISTS '
                       '(SELECT 1 FROM public.students AS s WHERE s.id = r."studentId") LIMIT 1',
                       expected.table_name),
                false, false, '')::text LIKE '%<found>%'
       ELSE false
       END;

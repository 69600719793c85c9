-- Health data of nobody: rows whose student does not exist. This does not rely on a foreign key being
-- there, and NOT EXISTS, unlike NOT IN, is not silenced by a NULL. Each query returns no row.

SELECT h.id
  FROM public.health_records AS h
 WHERE NOT EXISTS (SELECT 1 FROM public.students AS s WHERE s.id = h."studentId");

SELECT a.id
  FROM public.allergies AS a
 WHERE NOT EXISTS (SELECT 1 FROM public.students AS s WHERE s.id = a."studentId");

SELECT c.id
  FROM public.chronic_conditions AS c
 WHERE NOT EXISTS (SELECT 1 FROM public.students AS s WHERE s.id = c."studentId");

SELECT p.id
  FROM public.appointments AS p
 WHERE NOT EXISTS (SELECT 1 FROM public.students AS s WHERE s.id = p."studentId")
    OR NOT EXISTS (SELECT 1 FROM public.users AS u WHERE u.id = p."nurseId");

-- Made-up data for every White Cross table that exists: with the first migrations applied it fills what they have made,
-- with all of them everything. Nothing in it belongs to a person. The same number of students always gives the same rows;
-- what is there already (by its id) stays, so that it can be run again after further migrations.
--
--     SET drydock.students = '50000';    -- 1000 if not set
--     SET drydock.without_labels = '"IncidentType".SAFETY';    -- labels not to use, with ", " between them
--     \i white_cross.sql
--
-- A line of a CALL is "column | expression". n counts the rows from 1. "@ number" is the label of that number, modulo how
-- many there are, of the column's own enum type. {students}, {users}, ... are numbers of rows. A column that does not exist
-- (yet) is left out.

CREATE OR REPLACE FUNCTION pg_temp.size(noun text) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT CASE noun
        WHEN 'students' THEN students
        WHEN 'districts' THEN 2 + students / 2000
        WHEN 'schools' THEN 4 + students / 400
        WHEN 'users' THEN 16 + students / 50
        WHEN 'medications' THEN 60
        WHEN 'half' THEN greatest(60, students / 2)
        WHEN 'third' THEN greatest(60, students / 3)
        WHEN 'some' THEN greatest(60, students / 4)
        WHEN 'settings' THEN 48
    END
    FROM (SELECT coalesce(nullif(current_setting('drydock.students', true), ''), '1000')::integer) s (students)
$$;

-- Keys follow from what a row is and its number.
CREATE OR REPLACE FUNCTION pg_temp.id(noun text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT md5(noun || n::text)::uuid
$$;

-- Days since the first school year, in hours, because days depend on the session's time zone.
CREATE OR REPLACE FUNCTION pg_temp.day(n bigint) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT timestamptz '2022-09-01 08:00:00+00' + n * interval '24 hours 7 minutes'
$$;

-- What people type, and what breaks programs.
CREATE OR REPLACE FUNCTION pg_temp.note(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $note$
    SELECT CASE n % 11
        WHEN 1 THEN ''
        WHEN 2 THEN 'Größe geprüft – 身長を測定しました ✚ 🩺'
        WHEN 3 THEN E'first line\nsecond line\tafter a tab\r\n'
        WHEN 4 THEN 'C:\records\new \N \. ; -- /* not a comment'
        WHEN 5 THEN 'it''s "quoted", $$dollar$$, 100 % and {braces}'
        WHEN 6 THEN ' blanks at both ends '
        WHEN 7 THEN 'Entry ' || n::text || ' ' || repeat('checked and found in order; ', (n % 5)::integer)
    END
$note$;

CREATE OR REPLACE PROCEDURE pg_temp.fill(target text, row_count text, spec text) LANGUAGE plpgsql AS $$
DECLARE
    part record;
    expression text;
    labels text[];
    names text[] := '{}';
    expressions text[] := '{}';
    noun text;
BEGIN
    IF to_regclass(format('public.%I', target)) IS NULL THEN
        RETURN;
    END IF;
    FOR part IN
        SELECT a.attname, a.atttypid, format_type(a.atttypid, NULL) AS type, trim(line.parts[2]) AS expression
        FROM regexp_split_to_table(spec, E'\n') AS text_line,
             regexp_match(text_line, '^\s*(\w+)\s*\|(.*)$') AS line (parts)
             JOIN pg_attribute a ON a.attname = line.parts[1]
        WHERE a.attrelid = to_regclass(format('public.%I', target)) AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
    LOOP
        expression := part.expression;
        IF expression LIKE '@%' THEN
            SELECT array_agg(enumlabel ORDER BY enumsortorder) INTO labels
            FROM pg_enum
            WHERE enumtypid = part.atttypid
              AND format('%s.%s', part.type, enumlabel) <> ALL (string_to_array(
                  coalesce(current_setting('drydock.without_labels', true), ''), ', '));
            expression := format('(%L::text[])[1 + (%s) %% %s]', labels, substr(expression, 2), cardinality(labels));
        END IF;
        names := names || quote_ident(part.attname);
        expressions := expressions || format('(%s)::%s', expression, part.type);
    END LOOP;
    expression := array_to_string(expressions, ', ');
    FOREACH noun IN ARRAY ARRAY['students', 'districts', 'schools', 'users', 'medications', 'third',
                                'half', 'some', 'settings'] LOOP
        expression := replace(expression, '{' || noun || '}', pg_temp.size(noun)::text);
        row_count := replace(row_count, '{' || noun || '}', pg_temp.size(noun)::text);
    END LOOP;
    EXECUTE format('INSERT INTO public.%I (%s) SELECT %s FROM generate_series(1, %s) AS n ON CONFLICT (id) DO NOTHING',
                   target, array_to_string(names, ', '), expression, row_count);
END
$$;

-- Districts and schools are older than the users, so that nobody has created them.
CALL pg_temp.fill('districts', '{districts}', $$
    id | pg_temp.id('district', n)
    name | 'District ' || n || CASE WHEN n % 3 = 0 THEN ' – Żółw' ELSE '' END
    code | 'D' || lpad(n::text, 4, '0')
    address | CASE WHEN n % 4 <> 3 THEN n || ' Example Street' END
    city | 'Sampleton'
    state | (ARRAY['IL', 'WI', 'IN'])[1 + n % 3]
    zipCode | lpad((60000 + n % 9999)::text, 5, '0')
    phone | '555-01' || lpad((n % 100)::text, 2, '0')
    email | CASE WHEN n % 5 <> 4 THEN 'district' || n || '@example.org' END
    isActive | n % 9 <> 8
    createdAt | pg_temp.day(0)
    updatedAt | pg_temp.day(n % 200)
$$);

CALL pg_temp.fill('schools', '{schools}', $$
    id | pg_temp.id('school', n)
    name | 'School ' || n || CASE WHEN n % 4 = 0 THEN ' "Am Fluß"' ELSE '' END
    code | 'S' || lpad(n::text, 5, '0')
    districtId | pg_temp.id('district', 1 + n % {districts})
    address | CASE WHEN n % 6 <> 5 THEN n || ' School Road' END
    city | 'Sampleton'
    state | 'IL'
    zipCode | lpad((61000 + n % 9999)::text, 5, '0')
    phone | '555-02' || lpad((n % 100)::text, 2, '0')
    email | 'school' || n || '@example.org'
    principal | CASE WHEN n % 5 <> 0 THEN 'Head' || lpad(n::text, 4, '0') END
    totalEnrollment | CASE WHEN n % 7 <> 6 THEN 200 + n % 900 END
    isActive | n % 11 <> 10
    createdAt | pg_temp.day(1)
    updatedAt | pg_temp.day(1 + n % 200)
$$);

-- The first six have one role each; the others are nurses, whom students, logs and appointments refer to.
CALL pg_temp.fill('users', '{users}', $$
    id | pg_temp.id('user', n)
    email | 'User' || lpad(n::text, 5, '0') || '@example.org'
    password | '$2b$10$' || md5('password' || n) || md5('salt' || n)
    firstName | 'Staff' || lpad(n::text, 4, '0')
    lastName | 'Family' || lpad((n * 7 % 1000)::text, 4, '0')
    role | @ CASE WHEN n <= 6 THEN n - 1 ELSE 1 END
    isActive | n % 13 <> 12
    lastLogin | CASE WHEN n % 4 <> 0 THEN pg_temp.day(600 + n % 100) END
    schoolId | CASE WHEN n > 4 THEN pg_temp.id('school', 1 + n % {schools}) END
    districtId | CASE WHEN n % 5 <> 0 THEN pg_temp.id('district', 1 + (1 + n % {schools}) % {districts}) END
    phone | CASE WHEN n % 3 <> 0 THEN '555-03' || lpad((n % 100)::text, 2, '0') END
    emailVerified | n % 6 <> 5
    emailVerificationToken | CASE WHEN n % 6 = 5 THEN md5('verify' || n) END
    emailVerificationExpires | CASE WHEN n % 6 = 5 THEN pg_temp.day(900) END
    passwordResetToken | CASE WHEN n % 17 = 0 THEN md5('reset' || n) END
    passwordResetExpires | CASE WHEN n % 17 = 0 THEN pg_temp.day(900) END
    passwordChangedAt | CASE WHEN n % 2 = 0 THEN pg_temp.day(300 + n % 90) END
    twoFactorEnabled | n % 3 = 0
    twoFactorSecret | CASE WHEN n % 3 = 0 THEN md5('factor' || n) END
    failedLoginAttempts | n % 4
    lockoutUntil | CASE WHEN n % 19 = 0 THEN pg_temp.day(901) END
    lastPasswordChange | CASE WHEN n % 2 = 0 THEN pg_temp.day(300 + n % 90) END
    mustChangePassword | n % 8 = 7
    createdAt | pg_temp.day(2)
    updatedAt | pg_temp.day(2 + n % 300)
    createdBy | CASE WHEN n % 4 = 1 THEN pg_temp.id('user', 1 + n % 6) END
    updatedBy | CASE WHEN n % 9 = 2 THEN pg_temp.id('user', 1 + n % 6) END
$$);

CALL pg_temp.fill('students', '{students}', $$
    id | pg_temp.id('student', n)
    studentNumber | 'N' || lpad(n::text, 7, '0')
    firstName | 'Given' || lpad((n % 10000)::text, 4, '0') || CASE WHEN n % 50 = 0 THEN ' Zoë' ELSE '' END
    lastName | 'Family' || lpad((n * 31 % 5000)::text, 4, '0') || CASE WHEN n % 70 = 0 THEN '-Nuñez' ELSE '' END
    dateOfBirth | date '2006-01-01' + (n * 37 % 4380)::integer
    grade | (ARRAY['K', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'])[1 + n % 13]
    gender | @ n
    photo | CASE WHEN n % 3 = 0 THEN 'photos/' || md5('photo' || n) || '.jpg' END
    medicalRecordNum | CASE WHEN n % 10 <> 9 THEN 'M' || lpad(n::text, 8, '0') END
    isActive | n % 23 <> 22
    enrollmentDate | pg_temp.day(n % 365)
    nurseId | CASE WHEN n % 12 <> 11 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    schoolId | CASE WHEN n % 40 <> 39 THEN pg_temp.id('school', 1 + n % {schools}) END
    districtId | CASE WHEN n % 40 <> 39 THEN pg_temp.id('district', 1 + (1 + n % {schools}) % {districts}) END
    createdBy | CASE WHEN n % 3 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    updatedBy | CASE WHEN n % 9 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 365)
    updatedAt | pg_temp.day(n % 365 + n % 90)
    deletedAt | CASE WHEN n % 23 = 22 THEN pg_temp.day(n % 365 + 91 + n % 200) END
$$);

CALL pg_temp.fill('contacts', '{third}', $$
    id | pg_temp.id('contact', n)
    firstName | 'Given' || lpad((n * 3 % 10000)::text, 4, '0')
    lastName | 'Family' || lpad((n * 31 % 5000)::text, 4, '0')
    email | CASE WHEN n % 6 <> 0 THEN 'contact' || n || '@example.org' END
    phone | CASE WHEN n % 7 <> 0 THEN '555-04' || lpad((n % 100)::text, 2, '0') END
    type | @ n
    organization | CASE WHEN n % 7 >= 3 THEN 'Organization ' || n % 90 END
    title | CASE WHEN n % 5 = 0 THEN 'Dr.' END
    address | CASE WHEN n % 3 = 0 THEN n || ' Sample Avenue' END
    city | CASE WHEN n % 3 = 0 THEN 'Sampleton' END
    state | CASE WHEN n % 3 = 0 THEN 'IL' END
    zip | CASE WHEN n % 3 = 0 THEN '62701' END
    relationTo | CASE WHEN n % 7 < 3 THEN pg_temp.id('student', 1 + (n - 1) % {students}) END
    relationshipType | CASE WHEN n % 7 < 3 THEN (ARRAY['mother', 'father', 'guardian', 'aunt'])[1 + n % 4] END
    customFields | CASE WHEN n % 4 = 0 THEN '{}'::jsonb ELSE jsonb_build_object('languages', jsonb_build_array('en', 'español'), 'row', n, 'none', NULL) END
    isActive | n % 29 <> 28
    notes | pg_temp.note(n)
    createdBy | CASE WHEN n % 4 = 0 THEN pg_temp.id('user', 1 + n % {users}) END
    updatedBy | CASE WHEN n % 20 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 400)
    updatedAt | pg_temp.day(n % 400 + n % 60)
    deletedAt | CASE WHEN n % 29 = 28 THEN pg_temp.day(n % 400 + 61) END
$$);

CALL pg_temp.fill('health_records', '{half}', $$
    id | pg_temp.id('record', n)
    studentId | pg_temp.id('student', 1 + (n - 1) % {students})
    recordType | @ n
    title | 'Record ' || n
    description | coalesce(nullif(pg_temp.note(n + 2), ''), 'routine')
    recordDate | pg_temp.day(n % 900)
    provider | CASE WHEN n % 4 <> 0 THEN 'Provider' || lpad((n % 300)::text, 4, '0') END
    providerNpi | CASE WHEN n % 4 <> 0 THEN lpad((1000000000 + n % 300)::text, 10, '0') END
    facility | CASE WHEN n % 5 <> 0 THEN 'Clinic ' || n % 40 END
    facilityNpi | CASE WHEN n % 5 <> 0 THEN lpad((1100000000 + n % 40)::text, 10, '0') END
    diagnosis | CASE WHEN n % 3 = 0 THEN 'finding ' || n % 70 END
    diagnosisCode | CASE WHEN n % 3 = 0 THEN 'Z0' || n % 10 || '.' || n % 9 END
    treatment | CASE WHEN n % 3 = 0 THEN 'rest and fluids' END
    followUpRequired | n % 6 = 0
    followUpDate | CASE WHEN n % 6 = 0 THEN pg_temp.day(n % 900 + 14) END
    followUpCompleted | n % 12 = 0
    attachments | CASE WHEN n % 8 = 0 THEN jsonb_build_array(jsonb_build_object('name', 'scan ' || n || '.pdf', 'size', n * 17)) ELSE '[]'::jsonb END
    metadata | CASE WHEN n % 2 = 0 THEN jsonb_build_object('source', 'form', 'version', 1.50, 'text', pg_temp.note(n)) END
    isConfidential | n % 10 = 0
    notes | pg_temp.note(n)
    createdBy | CASE WHEN n % 3 <> 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    updatedBy | CASE WHEN n % 20 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 900)
    updatedAt | pg_temp.day(n % 900 + n % 30)
    deletedAt | CASE WHEN n % 31 = 30 THEN pg_temp.day(n % 900 + 31) END
$$);

CALL pg_temp.fill('allergies', '{some}', $$
    id | pg_temp.id('allergy', n)
    studentId | pg_temp.id('student', 1 + (n - 1) % {students})
    allergen | (ARRAY['Peanut', 'Penicillin', 'Birch pollen', 'Bee sting', 'Latex', 'Cat hair', 'Crème brûlée'])[1 + n % 7]
    severity | @ n
    reaction | CASE WHEN n % 3 <> 0 THEN 'hives' END
    diagnosedDate | CASE WHEN n % 4 <> 0 THEN pg_temp.day(n % 500) END
    diagnosedBy | CASE WHEN n % 4 <> 0 THEN 'Provider' || lpad((n % 300)::text, 4, '0') END
    notes | pg_temp.note(n)
    isActive | n % 9 <> 8
    allergyType | @ n
    symptoms | CASE WHEN n % 3 = 0 THEN 'swelling' END
    reactions | CASE WHEN n % 3 = 0 THEN '["hives", "swelling"]'::jsonb END
    treatment | CASE WHEN n % 4 = 0 THEN 'antihistamine' END
    emergencyProtocol | CASE WHEN n % 4 = 3 THEN 'call 911' END
    onsetDate | CASE WHEN n % 5 = 0 THEN pg_temp.day(n % 500) END
    verified | n % 2 = 0
    verifiedBy | CASE WHEN n % 2 = 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    verificationDate | CASE WHEN n % 2 = 0 THEN pg_temp.day(n % 500 + 3) END
    active | n % 9 <> 8
    epiPenRequired | n % 4 = 3
    epiPenLocation | CASE WHEN n % 4 = 3 THEN 'nurse''s office' END
    epiPenExpiration | CASE WHEN n % 4 = 3 THEN pg_temp.day(n % 500 + 720) END
    healthRecordId | CASE WHEN n % 3 = 0 THEN pg_temp.id('record', n) END
    createdBy | CASE WHEN n % 3 <> 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    updatedBy | CASE WHEN n % 20 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 500)
    updatedAt | pg_temp.day(n % 500 + n % 40)
    deletedAt | CASE WHEN n % 37 = 36 THEN pg_temp.day(n % 500 + 41) END
$$);

CALL pg_temp.fill('chronic_conditions', '{some}', $$
    id | pg_temp.id('condition', n)
    studentId | pg_temp.id('student', 1 + (n - 1) % {students})
    conditionName | (ARRAY['Asthma', 'Diabetes type 1', 'Epilepsy', 'Migraine', 'Ménière'])[1 + n % 5]
    diagnosedDate | pg_temp.day(n % 500)
    description | CASE WHEN n % 2 = 0 THEN 'since early childhood' END
    managementPlan | CASE WHEN n % 3 = 0 THEN 'see the care plan' END
    status | (ARRAY['ACTIVE', 'MANAGED', 'RESOLVED', 'MONITORING', 'INACTIVE'])[1 + n % 5]
    nextReviewDate | CASE WHEN n % 4 <> 0 THEN pg_temp.day(n % 500 + 400) END
    notes | pg_temp.note(n)
    icdCode | CASE WHEN n % 2 = 0 THEN 'J45.' || n % 10 END
    diagnosedBy | CASE WHEN n % 3 = 0 THEN 'Provider' || lpad((n % 300)::text, 4, '0') END
    severity | @ n
    medications | CASE WHEN n % 3 = 0 THEN '["inhaler"]'::jsonb END
    treatments | CASE WHEN n % 3 = 1 THEN 'physiotherapy' END
    accommodationsRequired | n % 4 = 0
    accommodationDetails | CASE WHEN n % 4 = 0 THEN 'extra time' END
    emergencyProtocol | CASE WHEN n % 6 = 0 THEN 'call 911' END
    actionPlan | CASE WHEN n % 6 = 1 THEN 'plan ' || n END
    reviewFrequency | CASE WHEN n % 2 = 0 THEN 'yearly' END
    restrictions | CASE WHEN n % 5 = 0 THEN '{"sports": false}'::jsonb END
    precautions | CASE WHEN n % 5 = 1 THEN '["no dust"]'::jsonb END
    triggers | CASE n % 4 WHEN 0 THEN ARRAY['pollen', 'cold, dry air', 'a "quoted" one'] WHEN 1 THEN '{}'::text[] END
    carePlan | CASE WHEN n % 3 = 0 THEN 'care plan ' || n END
    lastReviewDate | CASE WHEN n % 4 <> 0 THEN pg_temp.day(n % 500 + 30) END
    healthRecordId | CASE WHEN n % 3 = 1 THEN pg_temp.id('record', n) END
    createdBy | CASE WHEN n % 3 <> 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    updatedBy | CASE WHEN n % 20 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 500)
    updatedAt | pg_temp.day(n % 500 + n % 40)
    deletedAt | CASE WHEN n % 41 = 40 THEN pg_temp.day(n % 500 + 41) END
$$);

-- SCHEDULED, IN_PROGRESS, COMPLETED, CANCELLED, NO_SHOW, RESCHEDULED
CALL pg_temp.fill('appointments', '{third}', $$
    id | pg_temp.id('appointment', n)
    studentId | pg_temp.id('student', 1 + (n - 1) % {students})
    nurseId | pg_temp.id('user', 7 + n % ({users} - 6))
    scheduledAt | pg_temp.day(n % 1000) + n % 24 * interval '15 minutes'
    duration | 15 + n % 4 * 15
    status | @ n
    reason | (ARRAY['check', 'medication', 'follow-up', 'Gespräch'])[1 + n % 4]
    notes | pg_temp.note(n)
    completedAt | CASE WHEN n % 6 = 2 THEN pg_temp.day(n % 1000) + interval '8 hours' END
    cancelledAt | CASE WHEN n % 6 = 3 THEN pg_temp.day(n % 1000) - interval '8 hours' END
    cancellationReason | CASE WHEN n % 6 = 3 THEN 'ill' END
    createdBy | CASE WHEN n % 4 = 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    updatedBy | CASE WHEN n % 20 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 1000 - 10)
    updatedAt | pg_temp.day(n % 1000 - 10 + n % 20)
    deletedAt | CASE WHEN n % 39 = 38 THEN pg_temp.day(n % 1000 + 11) END
$$);

CALL pg_temp.fill('medications', '{medications}', $$
    id | pg_temp.id('medication', n)
    name | 'Medication ' || lpad(n::text, 3, '0')
    genericName | CASE WHEN n % 3 <> 0 THEN 'generic ' || n END
    category | (ARRAY['analgesic', 'antibiotic', 'asthma', NULL])[1 + n % 4]
    description | pg_temp.note(n)
    dosageForm | (ARRAY['tablet', 'syrup', 'inhaler'])[1 + n % 3]
    strength | 50 * (1 + n % 10) || ' mg'
    stockQuantity | n * 13 % 200
    minimumStock | n % 30
    expirationDate | CASE WHEN n % 5 <> 0 THEN pg_temp.day(1100 + n) END
    manufacturer | CASE WHEN n % 4 <> 0 THEN 'Maker ' || n % 12 END
    ndcCode | lpad(n::text, 5, '0') || '-' || lpad((n * 7 % 1000)::text, 4, '0') || '-' || lpad((n % 100)::text, 2, '0')
    lotNumber | CASE WHEN n % 4 <> 0 THEN 'L' || n * 101 END
    isActive | n % 10 <> 9
    requiresRefrigeration | n % 6 = 0
    controlledSubstance | n % 15 = 0
    notes | pg_temp.note(n + 3)
    createdBy | CASE WHEN n % 2 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    updatedBy | CASE WHEN n % 5 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n)
    updatedAt | pg_temp.day(n * 2)
    deletedAt | CASE WHEN n % 19 = 9 THEN pg_temp.day(n * 2 + 100) END
$$);

CALL pg_temp.fill('student_medications', '{third}', $$
    id | pg_temp.id('prescription', n)
    studentId | pg_temp.id('student', 1 + (n - 1) % {students})
    medicationId | pg_temp.id('medication', 1 + n % {medications})
    dosage | 1 + n % 3 || ' unit(s)'
    frequency | (ARRAY['daily', 'twice daily', 'as needed'])[1 + n % 3]
    route | (ARRAY['oral', 'inhaled', NULL])[1 + n % 3]
    startDate | pg_temp.day(n % 600)
    endDate | CASE WHEN n % 3 <> 0 THEN pg_temp.day(n % 600 + 30 + n % 300) END
    prescribedBy | 'Provider' || lpad((n % 300)::text, 4, '0')
    prescribedByNpi | CASE WHEN n % 2 = 0 THEN lpad((1000000000 + n % 300)::text, 10, '0') END
    instructions | pg_temp.note(n + 1)
    sideEffects | CASE WHEN n % 5 = 0 THEN 'drowsiness' END
    isActive | n % 4 <> 3
    requiresParentConsent | n % 6 <> 5
    consentObtained | n % 2 = 0
    consentDate | CASE WHEN n % 2 = 0 THEN pg_temp.day(n % 600) END
    notes | pg_temp.note(n)
    createdBy | CASE WHEN n % 3 <> 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    updatedBy | CASE WHEN n % 20 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 600)
    updatedAt | pg_temp.day(n % 600 + n % 30)
    deletedAt | CASE WHEN n % 33 = 32 THEN pg_temp.day(n % 600 + 400) END
$$);

CALL pg_temp.fill('medication_logs', '{third}', $$
    id | pg_temp.id('administration', n)
    studentMedicationId | pg_temp.id('prescription', 1 + n % {third})
    nurseId | pg_temp.id('user', 7 + n % ({users} - 6))
    timeGiven | pg_temp.day((1 + n % {third}) % 600 + n % 30) + interval '4 hours'
    dosageGiven | 1 + n % 3 || ' unit(s)'
    reasonForAdministration | CASE WHEN n % 4 = 0 THEN 'headache' END
    studentResponse | CASE WHEN n % 5 = 0 THEN 'improved' END
    adverseReaction | n % 40 = 0
    reactionDetails | CASE WHEN n % 40 = 0 THEN 'mild nausea' END
    witnessedBy | CASE WHEN n % 8 = 0 THEN pg_temp.id('user', 7 + (n + 1) % ({users} - 6)) END
    notes | pg_temp.note(n)
    createdAt | pg_temp.day((1 + n % {third}) % 600 + n % 30) + interval '5 hours'
    createdBy | CASE WHEN n % 4 = 1 THEN pg_temp.id('user', 1 + n % 6) END
    updatedBy | CASE WHEN n % 50 = 2 THEN pg_temp.id('user', 1 + n % 6) END
    updatedAt | pg_temp.day((1 + n % {third}) % 600 + n % 30 + n % 9) + interval '5 hours'
    deletedAt | CASE WHEN n % 49 = 48 THEN pg_temp.day((1 + n % {third}) % 600 + 41) END
$$);

CALL pg_temp.fill('incident_reports', '{some}', $$
    id | pg_temp.id('incident', n)
    studentId | pg_temp.id('student', 1 + (n - 1) % {students})
    reportedById | pg_temp.id('user', 7 + n % ({users} - 6))
    type | @ n
    severity | @ n / 3
    occurredAt | pg_temp.day(n % 900) + interval '2 hours'
    location | CASE WHEN n % 4 <> 0 THEN (ARRAY['gym', 'playground', 'Mensa', 'corridor'])[1 + n % 4] END
    description | coalesce(nullif(pg_temp.note(n), ''), 'fell while playing')
    actionTaken | CASE WHEN n % 5 <> 0 THEN 'first aid' END
    parentNotified | n % 3 = 0
    parentNotifiedAt | CASE WHEN n % 3 = 0 THEN pg_temp.day(n % 900) + interval '3 hours' END
    parentNotifiedBy | CASE WHEN n % 3 = 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    emergencyServicesContacted | n % 20 = 0
    emergencyDetails | CASE WHEN n % 20 = 0 THEN 'ambulance' END
    followUpRequired | n % 4 = 0
    followUpNotes | CASE WHEN n % 4 = 0 THEN 'see again tomorrow' END
    witnesses | CASE WHEN n % 5 = 0 THEN jsonb_build_array('Staff' || lpad((n % 90)::text, 4, '0')) END
    attachments | CASE WHEN n % 7 = 0 THEN '[{"name": "Foto.jpg"}]'::jsonb ELSE '[]'::jsonb END
    status | (ARRAY['DRAFT', 'PENDING_REVIEW', 'UNDER_INVESTIGATION', 'REQUIRES_ACTION', 'RESOLVED', 'CLOSED'])[1 + n % 6]
    createdBy | CASE WHEN n % 3 <> 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    updatedBy | CASE WHEN n % 20 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 900) + interval '4 hours'
    updatedAt | pg_temp.day(n % 900 + n % 14) + interval '4 hours'
    deletedAt | CASE WHEN n % 35 = 34 THEN pg_temp.day(n % 900 + 20) END
$$);

-- The first round gives every student the primary contact, the second, an eighth as long, another one.
CALL pg_temp.fill('emergency_contacts', '{students} + {students} / 8', $$
    id | pg_temp.id('emergency', n)
    studentId | pg_temp.id('student', 1 + (n - 1) % {students})
    name | 'Given' || lpad((n * 5 % 10000)::text, 4, '0') || ' Family' || lpad((n * 31 % 5000)::text, 4, '0')
    relationship | (ARRAY['mother', 'father', 'guardian', 'Großmutter'])[1 + n % 4]
    primaryPhone | '555-05' || lpad((n % 100)::text, 2, '0')
    secondaryPhone | CASE WHEN n % 4 = 0 THEN '555-06' || lpad((n % 100)::text, 2, '0') END
    email | CASE WHEN n % 3 <> 0 THEN 'emergency' || n || '@example.org' END
    address | CASE WHEN n % 3 = 0 THEN n || ' Sample Lane' END
    priority | CASE WHEN n <= {students} THEN 1 ELSE 2 END
    canPickUp | n % 8 <> 7
    canMakeDecisions | n <= {students}
    isPrimary | n <= {students}
    isActive | n <= {students} OR n % 6 <> 5
    notes | pg_temp.note(n)
    createdBy | CASE WHEN n % 3 = 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    updatedBy | CASE WHEN n % 10 = 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    createdAt | pg_temp.day(n % 400)
    updatedAt | pg_temp.day(n % 400 + n % 100)
    deletedAt | CASE WHEN n > {students} AND n % 6 = 5 THEN pg_temp.day(n % 400 + 120) END
$$);

-- STRING, NUMBER, BOOLEAN, JSON, ARRAY, DATE, TIME, DATETIME, EMAIL, URL, COLOR, ENUM; SYSTEM, DISTRICT, SCHOOL, USER
CALL pg_temp.fill('system_configurations', '{settings}', $$
    id | pg_temp.id('setting', n)
    key | 'MADE_UP_' || lpad(n::text, 3, '0')
    value | (ARRAY['text', '42', 'true', '{"a": 1}', '["a", "b"]', '2025-01-31', '08:30', '2025-01-31T08:30:00Z', 'nurse@example.org', 'https://example.org/', '#3366cc', 'A'])[1 + n % 12]
    category | @ n
    description | pg_temp.note(n)
    isActive | n % 7 <> 6
    displayName | CASE WHEN n % 5 <> 0 THEN 'Setting ' || n END
    validationRules | CASE WHEN n % 3 = 0 THEN '{}'::jsonb ELSE jsonb_build_object('row', n) END
    lastModifiedBy | CASE WHEN n % 2 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    valueType | @ n
    subCategory | CASE WHEN n % 3 = 0 THEN 'made up' END
    defaultValue | CASE WHEN n % 12 = 1 THEN '7' END
    validValues | CASE WHEN n % 12 = 11 THEN ARRAY['A', 'B'] ELSE '{}'::text[] END
    minValue | CASE WHEN n % 12 = 1 THEN 0 END
    maxValue | CASE WHEN n % 12 = 1 THEN 99.5 END
    isEditable | n % 9 <> 8
    requiresRestart | n % 9 = 7
    scope | @ n
    scopeId | CASE n % 4 WHEN 1 THEN pg_temp.id('district', 1) WHEN 2 THEN pg_temp.id('school', 1) WHEN 3 THEN pg_temp.id('user', 1) END
    tags | CASE WHEN n % 2 = 0 THEN ARRAY['made up', 'tag ' || n % 5] ELSE '{}'::text[] END
    sortOrder | n
    createdAt | pg_temp.day(n)
    updatedAt | pg_temp.day(n * 3)
    createdBy | CASE WHEN n % 3 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    updatedBy | CASE WHEN n % 5 = 0 THEN pg_temp.id('user', 1 + n % 6) END
$$);

CALL pg_temp.fill('configuration_history', '{settings} * 3', $$
    id | pg_temp.id('change', n)
    configKey | 'MADE_UP_' || lpad((1 + (n - 1) % {settings})::text, 3, '0')
    oldValue | CASE WHEN n % 3 <> 0 THEN 'old ' || n END
    newValue | 'new ' || n
    changedBy | pg_temp.id('user', 1 + n % 6)
    changedByName | CASE WHEN n % 2 = 0 THEN 'Staff' || lpad((1 + n % 6)::text, 4, '0') END
    changeReason | pg_temp.note(n)
    ipAddress | CASE WHEN n % 2 = 0 THEN '192.0.2.' || n % 250 END
    userAgent | CASE WHEN n % 2 = 0 THEN 'Browser/1.0 (made up)' END
    configurationId | pg_temp.id('setting', 1 + (n - 1) % {settings})
    createdAt | pg_temp.day(200 + n)
    createdBy | CASE WHEN n % 2 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    updatedBy | CASE WHEN n % 25 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    updatedAt | pg_temp.day(200 + n)
$$);

CALL pg_temp.fill('vaccinations', '{third}', $$
    id | pg_temp.id('vaccination', n)
    vaccineName | 'Vaccine ' || n % 30
    vaccineType | @ n
    manufacturer | CASE WHEN n % 3 <> 0 THEN 'Maker ' || n % 12 END
    lotNumber | CASE WHEN n % 3 <> 0 THEN 'V' || n % 5000 END
    cvxCode | CASE WHEN n % 4 <> 0 THEN lpad((n % 200)::text, 3, '0') END
    ndcCode | CASE WHEN n % 5 = 0 THEN '00006-4681-00' END
    doseNumber | 1 + n % 3
    totalDoses | 3
    seriesComplete | n % 3 = 2
    administrationDate | pg_temp.day(n % 700)
    administeredBy | 'Staff' || lpad((7 + n % 90)::text, 4, '0')
    administeredByRole | CASE WHEN n % 2 = 0 THEN 'nurse' END
    facility | CASE WHEN n % 5 <> 0 THEN 'Clinic ' || n % 40 END
    siteOfAdministration | @ n
    routeOfAdministration | @ n
    dosageAmount | '0.5 mL'
    expirationDate | pg_temp.day(n % 700 + 365)
    nextDueDate | CASE WHEN n % 3 <> 2 THEN pg_temp.day(n % 700 + 180) END
    reactions | CASE WHEN n % 20 = 0 THEN 'sore arm' END
    adverseEvents | CASE WHEN n % 50 = 0 THEN '[{"event": "fever", "°C": 38.5}]'::jsonb END
    exemptionStatus | n % 5 = 3
    exemptionReason | CASE WHEN n % 5 = 3 THEN 'medical' END
    exemptionDocument | CASE WHEN n % 5 = 3 THEN 'documents/' || md5('exemption' || n) || '.pdf' END
    complianceStatus | @ n
    vfcEligibility | n % 4 = 0
    visProvided | n % 2 = 0
    visDate | CASE WHEN n % 2 = 0 THEN pg_temp.day(n % 700) END
    consentObtained | n % 8 <> 0
    consentBy | CASE WHEN n % 8 <> 0 THEN 'Given' || lpad((n % 10000)::text, 4, '0') END
    notes | pg_temp.note(n)
    studentId | pg_temp.id('student', 1 + (n - 1) % {students})
    healthRecordId | CASE WHEN n % 3 = 0 THEN pg_temp.id('record', n) END
    createdBy | CASE WHEN n % 3 <> 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    updatedBy | CASE WHEN n % 20 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 700)
    updatedAt | pg_temp.day(n % 700 + n % 30)
    deletedAt | CASE WHEN n % 43 = 42 THEN pg_temp.day(n % 700 + 31) END
$$);

CALL pg_temp.fill('screenings', '{some}', $$
    id | pg_temp.id('screening', n)
    screeningType | @ n
    screeningDate | pg_temp.day(n % 800)
    screenedBy | 'Staff' || lpad((7 + n % 90)::text, 4, '0')
    screenedByRole | CASE WHEN n % 2 = 0 THEN 'nurse' END
    results | CASE WHEN n % 3 <> 0 THEN jsonb_build_object('score', n % 100, 'passed', n % 5 = 0) END
    outcome | @ n
    referralRequired | n % 5 = 1
    referralTo | CASE WHEN n % 5 = 1 THEN 'Clinic ' || n % 40 END
    referralDate | CASE WHEN n % 5 = 1 THEN pg_temp.day(n % 800 + 5) END
    referralReason | CASE WHEN n % 5 = 1 THEN 'needs a closer look' END
    followUpRequired | n % 4 = 1
    followUpDate | CASE WHEN n % 4 = 1 THEN pg_temp.day(n % 800 + 30) END
    followUpStatus | @ n / 4
    equipmentUsed | CASE WHEN n % 3 = 0 THEN 'chart' END
    testDetails | CASE WHEN n % 4 = 0 THEN '{"lines": [1, 2, 3], "distance": "6 m"}'::jsonb END
    rightEye | CASE WHEN n % 13 = 0 THEN '20/20' END
    leftEye | CASE WHEN n % 13 = 0 THEN '20/30' END
    rightEar | CASE WHEN n % 13 = 1 THEN '25 dB' END
    leftEar | CASE WHEN n % 13 = 1 THEN '20 dB' END
    passedCriteria | CASE WHEN n % 6 <> 5 THEN n % 5 = 0 END
    notes | pg_temp.note(n)
    studentId | pg_temp.id('student', 1 + (n - 1) % {students})
    healthRecordId | CASE WHEN n % 6 = 0 THEN pg_temp.id('record', n) END
    createdBy | CASE WHEN n % 3 <> 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    updatedBy | CASE WHEN n % 20 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 800)
    updatedAt | pg_temp.day(n % 800 + n % 30)
    deletedAt | CASE WHEN n % 47 = 46 THEN pg_temp.day(n % 800 + 31) END
$$);

CALL pg_temp.fill('growth_measurements', '{some}', $$
    id | pg_temp.id('growth', n)
    measurementDate | pg_temp.day(n % 800)
    measuredBy | 'Staff' || lpad((7 + n % 90)::text, 4, '0')
    measuredByRole | CASE WHEN n % 2 = 0 THEN 'nurse' END
    height | 100.5 + n % 90
    heightUnit | 'cm'
    weight | 20.25 + n % 90 * 0.5
    weightUnit | 'kg'
    bmi | round((20.25 + n % 90 * 0.5) * 10000 / (100.5 + n % 90) ^ 2, 1)
    bmiPercentile | CASE WHEN n % 3 <> 0 THEN (n % 1000) / 10.0 END
    headCircumference | CASE WHEN n % 10 = 0 THEN 48.5 + n % 8 END
    heightPercentile | CASE WHEN n % 3 <> 0 THEN (n * 7 % 1000) / 10.0 END
    weightPercentile | CASE WHEN n % 3 <> 0 THEN (n * 11 % 1000) / 10.0 END
    growthPercentiles | CASE WHEN n % 4 = 0 THEN jsonb_build_object('height', (n * 7 % 1000) / 10.0) END
    nutritionalStatus | CASE WHEN n % 2 = 0 THEN 'normal' END
    concerns | CASE WHEN n % 9 = 0 THEN 'below the curve' END
    notes | pg_temp.note(n)
    studentId | pg_temp.id('student', 1 + (n - 1) % {students})
    healthRecordId | CASE WHEN n % 6 = 1 THEN pg_temp.id('record', n) END
    createdBy | CASE WHEN n % 3 <> 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    updatedBy | CASE WHEN n % 20 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 800)
    updatedAt | pg_temp.day(n % 800 + n % 30)
    deletedAt | CASE WHEN n % 53 = 52 THEN pg_temp.day(n % 800 + 31) END
$$);

CALL pg_temp.fill('vital_signs', '{some}', $$
    id | pg_temp.id('vital', n)
    measurementDate | pg_temp.day(n % 800)
    measuredBy | 'Staff' || lpad((7 + n % 90)::text, 4, '0')
    measuredByRole | CASE WHEN n % 2 = 0 THEN 'nurse' END
    temperature | CASE WHEN n % 4 = 0 THEN 36.0 + n % 20 * 0.1 ELSE 97.0 + n % 50 * 0.1 END
    temperatureUnit | CASE WHEN n % 4 = 0 THEN 'C' ELSE 'F' END
    temperatureSite | CASE WHEN n % 3 <> 0 THEN 'oral' END
    bloodPressureSystolic | 90 + n % 40
    bloodPressureDiastolic | 55 + n % 25
    bloodPressurePosition | CASE WHEN n % 2 = 0 THEN 'sitting' END
    heartRate | 60 + n % 60
    heartRhythm | CASE WHEN n % 5 = 0 THEN 'regular' END
    respiratoryRate | 12 + n % 16
    oxygenSaturation | CASE WHEN n % 9 <> 0 THEN 94 + n % 7 END
    oxygenSupplemental | n % 60 = 0
    painLevel | n % 11
    painLocation | CASE WHEN n % 11 > 0 THEN 'head' END
    consciousness | @ n
    glucoseLevel | CASE WHEN n % 6 = 0 THEN 70.5 + n % 110 END
    peakFlow | CASE WHEN n % 7 = 0 THEN 150 + n % 400 END
    notes | pg_temp.note(n)
    studentId | pg_temp.id('student', 1 + (n - 1) % {students})
    healthRecordId | CASE WHEN n % 6 = 2 THEN pg_temp.id('record', n) END
    appointmentId | CASE WHEN n % 3 = 0 THEN pg_temp.id('appointment', n) END
    createdBy | CASE WHEN n % 3 <> 0 THEN pg_temp.id('user', 7 + n % ({users} - 6)) END
    updatedBy | CASE WHEN n % 20 = 0 THEN pg_temp.id('user', 1 + n % 6) END
    createdAt | pg_temp.day(n % 800)
    updatedAt | pg_temp.day(n % 800 + n % 30)
    deletedAt | CASE WHEN n % 59 = 58 THEN pg_temp.day(n % 800 + 31) END
$$);

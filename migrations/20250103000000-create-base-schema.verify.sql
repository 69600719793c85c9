-- Every statement returns no row when create-base-schema holds: in the transaction that runs it,
-- and at any later time, also after the migrations that follow it.

-- Types and columns as they must be.
WITH types (name, labels) AS (VALUES
    ('UserRole', 'ADMIN, NURSE, SCHOOL_ADMIN, DISTRICT_ADMIN, VIEWER, COUNSELOR'),
    ('Gender', 'MALE, FEMALE, OTHER, PREFER_NOT_TO_SAY'),
    ('ContactType', 'GUARDIAN, PARENT, EMERGENCY, PROVIDER, VENDOR, STAFF, OTHER')
), tables (name, columns) AS (VALUES
    ('districts', ARRAY[
        'id uuid not null default gen_random_uuid()',
        'name character varying(200) not null', 'code character varying(50) not null',
        'address text', 'city character varying(100)', 'state character varying(2)',
        'zipCode character varying(10)', 'phone character varying(20)',
        'email character varying(255)', 'isActive boolean not null default true',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'createdBy uuid', 'updatedBy uuid']),
    ('schools', ARRAY[
        'id uuid not null default gen_random_uuid()',
        'name character varying(200) not null', 'code character varying(50) not null',
        'districtId uuid not null', 'address text', 'city character varying(100)',
        'state character varying(2)', 'zipCode character varying(10)',
        'phone character varying(20)', 'email character varying(255)',
        'principal character varying(200)', 'totalEnrollment integer',
        'isActive boolean not null default true',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'createdBy uuid', 'updatedBy uuid']),
    ('users', ARRAY[
        'id uuid not null default gen_random_uuid()',
        'email character varying(255) not null',
        'password character varying(255) not null',
        'firstName character varying(100) not null',
        'lastName character varying(100) not null',
        'role "UserRole" not null default ''NURSE''::"UserRole"',
        'isActive boolean not null default true', 'lastLogin timestamp with time zone',
        'schoolId uuid', 'districtId uuid', 'phone character varying(20)',
        'emailVerified boolean not null default false',
        'emailVerificationToken character varying(255)',
        'emailVerificationExpires timestamp with time zone',
        'passwordResetToken character varying(255)',
        'passwordResetExpires timestamp with time zone',
        'passwordChangedAt timestamp with time zone',
        'twoFactorEnabled boolean not null default false',
        'twoFactorSecret character varying(255)',
        'failedLoginAttempts integer not null default 0',
        'lockoutUntil timestamp with time zone',
        'lastPasswordChange timestamp with time zone',
        'mustChangePassword boolean not null default false',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'createdBy uuid', 'updatedBy uuid']),
    ('students', ARRAY[
        'id uuid not null default gen_random_uuid()',
        'studentNumber character varying(50) not null',
        'firstName character varying(100) not null',
        'lastName character varying(100) not null', 'dateOfBirth date not null',
        'grade character varying(10) not null', 'gender "Gender" not null',
        'photo character varying(500)', 'medicalRecordNum character varying(50)',
        'isActive boolean not null default true',
        'enrollmentDate timestamp with time zone not null default CURRENT_TIMESTAMP',
        'nurseId uuid', 'schoolId uuid', 'districtId uuid', 'createdBy uuid',
        'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone']),
    ('contacts', ARRAY[
        'id uuid not null default gen_random_uuid()',
        'firstName character varying(100) not null',
        'lastName character varying(100) not null', 'email character varying(255)',
        'phone character varying(20)', 'type "ContactType" not null',
        'organization character varying(200)', 'title character varying(100)',
        'address character varying(255)', 'city character varying(100)',
        'state character varying(50)', 'zip character varying(20)', 'relationTo uuid',
        'relationshipType character varying(50)',
        'customFields jsonb default ''{}''::jsonb',
        'isActive boolean not null default true', 'notes text', 'createdBy uuid',
        'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone'])
)
SELECT 'type ' || name AS differing FROM types
WHERE COALESCE((
    SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum
    WHERE enumtypid = to_regtype(quote_ident(name))
), '') <> ALL (string_to_array(labels, ' | '))
UNION ALL
SELECT 'column ' || name || '.' || split_part(wanted, ' ', 1)
FROM tables CROSS JOIN unnest(columns) AS wanted
WHERE NOT EXISTS (
    SELECT FROM pg_attribute AS a
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = to_regclass(quote_ident(name)) AND a.attnum > 0
        AND NOT a.attisdropped
        AND concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                      CASE WHEN a.attnotnull THEN 'not null' END,
                      'default ' || pg_get_expr(d.adbin, d.adrelid))
            = ANY (string_to_array(wanted, ' | '))
);

-- Indexes, valid and as they must be; constraints, validated and as they must be.
WITH indexes (table_name, name, definition) AS (VALUES
    ('districts', 'districts_isActive_idx', 'btree ("isActive")'),
    ('districts', 'districts_createdBy_idx', 'btree ("createdBy")'),
    ('districts', 'districts_updatedBy_idx', 'btree ("updatedBy")'),
    ('schools', 'schools_districtId_idx', 'btree ("districtId")'),
    ('schools', 'schools_isActive_idx', 'btree ("isActive")'),
    ('schools', 'schools_createdBy_idx', 'btree ("createdBy")'),
    ('schools', 'schools_updatedBy_idx', 'btree ("updatedBy")'),
    ('users', 'users_email_lower_unique', 'unique btree (lower(email::text))'),
    ('users', 'users_role_idx', 'btree (role)'),
    ('users', 'users_schoolId_idx', 'btree ("schoolId")'),
    ('users', 'users_districtId_idx', 'btree ("districtId")'),
    ('users', 'users_isActive_idx', 'btree ("isActive")'),
    ('users', 'users_createdBy_idx', 'btree ("createdBy")'),
    ('users', 'users_updatedBy_idx', 'btree ("updatedBy")'),
    ('students', 'students_name_idx', 'btree ("lastName", "firstName")'),
    ('students', 'students_grade_idx', 'btree (grade)'),
    ('students', 'students_nurseId_idx', 'btree ("nurseId")'),
    ('students', 'students_schoolId_idx', 'btree ("schoolId")'),
    ('students', 'students_districtId_idx', 'btree ("districtId")'),
    ('students', 'students_isActive_idx', 'btree ("isActive")'),
    ('students', 'students_createdBy_idx', 'btree ("createdBy")'),
    ('students', 'students_updatedBy_idx', 'btree ("updatedBy")'),
    ('contacts', 'contacts_email_idx', 'btree (email)'),
    ('contacts', 'contacts_type_idx', 'btree (type)'),
    ('contacts', 'contacts_relationTo_idx', 'btree ("relationTo")'),
    ('contacts', 'contacts_isActive_idx', 'btree ("isActive")'),
    ('contacts', 'contacts_name_idx', 'btree ("firstName", "lastName")'),
    ('contacts', 'contacts_createdBy_idx', 'btree ("createdBy")'),
    ('contacts', 'contacts_updatedBy_idx', 'btree ("updatedBy")')
), constraints (table_name, name, definition) AS (VALUES
    ('districts', 'districts_pkey', 'PRIMARY KEY (id)'),
    ('districts', 'districts_code_unique', 'UNIQUE (code)'),
    ('districts', 'districts_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('districts', 'districts_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('schools', 'schools_pkey', 'PRIMARY KEY (id)'),
    ('schools', 'schools_code_unique', 'UNIQUE (code)'),
    ('schools', 'schools_districtId_fkey',
        'FOREIGN KEY ("districtId") REFERENCES districts(id) '
        'ON UPDATE CASCADE ON DELETE CASCADE'),
    ('schools', 'schools_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('schools', 'schools_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('schools', 'schools_totalEnrollment_check', 'CHECK ("totalEnrollment" >= 0)'),
    ('users', 'users_pkey', 'PRIMARY KEY (id)'),
    ('users', 'users_email_unique', 'UNIQUE (email)'),
    ('users', 'users_schoolId_fkey',
        'FOREIGN KEY ("schoolId") REFERENCES schools(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('users', 'users_districtId_fkey',
        'FOREIGN KEY ("districtId") REFERENCES districts(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('users', 'users_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('users', 'users_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('users', 'users_failedLoginAttempts_check', 'CHECK ("failedLoginAttempts" >= 0)'),
    ('students', 'students_pkey', 'PRIMARY KEY (id)'),
    ('students', 'students_studentNumber_unique', 'UNIQUE ("studentNumber")'),
    ('students', 'students_medicalRecordNum_key', 'UNIQUE ("medicalRecordNum")'),
    ('students', 'students_nurseId_fkey',
        'FOREIGN KEY ("nurseId") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('students', 'students_schoolId_fkey',
        'FOREIGN KEY ("schoolId") REFERENCES schools(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('students', 'students_districtId_fkey',
        'FOREIGN KEY ("districtId") REFERENCES districts(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('students', 'students_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('students', 'students_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('students', 'students_dateOfBirth_check',
        'CHECK ("dateOfBirth" >= ''1900-01-01''::date)'),
    ('contacts', 'contacts_pkey', 'PRIMARY KEY (id)'),
    ('contacts', 'contacts_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('contacts', 'contacts_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL')
)
SELECT 'index ' || name AS differing FROM indexes
WHERE NOT EXISTS (
    SELECT FROM pg_index
    WHERE indexrelid = to_regclass(quote_ident(name))
        AND indrelid = to_regclass(quote_ident(table_name)) AND indisvalid AND indisready
        AND definition = CASE WHEN indisunique THEN 'unique ' ELSE '' END
            || substring(pg_get_indexdef(indexrelid, 0, true) FROM ' USING (.*)')
)
UNION ALL
SELECT 'constraint ' || name FROM constraints
WHERE NOT EXISTS (
    SELECT FROM pg_constraint
    WHERE conrelid = to_regclass(quote_ident(table_name)) AND conname = name
        AND convalidated AND pg_get_constraintdef(oid, true) = definition
);

-- Triggers that keep "updatedAt", enabled.
WITH triggers (table_name, name) AS (VALUES
    ('districts', 'districts_set_updated_at'),
    ('schools', 'schools_set_updated_at'),
    ('users', 'users_set_updated_at'),
    ('students', 'students_set_updated_at'),
    ('contacts', 'contacts_set_updated_at')
)
SELECT 'trigger ' || name AS differing FROM triggers
WHERE NOT EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = to_regclass(quote_ident(table_name)) AND tgname = name AND tgenabled = 'O'
        AND tgfoid = to_regprocedure('set_updated_at()')
);

-- Rows that refer to nothing.
SELECT 'schools.districtId' AS orphaned, count(*) AS rows
FROM schools AS child
WHERE child."districtId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM districts AS parent WHERE parent.id = child."districtId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'users.schoolId' AS orphaned, count(*) AS rows
FROM users AS child
WHERE child."schoolId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM schools AS parent WHERE parent.id = child."schoolId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'users.districtId' AS orphaned, count(*) AS rows
FROM users AS child
WHERE child."districtId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM districts AS parent WHERE parent.id = child."districtId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'students.nurseId' AS orphaned, count(*) AS rows
FROM students AS child
WHERE child."nurseId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM users AS parent WHERE parent.id = child."nurseId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'students.schoolId' AS orphaned, count(*) AS rows
FROM students AS child
WHERE child."schoolId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM schools AS parent WHERE parent.id = child."schoolId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'students.districtId' AS orphaned, count(*) AS rows
FROM students AS child
WHERE child."districtId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM districts AS parent WHERE parent.id = child."districtId"
    )
HAVING count(*) > 0;

-- Impossible values.
SELECT 'schools_totalEnrollment_check' AS violated, count(*) AS rows
FROM schools
WHERE NOT ("totalEnrollment" >= 0)
HAVING count(*) > 0
UNION ALL
SELECT 'users_failedLoginAttempts_check' AS violated, count(*) AS rows
FROM users
WHERE NOT ("failedLoginAttempts" >= 0)
HAVING count(*) > 0
UNION ALL
SELECT 'students_dateOfBirth_check' AS violated, count(*) AS rows
FROM students
WHERE NOT ("dateOfBirth" >= '1900-01-01'::date)
HAVING count(*) > 0;

-- Base schema: districts, schools, users, students and contacts. Everything else refers to it.
--
-- drydock: risk medium
-- drydock: phi yes
--
-- What differs from the earlier version of this schema:
--   * role, gender and type have the named enum types; no column has a second, implicit one.
--   * students.schoolId and students.districtId RESTRICT (they cascaded): a student is the root
--     of a health record, so that deleting a school must not delete the children in it.
--     schools.districtId still cascades, because a school belongs to its district, and stops as
--     soon as there is a student.
--   * createdBy and updatedBy are on every table and refer to users with SET NULL: the row
--     outlives the account.
--   * A unique constraint has the only index on its columns; e-mail addresses of users are unique
--     regardless of case.
--   * "updatedAt" is kept by a trigger.

DO $types$
BEGIN
    IF to_regtype('"UserRole"') IS NULL THEN
        CREATE TYPE "UserRole" AS ENUM
            ('ADMIN', 'NURSE', 'SCHOOL_ADMIN', 'DISTRICT_ADMIN', 'VIEWER', 'COUNSELOR');
    END IF;
    IF to_regtype('"Gender"') IS NULL THEN
        CREATE TYPE "Gender" AS ENUM ('MALE', 'FEMALE', 'OTHER', 'PREFER_NOT_TO_SAY');
    END IF;
    IF to_regtype('"ContactType"') IS NULL THEN
        CREATE TYPE "ContactType" AS ENUM
            ('GUARDIAN', 'PARENT', 'EMERGENCY', 'PROVIDER', 'VENDOR', 'STAFF', 'OTHER');
    END IF;
END
$types$;

-- The function may be there only if this migration made it: another one of the same name is not
-- replaced.
DO $function$
BEGIN
    IF to_regprocedure('set_updated_at()') IS NULL THEN
        CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    NEW."updatedAt" := CURRENT_TIMESTAMP;
    RETURN NEW;
END
$body$;
    ELSIF (SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure('set_updated_at()'))
        !~ '^\s*BEGIN\s+NEW\."updatedAt" := CURRENT_TIMESTAMP;\s+RETURN NEW;\s+END\s*$' THEN
        RAISE EXCEPTION 'function set_updated_at() exists, and does something else'
            USING HINT = 'Rename it, and run this again. Nothing was changed.';
    END IF;
END
$function$;

COMMENT ON FUNCTION set_updated_at() IS
    'Keeps "updatedAt": time of the transaction that last changed the row';

CREATE TABLE IF NOT EXISTS districts (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name varchar(200) NOT NULL,
    code varchar(50) NOT NULL,
    address text,
    city varchar(100),
    state varchar(2),
    "zipCode" varchar(10),
    phone varchar(20),
    email varchar(255),
    "isActive" boolean NOT NULL DEFAULT true,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedBy" uuid,
    CONSTRAINT districts_pkey PRIMARY KEY (id),
    CONSTRAINT districts_code_unique UNIQUE (code)
);

CREATE TABLE IF NOT EXISTS schools (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name varchar(200) NOT NULL,
    code varchar(50) NOT NULL,
    "districtId" uuid NOT NULL,
    address text,
    city varchar(100),
    state varchar(2),
    "zipCode" varchar(10),
    phone varchar(20),
    email varchar(255),
    principal varchar(200),
    "totalEnrollment" integer,
    "isActive" boolean NOT NULL DEFAULT true,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedBy" uuid,
    CONSTRAINT schools_pkey PRIMARY KEY (id),
    CONSTRAINT schools_code_unique UNIQUE (code),
    CONSTRAINT "schools_districtId_fkey" FOREIGN KEY ("districtId") REFERENCES districts (id)
        ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "schools_totalEnrollment_check" CHECK ("totalEnrollment" >= 0)
);

CREATE TABLE IF NOT EXISTS users (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    email varchar(255) NOT NULL,
    password varchar(255) NOT NULL,
    "firstName" varchar(100) NOT NULL,
    "lastName" varchar(100) NOT NULL,
    role "UserRole" NOT NULL DEFAULT 'NURSE',
    "isActive" boolean NOT NULL DEFAULT true,
    "lastLogin" timestamptz,
    "schoolId" uuid,
    "districtId" uuid,
    phone varchar(20),
    "emailVerified" boolean NOT NULL DEFAULT false,
    "emailVerificationToken" varchar(255),
    "emailVerificationExpires" timestamptz,
    "passwordResetToken" varchar(255),
    "passwordResetExpires" timestamptz,
    "passwordChangedAt" timestamptz,
    "twoFactorEnabled" boolean NOT NULL DEFAULT false,
    "twoFactorSecret" varchar(255),
    "failedLoginAttempts" integer NOT NULL DEFAULT 0,
    "lockoutUntil" timestamptz,
    "lastPasswordChange" timestamptz,
    "mustChangePassword" boolean NOT NULL DEFAULT false,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "createdBy" uuid,
    "updatedBy" uuid,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_unique UNIQUE (email),
    CONSTRAINT "users_schoolId_fkey" FOREIGN KEY ("schoolId") REFERENCES schools (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "users_districtId_fkey" FOREIGN KEY ("districtId") REFERENCES districts (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "users_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "users_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "users_failedLoginAttempts_check" CHECK ("failedLoginAttempts" >= 0)
);

CREATE TABLE IF NOT EXISTS students (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "studentNumber" varchar(50) NOT NULL,
    "firstName" varchar(100) NOT NULL,
    "lastName" varchar(100) NOT NULL,
    "dateOfBirth" date NOT NULL,
    grade varchar(10) NOT NULL,
    gender "Gender" NOT NULL,
    photo varchar(500),
    "medicalRecordNum" varchar(50),
    "isActive" boolean NOT NULL DEFAULT true,
    "enrollmentDate" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "nurseId" uuid,
    "schoolId" uuid,
    "districtId" uuid,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT students_pkey PRIMARY KEY (id),
    CONSTRAINT "students_studentNumber_unique" UNIQUE ("studentNumber"),
    CONSTRAINT "students_medicalRecordNum_key" UNIQUE ("medicalRecordNum"),
    CONSTRAINT "students_nurseId_fkey" FOREIGN KEY ("nurseId") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "students_schoolId_fkey" FOREIGN KEY ("schoolId") REFERENCES schools (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "students_districtId_fkey" FOREIGN KEY ("districtId") REFERENCES districts (id)
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "students_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "students_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "students_dateOfBirth_check" CHECK ("dateOfBirth" >= DATE '1900-01-01')
);

-- relationTo names a row of whichever table relationshipType says, so that it can have no key.
CREATE TABLE IF NOT EXISTS contacts (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    "firstName" varchar(100) NOT NULL,
    "lastName" varchar(100) NOT NULL,
    email varchar(255),
    phone varchar(20),
    type "ContactType" NOT NULL,
    organization varchar(200),
    title varchar(100),
    address varchar(255),
    city varchar(100),
    state varchar(50),
    zip varchar(20),
    "relationTo" uuid,
    "relationshipType" varchar(50),
    "customFields" jsonb DEFAULT '{}',
    "isActive" boolean NOT NULL DEFAULT true,
    notes text,
    "createdBy" uuid,
    "updatedBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deletedAt" timestamptz,
    CONSTRAINT contacts_pkey PRIMARY KEY (id),
    CONSTRAINT "contacts_createdBy_fkey" FOREIGN KEY ("createdBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "contacts_updatedBy_fkey" FOREIGN KEY ("updatedBy") REFERENCES users (id)
        ON DELETE SET NULL ON UPDATE CASCADE
);

-- IF NOT EXISTS passes over what has the name and another shape: this stops on it.
DO $columns$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
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
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$columns$;

-- Districts and schools are older than the users who create them, so that these keys come last.
DO $keys$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('districts')
                   AND conname = 'districts_createdBy_fkey') THEN
        ALTER TABLE districts ADD CONSTRAINT "districts_createdBy_fkey"
            FOREIGN KEY ("createdBy") REFERENCES users (id) ON DELETE SET NULL ON UPDATE CASCADE;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('districts')
                   AND conname = 'districts_updatedBy_fkey') THEN
        ALTER TABLE districts ADD CONSTRAINT "districts_updatedBy_fkey"
            FOREIGN KEY ("updatedBy") REFERENCES users (id) ON DELETE SET NULL ON UPDATE CASCADE;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('schools')
                   AND conname = 'schools_createdBy_fkey') THEN
        ALTER TABLE schools ADD CONSTRAINT "schools_createdBy_fkey"
            FOREIGN KEY ("createdBy") REFERENCES users (id) ON DELETE SET NULL ON UPDATE CASCADE;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('schools')
                   AND conname = 'schools_updatedBy_fkey') THEN
        ALTER TABLE schools ADD CONSTRAINT "schools_updatedBy_fkey"
            FOREIGN KEY ("updatedBy") REFERENCES users (id) ON DELETE SET NULL ON UPDATE CASCADE;
    END IF;
END
$keys$;

CREATE INDEX IF NOT EXISTS "districts_isActive_idx" ON districts ("isActive");
CREATE INDEX IF NOT EXISTS "districts_createdBy_idx" ON districts ("createdBy");
CREATE INDEX IF NOT EXISTS "districts_updatedBy_idx" ON districts ("updatedBy");

CREATE INDEX IF NOT EXISTS "schools_districtId_idx" ON schools ("districtId");
CREATE INDEX IF NOT EXISTS "schools_isActive_idx" ON schools ("isActive");
CREATE INDEX IF NOT EXISTS "schools_createdBy_idx" ON schools ("createdBy");
CREATE INDEX IF NOT EXISTS "schools_updatedBy_idx" ON schools ("updatedBy");

-- users_email_unique stays beside it: ON CONFLICT (email) needs a unique index on the bare
-- column.
CREATE UNIQUE INDEX IF NOT EXISTS users_email_lower_unique ON users (lower(email));
CREATE INDEX IF NOT EXISTS users_role_idx ON users (role);
CREATE INDEX IF NOT EXISTS "users_schoolId_idx" ON users ("schoolId");
CREATE INDEX IF NOT EXISTS "users_districtId_idx" ON users ("districtId");
CREATE INDEX IF NOT EXISTS "users_isActive_idx" ON users ("isActive");
CREATE INDEX IF NOT EXISTS "users_createdBy_idx" ON users ("createdBy");
CREATE INDEX IF NOT EXISTS "users_updatedBy_idx" ON users ("updatedBy");

CREATE INDEX IF NOT EXISTS students_name_idx ON students ("lastName", "firstName");
CREATE INDEX IF NOT EXISTS students_grade_idx ON students (grade);
CREATE INDEX IF NOT EXISTS "students_nurseId_idx" ON students ("nurseId");
CREATE INDEX IF NOT EXISTS "students_schoolId_idx" ON students ("schoolId");
CREATE INDEX IF NOT EXISTS "students_districtId_idx" ON students ("districtId");
CREATE INDEX IF NOT EXISTS "students_isActive_idx" ON students ("isActive");
CREATE INDEX IF NOT EXISTS "students_createdBy_idx" ON students ("createdBy");
CREATE INDEX IF NOT EXISTS "students_updatedBy_idx" ON students ("updatedBy");

CREATE INDEX IF NOT EXISTS contacts_email_idx ON contacts (email);
CREATE INDEX IF NOT EXISTS contacts_type_idx ON contacts (type);
CREATE INDEX IF NOT EXISTS "contacts_relationTo_idx" ON contacts ("relationTo");
CREATE INDEX IF NOT EXISTS "contacts_isActive_idx" ON contacts ("isActive");
CREATE INDEX IF NOT EXISTS contacts_name_idx ON contacts ("firstName", "lastName");
CREATE INDEX IF NOT EXISTS "contacts_createdBy_idx" ON contacts ("createdBy");
CREATE INDEX IF NOT EXISTS "contacts_updatedBy_idx" ON contacts ("updatedBy");

CREATE OR REPLACE TRIGGER districts_set_updated_at BEFORE UPDATE ON districts
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER schools_set_updated_at BEFORE UPDATE ON schools
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER users_set_updated_at BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER students_set_updated_at BEFORE UPDATE ON students
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE OR REPLACE TRIGGER contacts_set_updated_at BEFORE UPDATE ON contacts
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

COMMENT ON TABLE districts IS 'School districts';
COMMENT ON TABLE schools IS 'Schools of a district';
COMMENT ON TABLE users IS 'Accounts of staff';
COMMENT ON TABLE students IS 'Students: protected health information hangs on these rows';
COMMENT ON TABLE contacts IS 'People and organizations around students and schools';

-- The same for indexes and constraints.
DO $shape$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
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
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$shape$;

-- Indexes for the queries that the application runs most: composite, partial and full-text; and,
-- where tables of other modules exist, theirs.
--
-- drydock: requires 20250103000000 20250103000001 20250103000002
-- drydock: requires 20250103000003 20251009013303 20251010000000
-- drydock: risk low
-- drydock: phi yes
--
-- What differs from the earlier version of this schema:
--   * No predicate uses CURRENT_DATE, which is not immutable and is refused in an index.
--   * A btree is scanned backwards as easily as forwards. An index that differs from another one
--     only in the direction of its last column is not made: idx_health_records_type_date
--     (health_records_recordType_recordDate_idx serves it), idx_medication_logs_student
--     (medication_logs_student_med_time_idx), idx_vaccinations_student
--     (vaccinations_studentId_administrationDate_idx).
--   * The result does not depend on whether add-status-and-safety-type-to-incidents ran before.
--   * In a fenced window CREATE INDEX in a transaction is atomic and faster than CONCURRENTLY,
--     and leaves nothing behind.

CREATE INDEX IF NOT EXISTS idx_students_nurse ON students ("nurseId") WHERE "isActive" = true;
CREATE INDEX IF NOT EXISTS idx_students_school ON students ("schoolId") WHERE "isActive" = true;
CREATE INDEX IF NOT EXISTS idx_students_grade_active ON students (grade, "isActive");
CREATE INDEX IF NOT EXISTS idx_students_health_overview
    ON students ("schoolId", grade, "isActive", "nurseId");
CREATE INDEX IF NOT EXISTS idx_students_search ON students
    USING gin (to_tsvector('english', "firstName" || ' ' || "lastName" || ' ' || "studentNumber"));

CREATE INDEX IF NOT EXISTS idx_users_district ON users ("districtId") WHERE "isActive" = true;
CREATE INDEX IF NOT EXISTS idx_users_school ON users ("schoolId") WHERE "isActive" = true;
CREATE INDEX IF NOT EXISTS idx_users_role_active ON users (role, "isActive");
CREATE INDEX IF NOT EXISTS idx_users_search ON users
    USING gin (to_tsvector('english', "firstName" || ' ' || "lastName" || ' ' || email));

CREATE INDEX IF NOT EXISTS idx_health_records_student_date
    ON health_records ("studentId", "recordDate" DESC, "recordType");
CREATE INDEX IF NOT EXISTS idx_health_records_provider
    ON health_records ("providerNpi", "recordDate" DESC) WHERE "providerNpi" IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_health_records_confidential
    ON health_records ("isConfidential", "studentId") WHERE "isConfidential" = true;

CREATE INDEX IF NOT EXISTS idx_allergies_student
    ON allergies ("studentId", severity) WHERE "isActive" = true;
CREATE INDEX IF NOT EXISTS idx_allergies_critical
    ON allergies ("studentId", severity) WHERE active = true AND severity = 'LIFE_THREATENING';

CREATE INDEX IF NOT EXISTS idx_chronic_conditions_student
    ON chronic_conditions ("studentId", status) WHERE status = 'ACTIVE';

CREATE INDEX IF NOT EXISTS idx_appointments_upcoming
    ON appointments ("nurseId", "scheduledAt", status) WHERE status IN ('SCHEDULED', 'IN_PROGRESS');
CREATE INDEX IF NOT EXISTS idx_appointments_date_range
    ON appointments ("scheduledAt", status) WHERE status <> 'CANCELLED';
CREATE INDEX IF NOT EXISTS idx_appointments_student
    ON appointments ("studentId", "scheduledAt" DESC, status);
CREATE INDEX IF NOT EXISTS idx_appointment_availability
    ON appointments ("nurseId", "scheduledAt", status, duration);

CREATE INDEX IF NOT EXISTS idx_medications_category_active ON medications (category, "isActive");
CREATE INDEX IF NOT EXISTS idx_medications_expiration ON medications ("expirationDate", "isActive")
    WHERE "isActive" = true AND "expirationDate" IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_medications_stock ON medications ("stockQuantity", "minimumStock")
    WHERE "isActive" = true AND "stockQuantity" <= "minimumStock";
CREATE INDEX IF NOT EXISTS idx_medications_search ON medications
    USING gin (to_tsvector('english', name || ' ' || COALESCE("genericName", '')));

CREATE INDEX IF NOT EXISTS idx_student_medications_student
    ON student_medications ("studentId", "isActive");
CREATE INDEX IF NOT EXISTS idx_student_medications_active_dates
    ON student_medications ("isActive", "startDate", "endDate") WHERE "isActive" = true;
CREATE INDEX IF NOT EXISTS idx_medication_schedule
    ON student_medications ("studentId", "isActive", "startDate", "endDate");

CREATE INDEX IF NOT EXISTS idx_medication_logs_nurse
    ON medication_logs ("nurseId", "timeGiven" DESC);

CREATE INDEX IF NOT EXISTS idx_incident_reports_student
    ON incident_reports ("studentId", "occurredAt" DESC, severity);
CREATE INDEX IF NOT EXISTS idx_incident_reports_reporter
    ON incident_reports ("reportedById", "occurredAt" DESC);
CREATE INDEX IF NOT EXISTS idx_incident_reports_filters
    ON incident_reports (type, severity, "occurredAt" DESC);
CREATE INDEX IF NOT EXISTS idx_incident_reports_critical
    ON incident_reports (severity, "occurredAt" DESC) WHERE severity IN ('HIGH', 'CRITICAL');

CREATE INDEX IF NOT EXISTS idx_emergency_contacts_student
    ON emergency_contacts ("studentId", priority) WHERE "isActive" = true;
-- Not the unique index of create-additional-critical-tables: that one leaves deleted contacts
-- out, which this query may not.
CREATE INDEX IF NOT EXISTS idx_emergency_contacts_primary
    ON emergency_contacts ("studentId", "isPrimary") WHERE "isPrimary" = true AND "isActive" = true;

CREATE INDEX IF NOT EXISTS idx_vaccinations_due
    ON vaccinations ("nextDueDate", "studentId") WHERE "nextDueDate" IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_vaccinations_compliance
    ON vaccinations ("vaccineType", "complianceStatus", "administrationDate" DESC);

-- Tables of other modules, which may be missing or have another shape: an index is made only
-- where its table and every column that it names exist, and passed over with a warning where a
-- column has a type that it does not fit. An index of the same name on other columns stops the
-- migration. optional: what exists of these columns follows the others; also: columns that only
-- the predicate names.
DO $conditional$
DECLARE
    wanted record;
    target regclass;
    names text[];
    keys text;
    present text[];
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('idx_documents_student', 'documents', '{studentId,uploadedAt DESC}', '{}',
                '"studentId" IS NOT NULL', '{}'),
            ('idx_documents_uploader', 'documents', '{uploadedById,uploadedAt DESC}', '{}',
                NULL, '{}'),
            ('idx_documents_category', 'documents', '{category,uploadedAt DESC}', '{}', NULL, '{}'),
            ('idx_documents_expiring', 'documents', '{expirationDate,category}', '{}',
                '"expirationDate" IS NOT NULL', '{}'),
            ('idx_audit_logs_user', 'audit_logs', '{userId,createdAt DESC}', '{}',
                '"userId" IS NOT NULL', '{}'),
            ('idx_audit_logs_entity', 'audit_logs', '{entityType,entityId,action,createdAt DESC}',
                '{}', NULL, '{}'),
            ('idx_audit_logs_date', 'audit_logs', '{createdAt DESC,action,entityType}', '{}',
                NULL, '{}'),
            ('idx_audit_logs_export', 'audit_logs', '{action,createdAt DESC}', '{}',
                'action = ''EXPORT''', '{}'),
            ('idx_messages_sender', 'messages', '{senderId,sentAt DESC}', '{}', NULL, '{}'),
            ('idx_message_recipients_recipient', 'message_recipients',
                '{recipientId,status,createdAt DESC}', '{}', NULL, '{}'),
            ('idx_message_recipients_unread', 'message_recipients', '{recipientId,status}', '{}',
                'status = ''UNREAD''', '{}'),
            ('idx_inventory_category', 'inventory_items', '{category,location,isActive}', '{}',
                NULL, '{}'),
            ('idx_inventory_low_stock', 'inventory_items', '{quantity,minimumStock}', '{}',
                '"isActive" AND quantity <= "minimumStock"', '{isActive}'),
            ('idx_inventory_transactions_item', 'inventory_transactions',
                '{inventoryItemId,transactionDate DESC}', '{}', NULL, '{}'),
            ('idx_inventory_transactions_performer', 'inventory_transactions',
                '{performedBy,transactionDate DESC}', '{}', NULL, '{}'),
            ('idx_compliance_records_student', 'compliance_records', '{studentId}',
                '{type,status,dueDate}', NULL, '{}'),
            ('idx_compliance_records_status', 'compliance_records', '{type,status,dueDate}', '{}',
                'status <> ''COMPLIANT''', '{}'),
            ('idx_compliance_records_overdue', 'compliance_records', '{dueDate,status}', '{}',
                'status = ''PENDING''', '{}'),
            ('idx_sessions_user_active', 'sessions', '{userId,lastActivity DESC}', '{}',
                '"isActive"', '{isActive}'),
            ('idx_sessions_expired', 'sessions', '{expiresAt}', '{}', '"isActive"', '{isActive}')
        ) AS w (name, table_name, columns, optional, predicate, also)
    LOOP
        SELECT oid::regclass INTO target FROM pg_class
        WHERE oid = to_regclass(wanted.table_name) AND relkind IN ('r', 'p');
        CONTINUE WHEN target IS NULL;

        SELECT COALESCE(array_agg(attname::text), '{}') INTO present FROM pg_attribute
        WHERE attrelid = target AND attnum > 0 AND NOT attisdropped;

        SELECT array_agg(split_part(c, ' ', 1) ORDER BY place),
            string_agg(quote_ident(split_part(c, ' ', 1)) || substring(c || ' ' FROM ' .*'), ', '
                       ORDER BY place)
        INTO names, keys
        FROM (
            SELECT c, n AS place FROM unnest(wanted.columns::text[]) WITH ORDINALITY AS k (c, n)
            UNION ALL
            SELECT c, 100 + n FROM unnest(wanted.optional::text[]) WITH ORDINALITY AS k (c, n)
            WHERE c = ANY (present)
        ) AS chosen;
        CONTINUE WHEN NOT present @> (names || wanted.also::text[]);

        IF to_regclass(wanted.name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE INDEX %I ON %s (%s)%s', wanted.name, target, keys,
                               ' WHERE ' || wanted.predicate);
            EXCEPTION
                WHEN undefined_function OR undefined_object OR datatype_mismatch
                    OR invalid_text_representation THEN
                    RAISE WARNING 'index % is not made: a column has a type that it does not fit',
                        wanted.name;
            END;
        ELSIF NOT EXISTS (
            SELECT FROM pg_index
            WHERE indexrelid = to_regclass(wanted.name) AND indrelid = target AND indisvalid
                AND (indpred IS NULL) = (wanted.predicate IS NULL)
        ) OR names <> ARRAY(
            SELECT attname::text FROM pg_attribute
            WHERE attrelid = to_regclass(wanted.name) AND attnum > 0 ORDER BY attnum
        ) THEN
            RAISE EXCEPTION 'index % exists, but not as this migration makes it', wanted.name
                USING HINT = 'Rename or drop it, and run this again. Nothing was changed.';
        END IF;
    END LOOP;
END
$conditional$;

-- The same for indexes.
DO $shape$
DECLARE
    found text;
BEGIN
    SELECT string_agg(differing, ', ') INTO found FROM (
        WITH indexes (table_name, name, definition) AS (VALUES
            ('users', 'idx_users_district', 'btree ("districtId") WHERE "isActive" = true'),
            ('users', 'idx_users_school', 'btree ("schoolId") WHERE "isActive" = true'),
            ('users', 'idx_users_role_active', 'btree (role, "isActive")'),
            ('users', 'idx_users_search',
                'gin (to_tsvector(''english''::regconfig, ((("firstName"::text || '' '
                '''::text) || "lastName"::text) || '' ''::text) || email::text))'),
            ('students', 'idx_students_nurse', 'btree ("nurseId") WHERE "isActive" = true'),
            ('students', 'idx_students_school', 'btree ("schoolId") WHERE "isActive" = true'),
            ('students', 'idx_students_grade_active', 'btree (grade, "isActive")'),
            ('students', 'idx_students_health_overview',
                'btree ("schoolId", grade, "isActive", "nurseId")'),
            ('students', 'idx_students_search',
                'gin (to_tsvector(''english''::regconfig, ((("firstName"::text || '' '
                '''::text) || "lastName"::text) || '' ''::text) || "studentNumber"::text))'),
            ('health_records', 'idx_health_records_student_date',
                'btree ("studentId", "recordDate" DESC, "recordType")'),
            ('health_records', 'idx_health_records_provider',
                'btree ("providerNpi", "recordDate" DESC) WHERE "providerNpi" IS NOT NULL'),
            ('health_records', 'idx_health_records_confidential',
                'btree ("isConfidential", "studentId") WHERE "isConfidential" = true'),
            ('allergies', 'idx_allergies_student',
                'btree ("studentId", severity) WHERE "isActive" = true'),
            ('allergies', 'idx_allergies_critical',
                'btree ("studentId", severity) WHERE active = true AND severity = '
                '''LIFE_THREATENING''::"AllergySeverity"'),
            ('chronic_conditions', 'idx_chronic_conditions_student',
                'btree ("studentId", status) WHERE status = ''ACTIVE''::"ConditionStatus"'),
            ('appointments', 'idx_appointments_upcoming',
                'btree ("nurseId", "scheduledAt", status) WHERE status = ANY '
                '(ARRAY[''SCHEDULED''::"AppointmentStatus", '
                '''IN_PROGRESS''::"AppointmentStatus"])'),
            ('appointments', 'idx_appointments_date_range',
                'btree ("scheduledAt", status) WHERE status <> '
                '''CANCELLED''::"AppointmentStatus"'),
            ('appointments', 'idx_appointments_student',
                'btree ("studentId", "scheduledAt" DESC, status)'),
            ('appointments', 'idx_appointment_availability',
                'btree ("nurseId", "scheduledAt", status, duration)'),
            ('medications', 'idx_medications_category_active', 'btree (category, "isActive")'),
            ('medications', 'idx_medications_expiration',
                'btree ("expirationDate", "isActive") WHERE "isActive" = true AND '
                '"expirationDate" IS NOT NULL'),
            ('medications', 'idx_medications_stock',
                'btree ("stockQuantity", "minimumStock") WHERE "isActive" = true AND '
                '"stockQuantity" <= "minimumStock"'),
            ('medications', 'idx_medications_search',
                'gin (to_tsvector(''english''::regconfig, (name::text || '' ''::text) || '
                'COALESCE("genericName", ''''::character varying)::text))'),
            ('student_medications', 'idx_student_medications_student',
                'btree ("studentId", "isActive")'),
            ('student_medications', 'idx_student_medications_active_dates',
                'btree ("isActive", "startDate", "endDate") WHERE "isActive" = true'),
            ('student_medications', 'idx_medication_schedule',
                'btree ("studentId", "isActive", "startDate", "endDate")'),
            ('medication_logs', 'idx_medication_logs_nurse',
                'btree ("nurseId", "timeGiven" DESC)'),
            ('incident_reports', 'idx_incident_reports_student',
                'btree ("studentId", "occurredAt" DESC, severity)'),
            ('incident_reports', 'idx_incident_reports_reporter',
                'btree ("reportedById", "occurredAt" DESC)'),
            ('incident_reports', 'idx_incident_reports_filters',
                'btree (type, severity, "occurredAt" DESC)'),
            ('incident_reports', 'idx_incident_reports_critical',
                'btree (severity, "occurredAt" DESC) WHERE severity = ANY '
                '(ARRAY[''HIGH''::"IncidentSeverity", ''CRITICAL''::"IncidentSeverity"])'),
            ('emergency_contacts', 'idx_emergency_contacts_student',
                'btree ("studentId", priority) WHERE "isActive" = true'),
            ('emergency_contacts', 'idx_emergency_contacts_primary',
                'btree ("studentId", "isPrimary") WHERE "isPrimary" = true AND "isActive" '
                '= true'),
            ('vaccinations', 'idx_vaccinations_due',
                'btree ("nextDueDate", "studentId") WHERE "nextDueDate" IS NOT NULL'),
            ('vaccinations', 'idx_vaccinations_compliance',
                'btree ("vaccineType", "complianceStatus", "administrationDate" DESC)')
        )
        SELECT 'index ' || name AS differing FROM indexes
        WHERE NOT EXISTS (
            SELECT FROM pg_index
            WHERE indexrelid = to_regclass(quote_ident(name))
                AND indrelid = to_regclass(quote_ident(table_name)) AND indisvalid AND indisready
                AND definition = CASE WHEN indisunique THEN 'unique ' ELSE '' END
                    || substring(pg_get_indexdef(indexrelid, 0, true) FROM ' USING (.*)')
        )
    ) AS shape;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'not as this migration makes it: %', found
            USING HINT = 'Something of this name was there before. Rename it, or bring it to the '
                'shape that this file gives, and run this again. Nothing was changed.';
    END IF;
END
$shape$;

-- Every statement returns no row when performance-indexes holds: in the transaction that runs it,
-- and at any later time, also after the migrations that follow it.

-- Indexes, valid and as they must be.
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
);

-- An index of another module's table need not exist (its table may not have, when this migration
-- ran), but it must be valid.
SELECT 'index ' || c.relname AS invalid
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE NOT (i.indisvalid AND i.indisready) AND c.relname IN (
    'idx_documents_student',
    'idx_documents_uploader',
    'idx_documents_category',
    'idx_documents_expiring',
    'idx_audit_logs_user',
    'idx_audit_logs_entity',
    'idx_audit_logs_date',
    'idx_audit_logs_export',
    'idx_messages_sender',
    'idx_message_recipients_recipient',
    'idx_message_recipients_unread',
    'idx_inventory_category',
    'idx_inventory_low_stock',
    'idx_inventory_transactions_item',
    'idx_inventory_transactions_performer',
    'idx_compliance_records_student',
    'idx_compliance_records_status',
    'idx_compliance_records_overdue',
    'idx_sessions_user_active',
    'idx_sessions_expired'
);

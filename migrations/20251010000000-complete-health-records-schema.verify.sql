-- Every statement returns no row when complete-health-records-schema holds: in the transaction
-- that runs it, and at any later time, also after the migrations that follow it.

-- Types and columns as they must be.
WITH types (name, labels) AS (VALUES
    ('VaccineType',
        'COVID_19, FLU, MEASLES, MUMPS, RUBELLA, MMR, POLIO, HEPATITIS_A, '
        'HEPATITIS_B, VARICELLA, TETANUS, DIPHTHERIA, PERTUSSIS, TDAP, DTaP, HIB, '
        'PNEUMOCOCCAL, ROTAVIRUS, MENINGOCOCCAL, HPV, OTHER'),
    ('AdministrationSite',
        'ARM_LEFT, ARM_RIGHT, THIGH_LEFT, THIGH_RIGHT, DELTOID_LEFT, DELTOID_RIGHT, '
        'BUTTOCK_LEFT, BUTTOCK_RIGHT, ORAL, NASAL, OTHER'),
    ('AdministrationRoute',
        'INTRAMUSCULAR, SUBCUTANEOUS, INTRADERMAL, ORAL, INTRANASAL, INTRAVENOUS, '
        'OTHER'),
    ('VaccineComplianceStatus',
        'COMPLIANT, OVERDUE, PARTIALLY_COMPLIANT, EXEMPT, NON_COMPLIANT'),
    ('ScreeningType',
        'VISION, HEARING, SCOLIOSIS, DENTAL, BMI, BLOOD_PRESSURE, DEVELOPMENTAL, '
        'SPEECH, MENTAL_HEALTH, TUBERCULOSIS, LEAD, ANEMIA, OTHER'),
    ('ScreeningOutcome', 'PASS, REFER, FAIL, INCONCLUSIVE, INCOMPLETE'),
    ('FollowUpStatus',
        'PENDING, SCHEDULED, COMPLETED, CANCELLED, OVERDUE, NOT_NEEDED'),
    ('ConsciousnessLevel',
        'ALERT, VERBAL, PAIN, UNRESPONSIVE, DROWSY, CONFUSED, LETHARGIC'),
    ('AllergyType',
        'FOOD, MEDICATION, ENVIRONMENTAL, INSECT, LATEX, ANIMAL, CHEMICAL, SEASONAL, '
        'OTHER'),
    ('ConditionSeverity', 'MILD, MODERATE, SEVERE, CRITICAL'),
    ('ConditionStatus', 'ACTIVE, MANAGED, RESOLVED, MONITORING, INACTIVE')
), tables (name, columns) AS (VALUES
    ('allergies', ARRAY[
        'allergyType "AllergyType" not null default ''OTHER''::"AllergyType"',
        'symptoms text', 'reactions jsonb', 'treatment text', 'emergencyProtocol text',
        'onsetDate timestamp with time zone', 'verified boolean not null default false',
        'verifiedBy text', 'verificationDate timestamp with time zone',
        'active boolean not null default true',
        'epiPenRequired boolean not null default false', 'epiPenLocation text',
        'epiPenExpiration timestamp with time zone', 'healthRecordId uuid']),
    ('chronic_conditions', ARRAY[
        'status "ConditionStatus" not null default ''ACTIVE''::"ConditionStatus"',
        'icdCode text', 'diagnosedBy text',
        'severity "ConditionSeverity" not null default ''MODERATE''::"ConditionSeverity"',
        'medications jsonb', 'treatments text',
        'accommodationsRequired boolean not null default false',
        'accommodationDetails text', 'emergencyProtocol text', 'actionPlan text',
        'reviewFrequency text', 'restrictions jsonb', 'precautions jsonb',
        'triggers text[]', 'carePlan text', 'lastReviewDate timestamp with time zone',
        'healthRecordId uuid']),
    ('vaccinations', ARRAY[
        'id uuid not null default gen_random_uuid()', 'vaccineName text not null',
        'vaccineType "VaccineType"', 'manufacturer text', 'lotNumber text',
        'cvxCode text', 'ndcCode text', 'doseNumber integer', 'totalDoses integer',
        'seriesComplete boolean not null default false',
        'administrationDate timestamp with time zone not null',
        'administeredBy text not null', 'administeredByRole text', 'facility text',
        'siteOfAdministration "AdministrationSite"',
        'routeOfAdministration "AdministrationRoute"', 'dosageAmount text',
        'expirationDate timestamp with time zone',
        'nextDueDate timestamp with time zone', 'reactions text', 'adverseEvents jsonb',
        'exemptionStatus boolean not null default false', 'exemptionReason text',
        'exemptionDocument text',
        'complianceStatus "VaccineComplianceStatus" not null '
        'default ''COMPLIANT''::"VaccineComplianceStatus"',
        'vfcEligibility boolean not null default false',
        'visProvided boolean not null default false',
        'visDate timestamp with time zone',
        'consentObtained boolean not null default false', 'consentBy text',
        'notes text', 'studentId uuid not null', 'healthRecordId uuid',
        'createdBy uuid', 'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone']),
    ('screenings', ARRAY[
        'id uuid not null default gen_random_uuid()',
        'screeningType "ScreeningType" not null',
        'screeningDate timestamp with time zone not null', 'screenedBy text not null',
        'screenedByRole text', 'results jsonb',
        'outcome "ScreeningOutcome" not null default ''PASS''::"ScreeningOutcome"',
        'referralRequired boolean not null default false', 'referralTo text',
        'referralDate timestamp with time zone', 'referralReason text',
        'followUpRequired boolean not null default false',
        'followUpDate timestamp with time zone', 'followUpStatus "FollowUpStatus"',
        'equipmentUsed text', 'testDetails jsonb', 'rightEye text', 'leftEye text',
        'rightEar text', 'leftEar text', 'passedCriteria boolean', 'notes text',
        'studentId uuid not null', 'healthRecordId uuid', 'createdBy uuid',
        'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone']),
    ('growth_measurements', ARRAY[
        'id uuid not null default gen_random_uuid()',
        'measurementDate timestamp with time zone not null', 'measuredBy text not null',
        'measuredByRole text', 'height numeric(6,2)',
        'heightUnit text not null default ''cm''::text', 'weight numeric(7,3)',
        'weightUnit text not null default ''kg''::text', 'bmi numeric(5,2)',
        'bmiPercentile numeric(5,2)', 'headCircumference numeric(5,2)',
        'heightPercentile numeric(5,2)', 'weightPercentile numeric(5,2)',
        'growthPercentiles jsonb', 'nutritionalStatus text', 'concerns text',
        'notes text', 'studentId uuid not null', 'healthRecordId uuid',
        'createdBy uuid', 'updatedBy uuid',
        'createdAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'updatedAt timestamp with time zone not null default CURRENT_TIMESTAMP',
        'deletedAt timestamp with time zone']),
    ('vital_signs', ARRAY[
        'id uuid not null default gen_random_uuid()',
        'measurementDate timestamp with time zone not null', 'measuredBy text not null',
        'measuredByRole text', 'temperature numeric(5,2)',
        'temperatureUnit text not null default ''F''::text', 'temperatureSite text',
        'bloodPressureSystolic integer', 'bloodPressureDiastolic integer',
        'bloodPressurePosition text', 'heartRate integer', 'heartRhythm text',
        'respiratoryRate integer', 'oxygenSaturation integer',
        'oxygenSupplemental boolean not null default false', 'painLevel integer',
        'painLocation text', 'consciousness "ConsciousnessLevel"',
        'glucoseLevel numeric(6,2)', 'peakFlow integer', 'notes text',
        'studentId uuid not null', 'healthRecordId uuid', 'appointmentId uuid',
        'createdBy uuid', 'updatedBy uuid',
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
    ('health_records', 'health_records_recordType_recordDate_idx',
        'btree ("recordType", "recordDate")'),
    ('health_records', 'health_records_followUpRequired_followUpDate_idx',
        'btree ("followUpRequired", "followUpDate")'),
    ('allergies', 'allergies_studentId_active_idx', 'btree ("studentId", active)'),
    ('allergies', 'allergies_allergyType_severity_idx',
        'btree ("allergyType", severity)'),
    ('allergies', 'allergies_epiPenExpiration_idx', 'btree ("epiPenExpiration")'),
    ('allergies', 'allergies_healthRecordId_idx', 'btree ("healthRecordId")'),
    ('chronic_conditions', 'chronic_conditions_studentId_status_idx',
        'btree ("studentId", status)'),
    ('chronic_conditions', 'chronic_conditions_severity_status_idx',
        'btree (severity, status)'),
    ('chronic_conditions', 'chronic_conditions_nextReviewDate_idx',
        'btree ("nextReviewDate")'),
    ('chronic_conditions', 'chronic_conditions_healthRecordId_idx',
        'btree ("healthRecordId")'),
    ('vaccinations', 'vaccinations_studentId_administrationDate_idx',
        'btree ("studentId", "administrationDate")'),
    ('vaccinations', 'vaccinations_vaccineType_complianceStatus_idx',
        'btree ("vaccineType", "complianceStatus")'),
    ('vaccinations', 'vaccinations_expirationDate_idx', 'btree ("expirationDate")'),
    ('vaccinations', 'vaccinations_nextDueDate_idx', 'btree ("nextDueDate")'),
    ('vaccinations', 'vaccinations_healthRecordId_idx', 'btree ("healthRecordId")'),
    ('vaccinations', 'vaccinations_createdBy_idx', 'btree ("createdBy")'),
    ('vaccinations', 'vaccinations_updatedBy_idx', 'btree ("updatedBy")'),
    ('screenings', 'screenings_studentId_screeningDate_idx',
        'btree ("studentId", "screeningDate")'),
    ('screenings', 'screenings_screeningType_outcome_idx',
        'btree ("screeningType", outcome)'),
    ('screenings', 'screenings_referralRequired_followUpRequired_idx',
        'btree ("referralRequired", "followUpRequired")'),
    ('screenings', 'screenings_followUpDate_idx', 'btree ("followUpDate")'),
    ('screenings', 'screenings_healthRecordId_idx', 'btree ("healthRecordId")'),
    ('screenings', 'screenings_createdBy_idx', 'btree ("createdBy")'),
    ('screenings', 'screenings_updatedBy_idx', 'btree ("updatedBy")'),
    ('growth_measurements', 'growth_measurements_studentId_measurementDate_idx',
        'btree ("studentId", "measurementDate")'),
    ('growth_measurements', 'growth_measurements_measurementDate_idx',
        'btree ("measurementDate")'),
    ('growth_measurements', 'growth_measurements_healthRecordId_idx',
        'btree ("healthRecordId")'),
    ('growth_measurements', 'growth_measurements_createdBy_idx', 'btree ("createdBy")'),
    ('growth_measurements', 'growth_measurements_updatedBy_idx', 'btree ("updatedBy")'),
    ('vital_signs', 'vital_signs_studentId_measurementDate_idx',
        'btree ("studentId", "measurementDate")'),
    ('vital_signs', 'vital_signs_measurementDate_idx', 'btree ("measurementDate")'),
    ('vital_signs', 'vital_signs_appointmentId_idx', 'btree ("appointmentId")'),
    ('vital_signs', 'vital_signs_healthRecordId_idx', 'btree ("healthRecordId")'),
    ('vital_signs', 'vital_signs_createdBy_idx', 'btree ("createdBy")'),
    ('vital_signs', 'vital_signs_updatedBy_idx', 'btree ("updatedBy")')
), constraints (table_name, name, definition) AS (VALUES
    ('allergies', 'allergies_healthRecordId_fkey',
        'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
        'ON DELETE SET NULL'),
    ('chronic_conditions', 'chronic_conditions_healthRecordId_fkey',
        'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
        'ON DELETE SET NULL'),
    ('vaccinations', 'vaccinations_pkey', 'PRIMARY KEY (id)'),
    ('vaccinations', 'vaccinations_studentId_fkey',
        'FOREIGN KEY ("studentId") REFERENCES students(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('vaccinations', 'vaccinations_healthRecordId_fkey',
        'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('vaccinations', 'vaccinations_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('vaccinations', 'vaccinations_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('vaccinations', 'vaccinations_doseNumber_check', 'CHECK ("doseNumber" >= 1)'),
    ('vaccinations', 'vaccinations_totalDoses_check', 'CHECK ("totalDoses" >= 1)'),
    ('screenings', 'screenings_pkey', 'PRIMARY KEY (id)'),
    ('screenings', 'screenings_studentId_fkey',
        'FOREIGN KEY ("studentId") REFERENCES students(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('screenings', 'screenings_healthRecordId_fkey',
        'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('screenings', 'screenings_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('screenings', 'screenings_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('growth_measurements', 'growth_measurements_pkey', 'PRIMARY KEY (id)'),
    ('growth_measurements', 'growth_measurements_studentId_fkey',
        'FOREIGN KEY ("studentId") REFERENCES students(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('growth_measurements', 'growth_measurements_healthRecordId_fkey',
        'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('growth_measurements', 'growth_measurements_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('growth_measurements', 'growth_measurements_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('growth_measurements', 'growth_measurements_height_check',
        'CHECK (height > 0::numeric)'),
    ('growth_measurements', 'growth_measurements_weight_check',
        'CHECK (weight > 0::numeric)'),
    ('growth_measurements', 'growth_measurements_bmi_check', 'CHECK (bmi > 0::numeric)'),
    ('growth_measurements', 'growth_measurements_headCircumference_check',
        'CHECK ("headCircumference" > 0::numeric)'),
    ('growth_measurements', 'growth_measurements_bmiPercentile_check',
        'CHECK ("bmiPercentile" >= 0::numeric AND "bmiPercentile" <= 100::numeric)'),
    ('growth_measurements', 'growth_measurements_heightPercentile_check',
        'CHECK ("heightPercentile" >= 0::numeric AND "heightPercentile" <= '
        '100::numeric)'),
    ('growth_measurements', 'growth_measurements_weightPercentile_check',
        'CHECK ("weightPercentile" >= 0::numeric AND "weightPercentile" <= '
        '100::numeric)'),
    ('vital_signs', 'vital_signs_pkey', 'PRIMARY KEY (id)'),
    ('vital_signs', 'vital_signs_studentId_fkey',
        'FOREIGN KEY ("studentId") REFERENCES students(id) '
        'ON UPDATE CASCADE ON DELETE RESTRICT'),
    ('vital_signs', 'vital_signs_healthRecordId_fkey',
        'FOREIGN KEY ("healthRecordId") REFERENCES health_records(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('vital_signs', 'vital_signs_appointmentId_fkey',
        'FOREIGN KEY ("appointmentId") REFERENCES appointments(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('vital_signs', 'vital_signs_createdBy_fkey',
        'FOREIGN KEY ("createdBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('vital_signs', 'vital_signs_updatedBy_fkey',
        'FOREIGN KEY ("updatedBy") REFERENCES users(id) '
        'ON UPDATE CASCADE ON DELETE SET NULL'),
    ('vital_signs', 'vital_signs_temperature_check',
        'CHECK (temperature >= 20::numeric AND temperature <= 120::numeric)'),
    ('vital_signs', 'vital_signs_bloodPressureSystolic_check',
        'CHECK ("bloodPressureSystolic" >= 0 AND "bloodPressureSystolic" <= 400)'),
    ('vital_signs', 'vital_signs_bloodPressureDiastolic_check',
        'CHECK ("bloodPressureDiastolic" >= 0 AND "bloodPressureDiastolic" <= 300)'),
    ('vital_signs', 'vital_signs_heartRate_check',
        'CHECK ("heartRate" >= 0 AND "heartRate" <= 400)'),
    ('vital_signs', 'vital_signs_respiratoryRate_check',
        'CHECK ("respiratoryRate" >= 0 AND "respiratoryRate" <= 200)'),
    ('vital_signs', 'vital_signs_oxygenSaturation_check',
        'CHECK ("oxygenSaturation" >= 0 AND "oxygenSaturation" <= 100)'),
    ('vital_signs', 'vital_signs_painLevel_check',
        'CHECK ("painLevel" >= 0 AND "painLevel" <= 10)'),
    ('vital_signs', 'vital_signs_glucoseLevel_check',
        'CHECK ("glucoseLevel" >= 0::numeric)'),
    ('vital_signs', 'vital_signs_peakFlow_check',
        'CHECK ("peakFlow" >= 0 AND "peakFlow" <= 2000)')
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
    ('vaccinations', 'vaccinations_set_updated_at'),
    ('screenings', 'screenings_set_updated_at'),
    ('growth_measurements', 'growth_measurements_set_updated_at'),
    ('vital_signs', 'vital_signs_set_updated_at')
)
SELECT 'trigger ' || name AS differing FROM triggers
WHERE NOT EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = to_regclass(quote_ident(table_name)) AND tgname = name AND tgenabled = 'O'
        AND tgfoid = to_regprocedure('set_updated_at()')
);

-- Rows that refer to nothing.
SELECT 'allergies.healthRecordId' AS orphaned, count(*) AS rows
FROM allergies AS child
WHERE child."healthRecordId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM health_records AS parent WHERE parent.id = child."healthRecordId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'chronic_conditions.healthRecordId' AS orphaned, count(*) AS rows
FROM chronic_conditions AS child
WHERE child."healthRecordId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM health_records AS parent WHERE parent.id = child."healthRecordId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'vaccinations.studentId' AS orphaned, count(*) AS rows
FROM vaccinations AS child
WHERE child."studentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM students AS parent WHERE parent.id = child."studentId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'vaccinations.healthRecordId' AS orphaned, count(*) AS rows
FROM vaccinations AS child
WHERE child."healthRecordId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM health_records AS parent WHERE parent.id = child."healthRecordId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'screenings.studentId' AS orphaned, count(*) AS rows
FROM screenings AS child
WHERE child."studentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM students AS parent WHERE parent.id = child."studentId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'screenings.healthRecordId' AS orphaned, count(*) AS rows
FROM screenings AS child
WHERE child."healthRecordId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM health_records AS parent WHERE parent.id = child."healthRecordId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'growth_measurements.studentId' AS orphaned, count(*) AS rows
FROM growth_measurements AS child
WHERE child."studentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM students AS parent WHERE parent.id = child."studentId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'growth_measurements.healthRecordId' AS orphaned, count(*) AS rows
FROM growth_measurements AS child
WHERE child."healthRecordId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM health_records AS parent WHERE parent.id = child."healthRecordId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs.studentId' AS orphaned, count(*) AS rows
FROM vital_signs AS child
WHERE child."studentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM students AS parent WHERE parent.id = child."studentId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs.healthRecordId' AS orphaned, count(*) AS rows
FROM vital_signs AS child
WHERE child."healthRecordId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM health_records AS parent WHERE parent.id = child."healthRecordId"
    )
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs.appointmentId' AS orphaned, count(*) AS rows
FROM vital_signs AS child
WHERE child."appointmentId" IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM appointments AS parent WHERE parent.id = child."appointmentId"
    )
HAVING count(*) > 0;

-- Impossible values.
SELECT 'vaccinations_doseNumber_check' AS violated, count(*) AS rows
FROM vaccinations
WHERE NOT ("doseNumber" >= 1)
HAVING count(*) > 0
UNION ALL
SELECT 'vaccinations_totalDoses_check' AS violated, count(*) AS rows
FROM vaccinations
WHERE NOT ("totalDoses" >= 1)
HAVING count(*) > 0
UNION ALL
SELECT 'growth_measurements_height_check' AS violated, count(*) AS rows
FROM growth_measurements
WHERE NOT (height > 0::numeric)
HAVING count(*) > 0
UNION ALL
SELECT 'growth_measurements_weight_check' AS violated, count(*) AS rows
FROM growth_measurements
WHERE NOT (weight > 0::numeric)
HAVING count(*) > 0
UNION ALL
SELECT 'growth_measurements_bmi_check' AS violated, count(*) AS rows
FROM growth_measurements
WHERE NOT (bmi > 0::numeric)
HAVING count(*) > 0
UNION ALL
SELECT 'growth_measurements_headCircumference_check' AS violated, count(*) AS rows
FROM growth_measurements
WHERE NOT ("headCircumference" > 0::numeric)
HAVING count(*) > 0
UNION ALL
SELECT 'growth_measurements_bmiPercentile_check' AS violated, count(*) AS rows
FROM growth_measurements
WHERE NOT ("bmiPercentile" >= 0::numeric AND "bmiPercentile" <= 100::numeric)
HAVING count(*) > 0
UNION ALL
SELECT 'growth_measurements_heightPercentile_check' AS violated, count(*) AS rows
FROM growth_measurements
WHERE NOT ("heightPercentile" >= 0::numeric AND "heightPercentile" <= 100::numeric)
HAVING count(*) > 0
UNION ALL
SELECT 'growth_measurements_weightPercentile_check' AS violated, count(*) AS rows
FROM growth_measurements
WHERE NOT ("weightPercentile" >= 0::numeric AND "weightPercentile" <= 100::numeric)
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs_temperature_check' AS violated, count(*) AS rows
FROM vital_signs
WHERE NOT (temperature >= 20::numeric AND temperature <= 120::numeric)
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs_bloodPressureSystolic_check' AS violated, count(*) AS rows
FROM vital_signs
WHERE NOT ("bloodPressureSystolic" >= 0 AND "bloodPressureSystolic" <= 400)
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs_bloodPressureDiastolic_check' AS violated, count(*) AS rows
FROM vital_signs
WHERE NOT ("bloodPressureDiastolic" >= 0 AND "bloodPressureDiastolic" <= 300)
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs_heartRate_check' AS violated, count(*) AS rows
FROM vital_signs
WHERE NOT ("heartRate" >= 0 AND "heartRate" <= 400)
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs_respiratoryRate_check' AS violated, count(*) AS rows
FROM vital_signs
WHERE NOT ("respiratoryRate" >= 0 AND "respiratoryRate" <= 200)
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs_oxygenSaturation_check' AS violated, count(*) AS rows
FROM vital_signs
WHERE NOT ("oxygenSaturation" >= 0 AND "oxygenSaturation" <= 100)
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs_painLevel_check' AS violated, count(*) AS rows
FROM vital_signs
WHERE NOT ("painLevel" >= 0 AND "painLevel" <= 10)
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs_glucoseLevel_check' AS violated, count(*) AS rows
FROM vital_signs
WHERE NOT ("glucoseLevel" >= 0::numeric)
HAVING count(*) > 0
UNION ALL
SELECT 'vital_signs_peakFlow_check' AS violated, count(*) AS rows
FROM vital_signs
WHERE NOT ("peakFlow" >= 0 AND "peakFlow" <= 2000)
HAVING count(*) > 0;

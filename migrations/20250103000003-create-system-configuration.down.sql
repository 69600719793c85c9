-- Takes back the system configuration, settings included.

DROP TABLE IF EXISTS system_configurations;

DROP TYPE IF EXISTS "ConfigCategory";

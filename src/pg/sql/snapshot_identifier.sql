-- Tells clusters apart; of interest where a snapshot is restored elsewhere.
SELECT system_identifier::text FROM pg_catalog.pg_control_system()

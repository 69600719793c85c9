-- The run that has not ended. What came here with a copy of another database is none of ours.
SELECT u.run, u.phase, pg_catalog.to_char(u.began_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), u.began_by,
       u.host, u.history, u.schema
  FROM drydock.unfinished AS u, pg_catalog.pg_database AS d, pg_catalog.pg_control_system() AS c
 WHERE d.datname = pg_catalog.current_database() AND u.database = d.oid AND u.system = c.system_identifier::text

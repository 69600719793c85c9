-- Run $1 on host $2 begins; $3: the schema before it, $4: drydock's version.
INSERT INTO drydock.unfinished (run, phase, host, database, system, history, schema, version)
SELECT $1, 'migrate', $2, d.oid, c.system_identifier::text,
       (SELECT jsonb_build_object(
                   'migration',
                   (SELECT coalesce(jsonb_object_agg(m.id, jsonb_build_object('text', m.canonical_sha256)), '{}')
                      FROM drydock.migrations AS m),
                   'repeatable migration',
                   (SELECT coalesce(jsonb_object_agg(r.name, jsonb_build_object('text', r.canonical_sha256,
                                                                                'stale', r.stale)), '{}')
                      FROM drydock.repeatables AS r)))::text,
       $3, $4
  FROM pg_catalog.pg_database AS d, pg_catalog.pg_control_system() AS c
 WHERE d.datname = pg_catalog.current_database()

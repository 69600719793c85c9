INSERT INTO drydock.migrations (id, name, sha256, canonical_sha256, run, duration_ms, version,
                                out_of_order)
SELECT $1, $2, $3, $4, $5, $6::bigint, $7,
       EXISTS (SELECT FROM drydock.migrations AS m WHERE m.id COLLATE "C" > $1)
RETURNING pg_current_xact_id()::text, to_regclass('drydock.sequelize_meta') IS NOT NULL

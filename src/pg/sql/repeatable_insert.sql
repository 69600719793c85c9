INSERT INTO drydock.repeatables (name, sha256, canonical_sha256, run, duration_ms, version)
VALUES ($1, $2, $3, $4, $5::bigint, $6)
ON CONFLICT (name) DO UPDATE
   SET sha256 = excluded.sha256, canonical_sha256 = excluded.canonical_sha256,
       applied_at = excluded.applied_at, applied_by = excluded.applied_by, run = excluded.run,
       duration_ms = excluded.duration_ms, version = excluded.version, stale = false
RETURNING pg_current_xact_id()::text, to_regclass('drydock.sequelize_meta') IS NOT NULL

INSERT INTO drydock.migrations (id, name, sha256, canonical_sha256, applied_by, run, duration_ms, version)
VALUES ($1, $2, $3, $4, pg_catalog.format('%s (adopted by %s)', $5::text, session_user), $6, 0, $7)

INSERT INTO drydock.migrations (id, name, sha256, canonical_sha256, run, duration_ms, version)
VALUES ($1, $2, $3, $4, $5, $6::bigint, $7)

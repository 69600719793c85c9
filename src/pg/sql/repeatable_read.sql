SELECT name, name, sha256, canonical_sha256,
       to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS applied_at,
       applied_by, run, duration_ms, false, 0, stale
FROM drydock.repeatables
ORDER BY name COLLATE "C"

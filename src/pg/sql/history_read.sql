-- In the history of an earlier version a column may be missing; its name then means that of "earlier".
SELECT m.*
FROM (SELECT false AS out_of_order) AS earlier
CROSS JOIN LATERAL (
    SELECT id, name, sha256, canonical_sha256,
           to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS applied_at_utc,
           applied_by, run, duration_ms, out_of_order,
           row_number() OVER (ORDER BY applied_at, id COLLATE "C") AS position
    FROM drydock.migrations) AS m
ORDER BY id COLLATE "C"

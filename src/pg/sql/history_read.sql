-- Through to_jsonb(), so that the history of an earlier version, which lacks columns, can be read, too.
SELECT id, name, sha256, canonical_sha256,
       to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS applied_at,
       applied_by, run, duration_ms,
       coalesce((to_jsonb(m) ->> 'out_of_order')::boolean, false) AS out_of_order,
       row_number() OVER (ORDER BY m.applied_at, id COLLATE "C") AS position
FROM drydock.migrations AS m
ORDER BY id COLLATE "C"

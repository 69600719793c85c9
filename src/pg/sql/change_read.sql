-- The last accepted change of each migration.
SELECT DISTINCT ON (migration) migration, reason, accepted_by,
       to_char(accepted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS accepted_at
FROM drydock.changes
ORDER BY migration, id DESC

-- Sessions of drydock commands in a database ($1) that are still at work, although nobody but us ($2)
-- has the lock: their client is dead.
SELECT pid, application_name
FROM pg_catalog.pg_stat_activity
WHERE datname = $1 AND pid <> pg_catalog.pg_backend_pid()
  AND (application_name LIKE 'drydock migrate %' OR application_name LIKE 'drydock undo %')
  AND application_name <> $2 AND state <> 'idle'

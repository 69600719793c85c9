-- What cannot follow a database to its clone, or would reach into it: one row each. $2: the database itself is migrated,
-- so that its clone has the name after a failure only.
SELECT 'prepared_transaction' AS finding,
       format('the prepared transaction %L of role %s is open', x.gid, x.owner) AS text,
       format('ROLLBACK PREPARED %L; or COMMIT PREPARED %L; in database %I, as %I or a superuser',
              x.gid, x.gid, x.database, x.owner) AS fix
FROM pg_prepared_xacts AS x
WHERE x.database = $1
UNION ALL
SELECT 'logical_slot',
       format(CASE WHEN $2::boolean
                   THEN 'the logical replication slot %I is bound to this database: if the run fails, it stays with the failed copy'
                   ELSE 'the logical replication slot %I is bound to this database and stays with the old copy' END,
              s.slot_name),
       format('SELECT pg_drop_replication_slot(%L); and create it again afterwards, or "accept: [logical_slot]"', s.slot_name)
FROM pg_replication_slots AS s
WHERE s.database = $1

SELECT pg_is_in_recovery() AS in_recovery,
       me.rolsuper AS is_superuser,
       me.rolcreatedb AS may_create,
       pg_has_role(me.oid, 'pg_signal_backend', 'MEMBER') AS may_signal,
       me.rolname AS me
FROM pg_roles AS me
WHERE me.rolname = current_user

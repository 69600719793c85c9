SELECT pg_terminate_backend(a.pid)
FROM pg_stat_activity AS a
WHERE a.application_name LIKE $1 AND a.pid <> ALL ($2::int[])

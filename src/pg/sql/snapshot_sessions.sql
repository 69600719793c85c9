-- Sessions of our role in this database under our application's name, other than those listed ($1: pids), and
-- without the workers of parallel queries. The name is compared as the server has shortened it.
SELECT a.pid
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = pg_catalog.current_database()
   AND a.application_name = pg_catalog.current_setting('application_name')
   AND a.usename = session_user
   AND a.leader_pid IS NULL
   AND a.pid <> ALL ($1::int[])

-- Relations that the open transaction of this session holds in ROW EXCLUSIVE or a stronger mode:
-- (oid, mode).
SELECT relation, mode
  FROM pg_catalog.pg_locks
 WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted
   AND database IN (0, (SELECT oid FROM pg_catalog.pg_database
                         WHERE datname = pg_catalog.current_database()))
   AND mode NOT IN ('AccessShareLock', 'RowShareLock')

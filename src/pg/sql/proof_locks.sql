-- Relations that the open transaction of this session may have written to: (oid, mode), those that it holds in ROW
-- EXCLUSIVE or a stronger mode. lo_unlink(), lo_create() and GRANT ON LARGE OBJECT give their lock back before the
-- transaction ends, so that the rows of the large objects' catalogs are counted as well; where the server does not
-- count, they may have been written.
SELECT relation, mode
  FROM pg_catalog.pg_locks
 WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted
   AND database IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
   AND mode NOT IN ('AccessShareLock', 'RowShareLock')
UNION ALL
SELECT c.relation, 'RowExclusiveLock'
  FROM (VALUES ('pg_catalog.pg_largeobject'::regclass::oid),
               ('pg_catalog.pg_largeobject_metadata'::regclass::oid)) AS c (relation)
 WHERE pg_catalog.current_setting('track_counts') = 'off'
    OR pg_catalog.pg_stat_get_xact_tuples_inserted(c.relation) > 0
    OR pg_catalog.pg_stat_get_xact_tuples_updated(c.relation) > 0
    OR pg_catalog.pg_stat_get_xact_tuples_deleted(c.relation) > 0

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
UNION ALL
-- Tables whose rows are of a type that was changed, through arrays, domains, ranges and other types: their rows read
-- differently without a lock on them. ALTER TYPE locks an enum itself, a composite type, or a table whose rows
-- others hold, by its relation. New labels change no row, only labels that were given another name do.
SELECT a.attrelid, 'RowExclusiveLock'
  FROM (WITH RECURSIVE changed (oid) AS (
            SELECT l.objid
              FROM pg_catalog.pg_locks l
             WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'object' AND l.granted
               AND l.database = (SELECT oid FROM pg_catalog.pg_database
                                  WHERE datname = pg_catalog.current_database())
               AND l.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
               AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
               AND (pg_catalog.current_setting('track_counts') = 'off'
                    OR pg_catalog.pg_stat_get_xact_tuples_updated(
                           'pg_catalog.pg_enum'::pg_catalog.regclass) > 0)
            UNION
            SELECT c.reltype
              FROM pg_catalog.pg_locks l
              JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.reltype <> 0
             WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted
               AND l.database = (SELECT oid FROM pg_catalog.pg_database
                                  WHERE datname = pg_catalog.current_database())
               AND l.mode = 'AccessExclusiveLock'
            UNION
            SELECT d.objid
              FROM changed x
              JOIN (SELECT t.typelem AS inner_type, t.oid AS objid FROM pg_catalog.pg_type t WHERE t.typelem <> 0
                    UNION ALL
                    SELECT t.typbasetype, t.oid FROM pg_catalog.pg_type t WHERE t.typbasetype <> 0
                    UNION ALL
                    SELECT r.rngsubtype, r.rngtypid FROM pg_catalog.pg_range r
                    UNION ALL
                    SELECT r.rngtypid, r.rngmultitypid FROM pg_catalog.pg_range r
                    UNION ALL
                    SELECT b.atttypid, c.reltype
                      FROM pg_catalog.pg_attribute b
                      JOIN pg_catalog.pg_class c ON c.oid = b.attrelid AND c.reltype <> 0
                     WHERE b.attnum > 0 AND NOT b.attisdropped
                   ) AS d ON d.inner_type = x.oid)
        SELECT oid FROM changed) AS changed
  JOIN pg_catalog.pg_attribute a ON a.atttypid = changed.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'm')

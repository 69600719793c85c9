-- Whether so many rows ($2) were inserted into table $1 and nothing else was done to it, as far as the server counts it,
-- and it has as many pages ($3) as when it was read.
SELECT pg_catalog.pg_stat_get_tuples_inserted(c.oid) = $2::bigint
       AND pg_catalog.pg_stat_get_tuples_updated(c.oid) = 0
       AND pg_catalog.pg_stat_get_tuples_deleted(c.oid) = 0
       AND $3::bigint > 0
       AND pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint = $3::bigint
  FROM pg_catalog.pg_class c
 WHERE c.oid = $1::oid

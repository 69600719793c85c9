-- Pages of the main fork of table $1, where rows can be read in ranges of pages; else 0.
SELECT CASE WHEN c.relam = 2 -- heap
            THEN pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint
            ELSE 0 END
  FROM pg_catalog.pg_class c
 WHERE c.oid = $1::oid

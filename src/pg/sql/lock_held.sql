-- Whether all the sessions $2 hold the advisory lock $1, each in its own database.
SELECT count(DISTINCT pid) = cardinality($2::int[])
FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid = ANY ($2::int[])
  AND (classid::bigint << 32) | objid::bigint = $1::bigint

/* Sizes in bytes of tables with their indexes, TOAST and descendants, as the last ANALYZE or VACUUM has counted
   them: counting anew would wait for whoever has a table locked. A table that was never counted may be anything
   that the others leave of the database. */
WITH RECURSIVE family (root, member) AS (
    SELECT c.oid, c.oid FROM pg_class AS c WHERE c.relkind IN ('r', 'p', 'm')
    UNION
    SELECT f.root, i.inhrelid FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.member
), part AS (
    SELECT member, member AS file FROM family
    UNION
    SELECT f.member, c.reltoastrelid FROM family AS f JOIN pg_class AS c ON c.oid = f.member WHERE c.reltoastrelid <> 0
    UNION
    SELECT f.member, i.indexrelid FROM family AS f JOIN pg_index AS i ON i.indrelid = f.member
), counted AS (
    SELECT p.member,
           sum(greatest(c.relpages, 0)::bigint) * current_setting('block_size')::bigint AS bytes,
           bool_or(c.oid = p.member AND c.relkind <> 'p' AND c.reltuples < 0) AS unknown
    FROM part AS p JOIN pg_class AS c ON c.oid = p.file GROUP BY p.member
), rest AS (
    SELECT greatest(pg_database_size(current_database()) - sum(bytes), 0)::bigint AS bytes FROM counted
)
SELECT c.relname, (sum(k.bytes) + CASE WHEN bool_or(k.unknown) THEN max(rest.bytes) ELSE 0 END)::bigint AS bytes
FROM family AS f
JOIN pg_class AS c ON c.oid = f.root
JOIN counted AS k ON k.member = f.member
CROSS JOIN rest
WHERE c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
GROUP BY c.oid, c.relname

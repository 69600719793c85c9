-- Large objects in pieces of 1 MiB: oid, offset, bytes; one object after the other, each from its beginning. In
-- pieces, because a whole one may be larger than a value can be; through the functions, because only superusers may
-- read pg_largeobject. 262144 is INV_READ, 2 is SEEK_END. An empty object gives its one piece, so that it is counted.
-- The range of OIDs is the caller's to replace.
SELECT o.oid, piece.at, pg_catalog.lo_get(o.oid, piece.at, 1048576)
  FROM (SELECT opened.oid, pg_catalog.lo_lseek64(opened.fd, 0, 2) AS size_bytes,
               pg_catalog.lo_close(opened.fd) AS closed
          FROM (SELECT m.oid, pg_catalog.lo_open(m.oid, 262144) AS fd
                  FROM (SELECT oid
                          FROM pg_catalog.pg_largeobject_metadata
                         WHERE oid BETWEEN 0 AND 4294967295
                         ORDER BY oid) AS m
                OFFSET 0) AS opened
        OFFSET 0) AS o
 CROSS JOIN LATERAL pg_catalog.generate_series(
                0::bigint, greatest(o.size_bytes - 1, 0), 1048576::bigint) AS piece(at)
 WHERE o.closed = 0

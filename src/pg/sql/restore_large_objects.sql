-- Writes pieces of large objects that exist: $1: their OIDs, $2: offsets, $3: bytes; arrays of equal length.
SELECT pg_catalog.count(*)
  FROM (SELECT pg_catalog.lo_put(piece.oid, piece.at, piece.bytes)
          FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::bigint[]),
                         pg_catalog.unnest($3::bytea[])) AS piece(oid, at, bytes)
        OFFSET 0) AS written

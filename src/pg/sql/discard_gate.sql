/* Whether a database is closed and its row is the one that the transaction has written which has written its record:
   nobody has opened it since. */
SELECT NOT d.datallowconn AND d.xmin = s.xmin
FROM pg_database AS d
JOIN pg_shdescription AS s ON s.objoid = d.oid AND s.classoid = 'pg_database'::regclass
WHERE d.datname = $1

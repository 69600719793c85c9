-- Extensions whose version will be another: name, then, now. $1: {"name": "version", ...}
SELECT e.name, wanted.version, e.default_version
  FROM pg_catalog.jsonb_each_text($1::jsonb) AS wanted(name, version)
  JOIN pg_catalog.pg_available_extensions e ON e.name = wanted.name
 WHERE e.default_version <> wanted.version
 ORDER BY 1

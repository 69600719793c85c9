-- Subscriptions that are disabled, of the databases in the JSON list $1: database, name.
SELECT d.datname, s.subname
FROM pg_subscription AS s
JOIN pg_database AS d ON d.oid = s.subdbid
WHERE NOT s.subenabled AND d.datname IN (SELECT jsonb_array_elements_text($1::jsonb))
ORDER BY d.datname, s.subname

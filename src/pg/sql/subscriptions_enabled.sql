-- Subscriptions of this database that are enabled: name, comment, and what no other subscription anywhere is called by.
SELECT s.subname, obj_description(s.oid, 'pg_subscription'),
       format('%s/%s', (SELECT system_identifier FROM pg_control_system()), s.oid)
FROM pg_subscription AS s
JOIN pg_database AS d ON d.oid = s.subdbid
WHERE d.datname = current_database() AND s.subenabled
ORDER BY s.subname

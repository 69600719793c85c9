-- Subscriptions of this database that a run has disabled: name, and the comment that it had. One that was restored from a
-- snapshot bears the mark of another.
SELECT m.subname, m.mark ->> 'comment'
FROM (SELECT s.subname, s.oid,
             CASE WHEN obj_description(s.oid, 'pg_subscription') LIKE '{"drydock":%'
                  THEN obj_description(s.oid, 'pg_subscription')::jsonb END AS mark
      FROM pg_subscription AS s
      JOIN pg_database AS d ON d.oid = s.subdbid
      WHERE d.datname = current_database() AND NOT s.subenabled) AS m
WHERE m.mark ->> 'subscription' = format('%s/%s', (SELECT system_identifier FROM pg_control_system()), m.oid)
ORDER BY m.subname

-- Repeatable migrations that run $1 made stale by taking something back, and that are as they were before it.
UPDATE drydock.repeatables AS r
   SET stale = false
  FROM drydock.unfinished AS u
 WHERE u.run = $1 AND r.stale
   AND u.history::jsonb -> 'repeatable migration' -> r.name ->> 'stale' = 'false'

-- The history as it is now, in the form in which marker_begin.sql keeps it; but for what is stale: where the schema is as
-- before, no repeatable migration is more stale than it was.
SELECT jsonb_build_object(
           'migration',
           (SELECT coalesce(jsonb_object_agg(m.id, jsonb_build_object('text', m.canonical_sha256)), '{}')
              FROM drydock.migrations AS m),
           'repeatable migration',
           (SELECT coalesce(jsonb_object_agg(r.name, jsonb_build_object(
                       'text', r.canonical_sha256,
                       'stale', coalesce(u.history::jsonb -> 'repeatable migration' -> r.name -> 'stale',
                                         to_jsonb(r.stale)))), '{}')
              FROM drydock.repeatables AS r))::text
  FROM drydock.unfinished AS u
 WHERE u.run = $1

-- The tables of the history in which a run leaves rows: those that are there.
SELECT t.name
  FROM (VALUES ('drydock.migrations'), ('drydock.repeatables'), ('drydock.steps')) AS t (name)
 WHERE pg_catalog.to_regclass(t.name) IS NOT NULL

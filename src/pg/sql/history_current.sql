-- Whether everything that history_create.sql makes is there: the last column of each table, and those
-- that tables got later.
SELECT NOT EXISTS (
    SELECT FROM (VALUES ('drydock.migrations', 'version'),
                        ('drydock.migrations', 'out_of_order'),
                        ('drydock.migrations', 'note'),
                        ('drydock.repeatables', 'stale'),
                        ('drydock.changes', 'version')) AS wanted (relation, name)
     WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                        WHERE a.attrelid = pg_catalog.to_regclass(wanted.relation)
                          AND a.attname = wanted.name AND NOT a.attisdropped))

-- What people decided about the steps of a migration goes into its history, where it stays.
UPDATE drydock.migrations AS m
SET note = (SELECT string_agg(s.note, '; ' ORDER BY s.step) FROM drydock.steps AS s
            WHERE s.migration = m.id AND s.note <> '')
WHERE m.id = $1

SELECT migration, step, steps, down, canonical_sha256, line, title, state = 'done', run, before,
       decision, note
FROM drydock.steps
ORDER BY migration COLLATE "C", step

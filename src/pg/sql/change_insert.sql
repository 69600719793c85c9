-- Accepts the changed file of an applied migration: its new digests go into the history, the old ones
-- and the reason beside it. Nothing if the history is not (any more) what it was when it was compared.
WITH changed AS (
    UPDATE drydock.migrations SET sha256 = $4, canonical_sha256 = $5
     WHERE id = $1 AND sha256 = $2 AND canonical_sha256 = $3
    RETURNING id
)
INSERT INTO drydock.changes (migration, old_sha256, old_canonical_sha256, new_sha256,
                             new_canonical_sha256, reason, run, version)
SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM changed

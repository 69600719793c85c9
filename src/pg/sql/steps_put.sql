-- A step is started, or done: what was known before its first start, and what people decided, stays.
INSERT INTO drydock.steps (migration, step, steps, down, canonical_sha256, line, title, state,
                           done_at, run, before)
VALUES ($1, $2::int, $3::int, $4::boolean, $5, $6::int, $7, $8,
        CASE WHEN $8 = 'done' THEN clock_timestamp() END, $9, $10)
ON CONFLICT (migration, step) DO UPDATE
SET state = excluded.state, done_at = excluded.done_at, run = excluded.run, decision = NULL

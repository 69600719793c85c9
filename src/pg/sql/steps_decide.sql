-- A person says what became of a started step ($2: again or done), and why.
UPDATE drydock.steps
SET decision = $2::text, state = CASE WHEN $2::text = 'done' THEN 'done' ELSE state END,
    done_at = CASE WHEN $2::text = 'done' THEN clock_timestamp() END,
    note = concat_ws('; ', nullif(note, ''),
                     format('%s: step %s: %s (%s, %s)', $2::text, step, $3::text, session_user,
                            to_char(clock_timestamp() AT TIME ZONE 'UTC',
                                    'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
WHERE migration = $1 AND state = 'started'

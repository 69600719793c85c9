-- A person says what became of a started step ($2: again or done), and why.
UPDATE drydock.steps
SET decision = $2, state = CASE WHEN $2 = 'done' THEN 'done' ELSE state END,
    done_at = CASE WHEN $2 = 'done' THEN clock_timestamp() END,
    note = concat_ws('; ', nullif(note, ''),
                     format('%s: step %s: %s (%s, %s)', $2, step, $3, session_user,
                            to_char(clock_timestamp() AT TIME ZONE 'UTC',
                                    'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
WHERE migration = $1 AND state = 'started'

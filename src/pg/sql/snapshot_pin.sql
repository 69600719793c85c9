-- How a session reads tables: page ranges are found by their ctid, a page is read once, nothing is compiled for it.
SELECT pg_catalog.set_config('lock_timeout', '10s', false),
       pg_catalog.set_config('enable_tidscan', 'on', false),
       pg_catalog.set_config('max_parallel_workers_per_gather', '0', false),
       pg_catalog.set_config('jit', 'off', false),
       pg_catalog.set_config('synchronize_seqscans', 'off', false)

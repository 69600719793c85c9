-- What the server publishes of the work of a backend: phase, and how much of it is done (percent;
-- null: nobody knows).
SELECT 'creating the index: ' || phase,
       CASE WHEN phase LIKE '%wait%' AND lockers_total > 0 THEN 100.0 * lockers_done / lockers_total
            WHEN blocks_total > 0 THEN 100.0 * blocks_done / blocks_total
            WHEN tuples_total > 0 THEN 100.0 * tuples_done / tuples_total END
FROM pg_stat_progress_create_index WHERE pid = $1::int
UNION ALL
SELECT 'copying rows (' || tuples_processed || ' so far)',
       CASE WHEN bytes_total > 0 THEN 100.0 * bytes_processed / bytes_total END
FROM pg_stat_progress_copy WHERE pid = $1::int
UNION ALL
SELECT 'rewriting the table: ' || phase,
       CASE WHEN phase = 'seq scanning heap' AND heap_blks_total > 0
            THEN 100.0 * heap_blks_scanned / heap_blks_total END
FROM pg_stat_progress_cluster WHERE pid = $1::int
UNION ALL
SELECT 'vacuum: ' || phase,
       CASE WHEN phase = 'scanning heap' AND heap_blks_total > 0
            THEN 100.0 * heap_blks_scanned / heap_blks_total
            WHEN phase = 'vacuuming heap' AND heap_blks_total > 0
            THEN 100.0 * heap_blks_vacuumed / heap_blks_total END
FROM pg_stat_progress_vacuum WHERE pid = $1::int
UNION ALL
SELECT 'analyze: ' || phase,
       CASE WHEN sample_blks_total > 0 AND phase LIKE 'acquiring%'
            THEN 100.0 * sample_blks_scanned / sample_blks_total END
FROM pg_stat_progress_analyze WHERE pid = $1::int
LIMIT 1

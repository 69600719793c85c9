-- Everything that changes a byte of text output, and what would hide rows instead of failing. Without scans of TID
-- ranges each part of a table would read all of it.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false),
       pg_catalog.set_config('DateStyle', 'ISO, MDY', false),
       pg_catalog.set_config('IntervalStyle', 'postgres', false),
       pg_catalog.set_config('TimeZone', 'UTC', false),
       pg_catalog.set_config('extra_float_digits', '1', false),
       pg_catalog.set_config('bytea_output', 'hex', false),
       pg_catalog.set_config('lc_monetary', 'C', false),
       pg_catalog.set_config('xmloption', 'content', false),
       pg_catalog.set_config('quote_all_identifiers', 'off', false),
       pg_catalog.set_config('row_security', 'off', false),
       pg_catalog.set_config('enable_tidscan', 'on', false),
       pg_catalog.set_config(
           'client_encoding',
           CASE WHEN pg_catalog.current_setting('server_encoding') IN ('SQL_ASCII', 'MULE_INTERNAL')
                THEN pg_catalog.current_setting('server_encoding') ELSE 'UTF8' END,
           false)

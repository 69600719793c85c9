-- What a session that loads a database has set. $1: client encoding, $2: standard_conforming_strings (both as the
-- archive was written), $3: megabytes for building indexes, at least what the server has.
SELECT pg_catalog.set_config('client_encoding', $1, false),
       pg_catalog.set_config('standard_conforming_strings', $2, false),
       pg_catalog.set_config('search_path', '', false),
       pg_catalog.set_config('check_function_bodies', 'off', false),
       pg_catalog.set_config('xmloption', 'content', false),
       pg_catalog.set_config('row_security', 'off', false),
       pg_catalog.set_config('default_tablespace', '', false),
       pg_catalog.set_config('default_table_access_method', 'heap', false),
       -- What is lost in a crash is the whole new database; the last commit is flushed, and with it all before.
       pg_catalog.set_config('synchronous_commit', 'off', false),
       pg_catalog.set_config(
           'maintenance_work_mem',
           greatest((SELECT s.setting::bigint FROM pg_catalog.pg_settings s WHERE s.name = 'maintenance_work_mem'),
                    $3::bigint * 1024)::text || 'kB', false),
       -- Compiling costs more than the one check of a foreign key that it would speed up.
       pg_catalog.set_config('jit', 'off', false)

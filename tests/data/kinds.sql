-- A database with every kind of object that pg_dump knows, with data, and with names and settings that hurt.
--
-- For an empty database, as superuser, PostgreSQL 14 to 18; plain SQL, in one transaction or in many:
--     psql -X -v ON_ERROR_STOP=1 -f kinds.sql
-- Roles are made if they are missing. What the server may not have (extensions, libxml, lz4, a tablespace named
-- kinds_space) is used where it is there. DROP DATABASE works after DROP SUBSCRIPTION kinds_subscription.

SET client_min_messages = error;
SET check_function_bodies = on;

-- -- roles, and the database itself --------------------------------------------------------------

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['kinds_owner', 'kinds_reader', 'kinds_writer', 'kinds "odd" rôle, 100%'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
    END LOOP;
END $$;

-- -- schemas, default privileges ------------------------------------------------------------------

ALTER SCHEMA public OWNER TO kinds_owner;
COMMENT ON SCHEMA public IS 'not the standard comment';
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO kinds_reader WITH GRANT OPTION;

CREATE SCHEMA app AUTHORIZATION kinds_owner;
COMMENT ON SCHEMA app IS E'two\nlines, ''quotes'', \\ and %';
GRANT USAGE ON SCHEMA app TO kinds_reader, kinds_writer;
GRANT CREATE ON SCHEMA app TO kinds_writer WITH GRANT OPTION;
CREATE SCHEMA other AUTHORIZATION "kinds ""odd"" rôle, 100%";
CREATE SCHEMA each;
CREATE SCHEMA empty;
CREATE SCHEMA "odd ""names"";
-- schema %s é";

ALTER DEFAULT PRIVILEGES FOR ROLE kinds_owner IN SCHEMA app GRANT SELECT ON TABLES TO kinds_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE kinds_owner IN SCHEMA app GRANT USAGE ON SEQUENCES TO kinds_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE kinds_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE kinds_writer GRANT USAGE ON TYPES TO kinds_reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE kinds_writer GRANT USAGE ON SCHEMAS TO kinds_reader;

-- -- extensions -----------------------------------------------------------------------------------

CREATE SCHEMA extensions;
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['hstore', 'pg_trgm', 'citext', 'ltree', 'btree_gist', 'isn', 'cube', 'seg', 'lo'] LOOP
        IF EXISTS (SELECT FROM pg_available_extensions WHERE name = wanted) THEN
            EXECUTE format('CREATE EXTENSION %I SCHEMA extensions', wanted);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'hstore') THEN
        EXECUTE 'COMMENT ON EXTENSION hstore IS ''ours''';
        EXECUTE 'REVOKE EXECUTE ON FUNCTION extensions.hstore(text, text) FROM PUBLIC';
        EXECUTE 'GRANT EXECUTE ON FUNCTION extensions.hstore(text, text) TO kinds_reader';
    END IF;
    -- Made by the tests: configuration tables, one dumped whole, one by a condition, and a sequence.
    IF current_setting('drydock.kinds_extension', true) <> '' THEN
        EXECUTE format('CREATE EXTENSION %I SCHEMA extensions', current_setting('drydock.kinds_extension'));
        EXECUTE 'INSERT INTO extensions.kinds_settings VALUES (''of the user'', E''tab\t'')';
        EXECUTE 'INSERT INTO extensions.kinds_rows SELECT n, ''user'', false FROM generate_series(100, 5000) n';
        EXECUTE 'SELECT setval(''extensions.kinds_numbers'', 4711)';
    END IF;
END $$;

-- -- types ----------------------------------------------------------------------------------------

CREATE TYPE app.mood AS ENUM ('first', 'sad', 'so-so', 'happy', '', 'with "quote"', 'it''s', E'back\\slash', 'comma, {brace}');
ALTER TYPE app.mood OWNER TO kinds_owner;
COMMENT ON TYPE app.mood IS 'an enum';
CREATE TYPE "odd ""names"";
-- schema %s é"."enum -- x" AS ENUM ('a', 'b');
CREATE DOMAIN app.positive AS integer DEFAULT 7 CONSTRAINT is_positive CHECK (VALUE > 0);
COMMENT ON DOMAIN app.positive IS 'a domain';
COMMENT ON CONSTRAINT is_positive ON DOMAIN app.positive IS 'on a domain''s constraint';
CREATE DOMAIN app.code AS varchar(20) COLLATE "C" NOT NULL CHECK (VALUE ~ '^[a-z]*$');
CREATE DOMAIN app.mood_domain AS app.mood;
CREATE DOMAIN app.numbers AS integer[] CHECK (array_length(VALUE, 1) < 100);
CREATE DOMAIN app.of_domain AS app.positive CHECK (VALUE < 1000000);
CREATE DOMAIN app.loose AS integer;
CREATE TYPE app.pair AS (number integer, word text COLLATE "C", moods app.mood[]);
COMMENT ON TYPE app.pair IS 'a composite';
COMMENT ON COLUMN app.pair.word IS 'a column of a composite';
CREATE TYPE app.nested AS (p app.pair, pairs app.pair[], d app.positive, at timestamptz);
CREATE TYPE app.nothing AS ();
CREATE DOMAIN app.pair_domain AS app.pair CHECK (VALUE IS NULL OR (VALUE).number > 0);
CREATE FUNCTION app.float8_minus(a float8, b float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT a - b';
CREATE TYPE app.span AS RANGE (subtype = float8, subtype_diff = app.float8_minus, multirange_type_name = app.spans);
CREATE TYPE app.mood_range AS RANGE (subtype = app.mood);
CREATE TYPE app.pair_range AS RANGE (subtype = app.pair);
CREATE TYPE app.text_range AS RANGE (subtype = text, collation = "C");
CREATE DOMAIN app.span_domain AS app.span;
GRANT USAGE ON TYPE app.span TO kinds_reader;
REVOKE USAGE ON TYPE app.pair FROM PUBLIC;
GRANT USAGE ON DOMAIN app.positive TO kinds_writer WITH GRANT OPTION;
CREATE TYPE app.only_a_shell;

-- A base type of its own; its functions are the server's.
CREATE TYPE app.word;
CREATE FUNCTION app.word_in(cstring) RETURNS app.word LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION app.word_out(app.word) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION app.word_recv(internal) RETURNS app.word LANGUAGE internal IMMUTABLE STRICT AS 'textrecv';
CREATE FUNCTION app.word_send(app.word) RETURNS bytea LANGUAGE internal IMMUTABLE STRICT AS 'textsend';
CREATE TYPE app.word (INPUT = app.word_in, OUTPUT = app.word_out, RECEIVE = app.word_recv, SEND = app.word_send,
                      LIKE = text, CATEGORY = 'S', DELIMITER = ';');
COMMENT ON TYPE app.word IS 'a base type';

-- -- one table for each built-in type, and one for each of ours -----------------------------------

DO $do$
DECLARE
    one record;
    item text;
BEGIN
    FOR one IN SELECT * FROM (VALUES
        ('boolean', ARRAY['t', 'f']),
        ('smallint', ARRAY['-32768', '0', '32767']),
        ('integer', ARRAY['-2147483648', '0', '2147483647']),
        ('bigint', ARRAY['-9223372036854775808', '0', '9223372036854775807']),
        ('real', ARRAY['NaN', 'Infinity', '-Infinity', '-0', '1e-45', '3.4028235e38', '0.1', '1.17549435e-38']),
        ('double precision', ARRAY['NaN', 'Infinity', '-Infinity', '-0', '5e-324', '1.7976931348623157e308', '0.1',
                                   '0.30000000000000004']),
        ('numeric', ARRAY['NaN', 'Infinity', '-Infinity', '0', '0.000', '-0.10', '1e-1000', '1e1000',
                          repeat('9', 1000) || '.' || repeat('1', 1000), '123456789012345678901234567890.12345']),
        ('numeric(12,4)', ARRAY['NaN', '-1.5', '99999999.9999']),
        ('money', ARRAY['-92233720368547758.08', '0', '12.34']),
        ('"char"', ARRAY['a', '', '\', ' ', '"']),
        ('character(5)', ARRAY['', 'a', '     ', 'é€x']),
        ('character varying(20)', ARRAY['', 'a ', E'\t']),
        ('text', ARRAY['', ' ', E'\\.', E'\\N', 'NULL', 'null', E'\t', E'a\tb', E'line\nfeed', E'\n', E'\r', E'\r\n', E'back\\slash',
                       E'\\', E'\\\\', E'\\n', E'end\\', E'\\.\n', E'x\n\\.\ny', U&'\+01F600', U&'\+10FFFF', U&'\FEFF',
                       E'\x01\x02\x08\x0b\x0c\x7f\x1b', '"', '''', '{}', '{NULL}', '$$', '%s%n', ';', '--', '/*',
                       repeat('long ', 5000), 'é', U&'e\0301']),
        ('name', ARRAY['', 'a', repeat('é', 31) || 'x']),
        ('bytea', ARRAY['', '\x00', '\x5c2e', '\x5c4e', '\x0a', '\xff',
                        (SELECT '\x' || string_agg(lpad(to_hex(n), 2, '0'), '' ORDER BY n) FROM generate_series(0, 255) n)]),
        ('date', ARRAY['infinity', '-infinity', '4713-01-01 BC', '0001-01-01 BC', '1582-10-10', '2000-02-29', '5874897-12-31']),
        ('time', ARRAY['00:00', '24:00', '23:59:59.999999', '00:00:00.000001']),
        ('time(0)', ARRAY['12:34:56']),
        ('timetz', ARRAY['00:00+15:59:59', '24:00-15:59:59', '12:00:00.5+05:45']),
        ('timestamp', ARRAY['infinity', '-infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999', '2000-01-01',
                            '2024-02-29 12:00:00.1']),
        ('timestamptz', ARRAY['infinity', '-infinity', '4713-01-02 00:00:00+00 BC', '294276-12-31 00:00:00+00',
                              '2024-03-31 01:30:00+00', '1900-01-01 00:00:00+00']),
        ('interval', ARRAY['0', '-178000000 years', '178000000 years', '1 mon -1 day 1 us', '-1 year 2 mons -3 days 04:05:06.7',
                           '-00:00:00.000001', '1 year', '-1 day']),
        ('interval hour to second(2)', ARRAY['1 day 02:03:04.56']),
        ('uuid', ARRAY['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']),
        ('json', ARRAY['null', '{"a" : 1,   "a":2}', '"\u0000 \\ \n"', E'[1,\n\t2]', '1e400']),
        ('jsonb', ARRAY['null', '{"b": [1, 2.50, {"ä": "\\ \" \n"}], "": null}', '"text"', '1e400', '[]', '{}']),
        ('jsonpath', ARRAY['$.a[*] ? (@ > 1 && @.b == "x\"y")', 'strict $']),
        ('bit(5)', ARRAY['00000', '10101']),
        ('bit varying', ARRAY['', '1', '011111111']),
        ('inet', ARRAY['0.0.0.0/0', '192.168.1.1', '192.168.1.1/24', '::1', 'fe80::1/64']),
        ('cidr', ARRAY['10.0.0.0/8', '2001:db8::/32']),
        ('macaddr', ARRAY['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:fe']),
        ('macaddr8', ARRAY['08:00:2b:01:02:03:04:05']),
        ('point', ARRAY['(0,-0)', '(1e300,NaN)', '(0.1,Infinity)']),
        ('line', ARRAY['{1,-1,0.5}']),
        ('lseg', ARRAY['[(0,0),(1,1)]']),
        ('box', ARRAY['(1,1),(0,0)', '(0.1,0.2),(-3,-4)']),
        ('path', ARRAY['[(0,0),(1,1)]', '((0,0),(1,1),(2,0.1))']),
        ('polygon', ARRAY['((0,0),(1,1),(2,0))']),
        ('circle', ARRAY['<(0,0),1.5>']),
        ('tsvector', ARRAY['', '''it''''s'':1A,2B ''back\\slash'':3', 'a b c']),
        ('tsquery', ARRAY['', 'a & !b:AB <2> (c | ''d e'':*)']),
        ('oid', ARRAY['0', '1259', '4294967295']),
        ('xid', ARRAY['0', '4294967295']),
        ('xid8', ARRAY['0', '18446744073709551615']),
        ('cid', ARRAY['0', '7']),
        ('tid', ARRAY['(0,1)', '(4294967295,65535)']),
        ('pg_lsn', ARRAY['0/0', 'FFFFFFFF/FFFFFFFF']),
        ('pg_snapshot', ARRAY['10:20:10,14,15']),
        ('txid_snapshot', ARRAY['10:20:10,14,15']),
        ('int2vector', ARRAY['', '1 2 3']),
        ('oidvector', ARRAY['', '1 2 3']),
        ('refcursor', ARRAY['a cursor']),
        ('aclitem', ARRAY['kinds_owner=r/kinds_owner', '=r/kinds_reader']),
        ('regclass', ARRAY['pg_class', '-']),
        ('regtype', ARRAY['app.mood', 'integer', 'app.pair[]', '-']),
        ('regproc', ARRAY['app.float8_minus', 'now', '-']),
        ('regprocedure', ARRAY['app.float8_minus(float8,float8)', 'abs(integer)']),
        ('regoper', ARRAY['||/']),
        ('regoperator', ARRAY['+(integer,integer)']),
        ('regnamespace', ARRAY['app', 'pg_catalog']),
        ('regrole', ARRAY['kinds_owner', '"kinds ""odd"" rôle, 100%"']),
        ('regconfig', ARRAY['english']),
        ('regdictionary', ARRAY['simple']),
        ('regcollation', ARRAY['"C"']),
        ('int4range', ARRAY['empty', '(,)', '[1,5)', '(,3]']),
        ('int8range', ARRAY['empty', '[1,]']),
        ('numrange', ARRAY['[1.10,2.00)', '(-Infinity,NaN]']),
        ('daterange', ARRAY['[2000-01-01,infinity]', '(,2000-01-01)']),
        ('tsrange', ARRAY['[2000-01-01 00:00,2000-01-02 00:00)']),
        ('tstzrange', ARRAY['[2000-01-01 00:00+00,2000-01-02 00:00+00)']),
        ('int4multirange', ARRAY['{}', '{[1,5),[7,9)}']),
        ('nummultirange', ARRAY['{(,1.5),[2.0,)}']),
        ('tstzmultirange', ARRAY['{[2000-01-01 00:00+00,2000-01-02 00:00+00),[2001-01-01 00:00+00,)}']),
        ('app.mood', ARRAY['first', 'sad', '', 'with "quote"', E'back\\slash', 'comma, {brace}']),
        (E'"odd ""names"";\n-- schema %s é"."enum -- x"', ARRAY['a', 'b']),
        ('app.positive', ARRAY['1', '2147483647']),
        ('app.code', ARRAY['', 'abc']),
        ('app.mood_domain', ARRAY['happy']),
        ('app.of_domain', ARRAY['5']),
        ('app.pair', ARRAY['(,,)', '(1,"a ""b"" \\\\ c","{happy,""with \\""quote\\""""}")', '(2,"",{})']),
        ('app.nested', ARRAY['("(1,x,{sad})","{""(2,y,\\""{sad,happy}\\"")""}",3,"2024-01-01 00:00:00+00")']),
        ('app.nothing', ARRAY['()']),
        ('app.pair_domain', ARRAY['(1,x,{happy})']),
        ('app.span', ARRAY['[0.1,2.5)', 'empty', '(,)']),
        ('app.spans', ARRAY['{[0.1,2.5),[3,4)}']),
        ('app.mood_range', ARRAY['[sad,happy]', '("",)']),
        ('app.pair_range', ARRAY['["(1,a,{})","(2,b,{sad})")']),
        ('app.text_range', ARRAY['["a ""q""","b\\c")']),
        ('app.span_domain', ARRAY['[1,2)']),
        ('app.word', ARRAY['', 'a;b', E'line\nfeed', '{}'])
        ) AS v (type, items) LOOP
        EXECUTE format('CREATE TABLE each.%I (n integer, v %s, a %s[])', left(one.type, 60), one.type, one.type);
        FOREACH item IN ARRAY one.items LOOP
            EXECUTE format('INSERT INTO each.%I SELECT n, x.v, ARRAY[x.v, %s] FROM generate_series(1, 3) n, (SELECT %L::%s AS v) x',
                           left(one.type, 60), CASE one.type WHEN 'app.code' THEN 'x.v' ELSE 'NULL' END, item, one.type);
        END LOOP;
        -- Nothing, an empty array, an array of arrays, an array with other bounds.
        IF one.type <> 'app.code' THEN
            EXECUTE format('INSERT INTO each.%I VALUES (4, NULL, NULL), (5, NULL, ''{}'')', left(one.type, 60));
            EXECUTE format('INSERT INTO each.%I SELECT NULL, x.v, ARRAY[ARRAY[x.v], ARRAY[NULL::%s]] FROM (SELECT %L::%s AS v) x',
                           left(one.type, 60), one.type, one.items[1], one.type);
            EXECUTE format('INSERT INTO each.%I (n) VALUES (6)', left(one.type, 60));
            EXECUTE format('UPDATE each.%I SET a[-3] = v, a[-1] = v WHERE n = 1', left(one.type, 60));
        END IF;
    END LOOP;
END $do$;

CREATE TABLE each."app.numbers" (n integer, v app.numbers);
INSERT INTO each."app.numbers" VALUES (1, '{}'), (2, '{1,NULL,3}'), (3, '[0:1][2:3]={{1,2},{3,4}}'), (4, NULL);

-- What is not in every build or version.
DO $$
BEGIN
    CREATE TABLE each.xml (n integer, v xml, a xml[]);
    INSERT INTO each.xml VALUES (1, '<a>é &amp; "x"</a>', ARRAY['<b/>'::xml, NULL]), (2, 'content <i>only</i>', NULL);
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;

DO $$
DECLARE
    one record;
BEGIN
    IF current_setting('server_version_num')::integer >= 150000 THEN
        EXECUTE 'CREATE TABLE each."numeric(5,-2)" (n integer, v numeric(5,-2))';
        EXECUTE 'INSERT INTO each."numeric(5,-2)" VALUES (1, 100), (2, -99900)';
    END IF;
    FOR one IN SELECT * FROM (VALUES
        ('hstore', 'a=>1, "b c"=>NULL, "\""=>"\\"'), ('citext', E'É\\.\t'), ('ltree', 'Top.Science'), ('lquery', 'Top.*{2}.a|b'),
        ('isbn13', '978-0-393-04002-9'), ('cube', '(1, 2), (3, 4)'), ('seg', '1.50 .. <7'), ('lo', '900001'))
        AS v (type, item) LOOP
        IF to_regtype('extensions.' || one.type) IS NOT NULL THEN
            EXECUTE format('CREATE TABLE each.%I (n integer, v extensions.%I, a extensions.%I[])', one.type, one.type, one.type);
            EXECUTE format('INSERT INTO each.%I SELECT n, x.v, ARRAY[x.v, NULL] FROM (SELECT %L::extensions.%I AS v) x,'
                           ' generate_series(1, 20) n', one.type, one.item, one.type);
        END IF;
    END LOOP;
    IF to_regtype('extensions.hstore') IS NOT NULL THEN
        EXECUTE 'CREATE INDEX ON each.hstore USING gin (v)';
    END IF;
    IF to_regtype('extensions.ltree') IS NOT NULL THEN
        EXECUTE 'CREATE INDEX ON each.ltree USING gist (v)';
    END IF;
    IF to_regtype('extensions.gtrgm') IS NOT NULL THEN
        EXECUTE 'CREATE INDEX ON each.text USING gin (v extensions.gin_trgm_ops)';
    END IF;
END $$;

-- Rows that refer to our own objects by their OIDs.
CREATE TABLE each.references (t regclass, f regprocedure, y regtype, s regnamespace, all_of_them regtype[]);

-- -- functions, aggregates, operators, casts, collations, ... -------------------------------------

CREATE FUNCTION app.plus_one(n integer) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 3
    AS $body$ SELECT n + 1 /* $$ ' " \ % */ $body$;
CREATE FUNCTION app.atomic(n integer DEFAULT 3) RETURNS integer LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT app.plus_one(n) + 1;
    SELECT CASE WHEN n > 0 THEN n ELSE 0 END;
END;
CREATE FUNCTION app.is_small(n integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT
    SET work_mem = '8MB' SET search_path = app, "odd ""names"";
-- schema %s é", pg_temp AS $$ BEGIN RETURN n < 1000000; END $$;
CREATE FUNCTION app."odd name(), '';%
"(INOUT a text, OUT b integer[], VARIADIC more app.mood[] DEFAULT '{}') LANGUAGE plpgsql
    SECURITY DEFINER LEAKPROOF RETURNS NULL ON NULL INPUT AS $_$ BEGIN b := '{1}'; END $_$;
CREATE FUNCTION app.some_rows(n integer) RETURNS SETOF app.pair LANGUAGE sql STABLE ROWS 5
    AS $$ SELECT i, 'w' || i, NULL::app.mood[] FROM generate_series(1, n) i $$;
CREATE FUNCTION app.as_table(n integer) RETURNS TABLE (x integer, y text) LANGUAGE sql AS $$ SELECT 1, 'a' $$;
CREATE FUNCTION app.overloaded(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.overloaded(text) RETURNS integer LANGUAGE sql AS 'SELECT 2';
CREATE FUNCTION app.uses_window() RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number';
CREATE PROCEDURE app.procedure(a integer, INOUT b text) LANGUAGE plpgsql AS $$ BEGIN b := a::text; END $$;
CREATE PROCEDURE app.atomic_procedure() BEGIN ATOMIC SELECT 1; END;
COMMENT ON FUNCTION app.plus_one(integer) IS 'a function';
COMMENT ON PROCEDURE app.procedure(integer, text) IS 'a procedure';
GRANT EXECUTE ON FUNCTION app.plus_one(integer) TO kinds_reader;
REVOKE EXECUTE ON FUNCTION app.plus_one(integer) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE app.procedure(integer, text) TO "kinds ""odd"" rôle, 100%" WITH GRANT OPTION;
ALTER FUNCTION app.plus_one(integer) OWNER TO kinds_owner;

CREATE AGGREGATE app.total (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0', COMBINEFUNC = int4pl, PARALLEL = SAFE);
CREATE AGGREGATE app.middle (float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal,
                                                          FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
COMMENT ON AGGREGATE app.total (integer) IS 'an aggregate';

CREATE FUNCTION app.mood_equal(app.mood, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
CREATE OPERATOR app.=== (LEFTARG = app.mood, RIGHTARG = integer, FUNCTION = app.mood_equal);
CREATE OPERATOR app.!!! (RIGHTARG = integer, FUNCTION = app.plus_one);
COMMENT ON OPERATOR app.=== (app.mood, integer) IS 'an operator';
COMMENT ON OPERATOR app.!!! (NONE, integer) IS 'a prefix operator';

CREATE OPERATOR FAMILY app.family USING btree;
COMMENT ON OPERATOR FAMILY app.family USING btree IS 'an operator family';
CREATE OPERATOR CLASS app.backwards FOR TYPE integer USING btree FAMILY app.family AS
    OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 btint4cmp(integer, integer);
COMMENT ON OPERATOR CLASS app.backwards USING btree IS 'an operator class';
ALTER OPERATOR FAMILY app.family USING btree ADD FUNCTION 1 (bigint, bigint) btint8cmp(bigint, bigint),
    OPERATOR 3 = (bigint, bigint);

CREATE FUNCTION app.pair_to_int(app.pair) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1.number';
CREATE CAST (app.pair AS integer) WITH FUNCTION app.pair_to_int(app.pair) AS ASSIGNMENT;
CREATE CAST (app.word AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (text AS app.word) WITH INOUT;
COMMENT ON CAST (app.pair AS integer) IS 'a cast';

CREATE COLLATION app."my ""C""" (provider = libc, locale = 'C');
COMMENT ON COLLATION app."my ""C""" IS 'a collation';
DO $$
BEGIN
    CREATE COLLATION app.numeric_order (provider = icu, locale = 'en-u-kn-true', deterministic = false);
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
CREATE CONVERSION app.conversion FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
COMMENT ON CONVERSION app.conversion IS 'a conversion';

CREATE FUNCTION app.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION app.inline_handler(internal) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION app.validator(oid) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE "pl kinds" HANDLER app.handler INLINE app.inline_handler VALIDATOR app.validator;
COMMENT ON LANGUAGE "pl kinds" IS 'a language';
REVOKE USAGE ON LANGUAGE "pl kinds" FROM PUBLIC;
GRANT USAGE ON LANGUAGE "pl kinds" TO kinds_reader;
CREATE FUNCTION app.in_our_language() RETURNS integer LANGUAGE "pl kinds" AS 'BEGIN RETURN 1; END';
CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
COMMENT ON TRANSFORM FOR integer LANGUAGE sql IS 'a transform';

CREATE ACCESS METHOD kinds_heap TYPE TABLE HANDLER heap_tableam_handler;
COMMENT ON ACCESS METHOD kinds_heap IS 'an access method';
CREATE ACCESS METHOD kinds_btree TYPE INDEX HANDLER bthandler;

CREATE TEXT SEARCH PARSER app.parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE app.template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY app.dictionary (TEMPLATE = app.template, stopwords = english, accept = false);
CREATE TEXT SEARCH DICTIONARY app."stems 'n' ""all""" (TEMPLATE = snowball, language = english);
CREATE TEXT SEARCH CONFIGURATION app.configuration (PARSER = app.parser);
ALTER TEXT SEARCH CONFIGURATION app.configuration ADD MAPPING FOR asciiword, word WITH app."stems 'n' ""all""", simple;
CREATE TEXT SEARCH CONFIGURATION app.copied (COPY = english);
COMMENT ON TEXT SEARCH PARSER app.parser IS 'a parser';
COMMENT ON TEXT SEARCH TEMPLATE app.template IS 'a template';
COMMENT ON TEXT SEARCH DICTIONARY app.dictionary IS 'a dictionary';
COMMENT ON TEXT SEARCH CONFIGURATION app.configuration IS 'a configuration';
ALTER TEXT SEARCH CONFIGURATION app.configuration OWNER TO kinds_owner;

-- -- sequences ------------------------------------------------------------------------------------

CREATE SEQUENCE app.free;
CREATE SEQUENCE app.never_called START 42;
CREATE SEQUENCE app.called START 42;
SELECT nextval('app.called');
CREATE SEQUENCE app.descending INCREMENT -3 MAXVALUE -1 MINVALUE -9223372036854775808 CACHE 20;
SELECT nextval('app.descending') FROM generate_series(1, 5);
CREATE SEQUENCE app.cycled AS smallint MINVALUE 5 MAXVALUE 7 CYCLE;
SELECT nextval('app.cycled') FROM generate_series(1, 4);
CREATE SEQUENCE app.at_its_end MAXVALUE 9223372036854775807;
SELECT setval('app.at_its_end', 9223372036854775807, true);
CREATE SEQUENCE app.set_not_called;
SELECT setval('app.set_not_called', 99, false);
CREATE SEQUENCE "odd ""names"";
-- schema %s é"."seq'; ""x
";
SELECT setval($$"odd ""names"";
-- schema %s é"."seq'; ""x
"$$, 12345);
COMMENT ON SEQUENCE app.free IS 'a sequence';
GRANT USAGE, SELECT ON SEQUENCE app.free TO kinds_reader;
ALTER SEQUENCE app.free OWNER TO kinds_owner;
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 150000 THEN
        EXECUTE 'CREATE UNLOGGED SEQUENCE app.unlogged_sequence';
        EXECUTE 'SELECT nextval(''app.unlogged_sequence'')';
    END IF;
END $$;

-- -- tables ---------------------------------------------------------------------------------------

CREATE TABLE app.accounts (
    id bigint GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5) PRIMARY KEY,
    second integer GENERATED BY DEFAULT AS IDENTITY,
    old serial,
    name varchar(40) NOT NULL DEFAULT 'nobody' COLLATE "C",
    email text CONSTRAINT email_is_one CHECK (email LIKE '%@%'),
    mood app.mood DEFAULT 'so-so',
    balance numeric(12, 2) NOT NULL DEFAULT 0,
    small integer CHECK (app.is_small(small)),
    twice numeric GENERATED ALWAYS AS (balance * 2) STORED,
    made timestamptz NOT NULL DEFAULT '2024-01-01 00:00:00+00',
    gone text,
    CONSTRAINT accounts_second UNIQUE (second) INCLUDE (name),
    UNIQUE (old) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO app.accounts (name, email, mood, balance, small)
SELECT 'name ' || n, n || '@example.org', CASE n % 3 WHEN 0 THEN 'happy' WHEN 1 THEN 'sad' END::app.mood, n * 1.25, n
FROM generate_series(1, 500) n;
DELETE FROM app.accounts WHERE id % 7 = 0;
ALTER TABLE app.accounts DROP COLUMN gone;
ALTER TABLE app.accounts OWNER TO kinds_owner;
GRANT SELECT, INSERT ON app.accounts TO kinds_writer WITH GRANT OPTION;
GRANT SELECT (id, name), UPDATE (name) ON app.accounts TO kinds_reader;
REVOKE TRUNCATE ON app.accounts FROM kinds_owner;
COMMENT ON TABLE app.accounts IS E'a table; \\ ''quoted'' %d\nsecond line';
COMMENT ON COLUMN app.accounts.twice IS 'a generated column';
COMMENT ON CONSTRAINT email_is_one ON app.accounts IS 'a constraint';
ALTER TABLE app.accounts ALTER COLUMN email SET STATISTICS 500;
ALTER TABLE app.accounts ALTER COLUMN mood SET (n_distinct = 5);
ALTER TABLE app.accounts ALTER COLUMN name SET STORAGE EXTERNAL;
ALTER TABLE app.accounts SET (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_vacuum_threshold = 77);

-- A privilege that was passed on. (In a schema that belongs to who passed it on: stock pg_restore -j may be at the table's
-- privileges before the schema's.)
CREATE SCHEMA passed AUTHORIZATION kinds_writer;
CREATE TABLE passed.on (id integer);
INSERT INTO passed.on VALUES (1);
ALTER TABLE passed.on OWNER TO kinds_owner;
GRANT SELECT ON passed.on TO kinds_writer WITH GRANT OPTION;
SET SESSION AUTHORIZATION kinds_writer;
GRANT SELECT ON passed.on TO "kinds ""odd"" rôle, 100%";
RESET SESSION AUTHORIZATION;

CREATE INDEX accounts_partial ON app.accounts (email DESC NULLS LAST) WHERE balance > 100;
CREATE INDEX accounts_expression ON app.accounts (lower(email) COLLATE "C" text_pattern_ops, app.plus_one(small));
CREATE INDEX accounts_hash ON app.accounts USING hash (email);
CREATE INDEX accounts_brin ON app.accounts USING brin (made) WITH (pages_per_range = 8, autosummarize = on);
CREATE INDEX accounts_backwards ON app.accounts (small app.backwards) WITH (fillfactor = 50);
CREATE INDEX accounts_toast ON app.accounts (balance) INCLUDE (email, name);
CREATE UNIQUE INDEX accounts_name ON app.accounts (name) INCLUDE (email);
ALTER TABLE app.accounts CLUSTER ON accounts_name;
ALTER INDEX app.accounts_expression ALTER COLUMN 2 SET STATISTICS 400;
COMMENT ON INDEX app.accounts_partial IS 'an index';

-- The same name as in another schema.
CREATE TABLE other.accounts (id integer PRIMARY KEY, t text NOT NULL);
INSERT INTO other.accounts SELECT n, 'other ' || n FROM generate_series(1, 20) n;
CREATE UNIQUE INDEX accounts_t ON other.accounts (t);
ALTER TABLE other.accounts REPLICA IDENTITY USING INDEX accounts_t;
ALTER TABLE other.accounts OWNER TO "kinds ""odd"" rôle, 100%";
CREATE TABLE public.accounts (id integer, t text);
INSERT INTO public.accounts VALUES (1, 'public');

CREATE TABLE app.empty_table (id integer PRIMARY KEY, note text);
CREATE TABLE app.no_columns ();
INSERT INTO app.no_columns SELECT FROM generate_series(1, 17);
CREATE TABLE app.columns_gone (a integer, b text);
INSERT INTO app.columns_gone SELECT n, 'b' FROM generate_series(1, 9) n;
ALTER TABLE app.columns_gone DROP COLUMN a, DROP COLUMN b;
CREATE TABLE app.only_generated (one integer GENERATED ALWAYS AS (1) STORED);
INSERT INTO app.only_generated SELECT FROM generate_series(1, 4);
CREATE TABLE app.dropped (a integer, b text, c numeric, d date);
INSERT INTO app.dropped SELECT n, 'b' || n, n, date '2024-01-01' + n FROM generate_series(1, 50) n;
ALTER TABLE app.dropped DROP COLUMN b, ADD COLUMN e text DEFAULT 'added', ADD COLUMN b integer;
UPDATE app.dropped SET b = a WHERE a % 2 = 0;
CREATE UNLOGGED TABLE app.unlogged (id integer PRIMARY KEY, t text);
INSERT INTO app.unlogged SELECT n, 'u' FROM generate_series(1, 30) n;
CREATE TABLE app.typed OF app.pair (number WITH OPTIONS PRIMARY KEY, word DEFAULT 'w');
INSERT INTO app.typed SELECT * FROM app.some_rows(12);
CREATE TABLE app.ours (id integer, t text) USING kinds_heap;
INSERT INTO app.ours SELECT n, repeat('x', 200) FROM generate_series(1, 3000) n;
CREATE TABLE app.user_types (id serial PRIMARY KEY, m app.mood[], p app.pair, ps app.pair[], n app.nested, d app.positive,
                             md app.mood_domain[], s app.span, mr app.mood_range, w app.word, r regclass[], t regtype);
INSERT INTO app.user_types (m, p, ps, n, d, md, s, mr, w, r, t)
SELECT ARRAY['sad', 'happy', NULL]::app.mood[], ROW(n, 'w' || n, ARRAY['sad']::app.mood[])::app.pair,
       ARRAY[ROW(n, 'x', NULL)::app.pair, NULL]::app.pair[], ROW(ROW(n, 'y', '{}'), ARRAY[]::app.pair[], n, NULL)::app.nested, n,
       ARRAY['happy']::app.mood_domain[], app.span(n, n + 1.5), app.mood_range('sad', 'happy', '[]'), ('word ' || n)::app.word,
       ARRAY['app.accounts', 'other.accounts', 'app.user_types']::regclass[], 'app.mood_range'
FROM generate_series(1, 2000) n;
INSERT INTO each.references
SELECT c.oid, 'app.plus_one(integer)', 'app.nested', c.relnamespace, ARRAY['app.pair', 'app.word', 'app.mood[]']::regtype[]
FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'app'::regnamespace;

-- Rows that came before their constraint.
CREATE TABLE app.not_valid (id integer, d app.loose, parent integer);
INSERT INTO app.not_valid VALUES (-1, -1, 4711), (1, 1, NULL);
ALTER TABLE app.not_valid ADD CONSTRAINT not_negative CHECK (id > 0) NOT VALID;
ALTER TABLE app.not_valid ADD CONSTRAINT no_such_parent FOREIGN KEY (parent) REFERENCES other.accounts NOT VALID;
ALTER DOMAIN app.loose ADD CONSTRAINT loose_positive CHECK (VALUE > 0) NOT VALID;
ALTER TABLE app.not_valid ADD CONSTRAINT inherited_not CHECK (id IS NOT NULL) NO INHERIT;

CREATE TABLE app.exclusion (room integer, during tsrange, c circle,
    EXCLUDE USING gist (c WITH &&) WHERE (room > 0),
    CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO app.exclusion
SELECT n, tsrange('2024-01-01'::timestamp + n * interval '1 day', '2024-01-02'::timestamp + n * interval '1 day'),
       circle(point(n * 10, 0), 1) FROM generate_series(1, 100) n;
SET CONSTRAINTS ALL IMMEDIATE;
CREATE INDEX exclusion_spgist ON app.exclusion USING spgist (during);
CREATE TABLE app.searched (id integer, words tsvector, tags text[], doc jsonb);
INSERT INTO app.searched SELECT n, to_tsvector('english', 'words number ' || n), ARRAY['a', 'b' || n], jsonb_build_object('n', n)
FROM generate_series(1, 200) n;
CREATE INDEX searched_words ON app.searched USING gin (words) WITH (fastupdate = off);
CREATE INDEX searched_doc ON app.searched USING gin (doc jsonb_path_ops, tags);

-- Foreign keys: in a circle, to itself, to a partitioned table, with actions, deferrable, of two columns.
CREATE TABLE app.husbands (id integer PRIMARY KEY, wife integer);
CREATE TABLE app.wives (id integer PRIMARY KEY, husband integer NOT NULL REFERENCES app.husbands DEFERRABLE INITIALLY DEFERRED);
INSERT INTO app.husbands SELECT n, n FROM generate_series(1, 100) n;
INSERT INTO app.wives SELECT n, n FROM generate_series(1, 100) n;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE app.husbands ADD FOREIGN KEY (wife) REFERENCES app.wives ON DELETE SET NULL ON UPDATE CASCADE;
CREATE TABLE app.tree (id integer, kind "char" DEFAULT 'n', parent integer, parent_kind "char", PRIMARY KEY (id, kind),
    CONSTRAINT "to itself" FOREIGN KEY (parent, parent_kind) REFERENCES app.tree MATCH FULL ON DELETE CASCADE);
INSERT INTO app.tree SELECT n, 'n', CASE WHEN n > 1 THEN n / 2 END, CASE WHEN n > 1 THEN 'n' END FROM generate_series(1, 1000) n;

-- -- inheritance, partitions ----------------------------------------------------------------------

CREATE TABLE app.parent (id integer NOT NULL, note text DEFAULT 'parent', CONSTRAINT parent_check CHECK (id > 0));
CREATE TABLE app.aunt (extra date);
INSERT INTO app.parent SELECT n FROM generate_series(1, 3000) n;
CREATE TABLE app.child (id integer NOT NULL, note text DEFAULT 'child', gone integer, extra date, mine numeric);
ALTER TABLE app.child DROP COLUMN gone;
ALTER TABLE app.child ADD CONSTRAINT parent_check CHECK (id > 0);
ALTER TABLE app.child INHERIT app.parent;
ALTER TABLE app.child INHERIT app.aunt;
INSERT INTO app.child (id, mine, extra) SELECT n, n / 3.0, '2024-01-01' FROM generate_series(1, 3000) n;
CREATE TABLE app.grandchild (more text) INHERITS (app.child);
INSERT INTO app.grandchild SELECT n, 'g', NULL, 0.5, 'm' FROM generate_series(1, 10) n;
CREATE TABLE app.other_child (LIKE app.parent INCLUDING ALL) INHERITS (app.parent);

CREATE TABLE app.by_range (id integer NOT NULL, at date NOT NULL, note text, g integer GENERATED ALWAYS AS (id + 1) STORED,
    PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
COMMENT ON TABLE app.by_range IS 'a partitioned table';
CREATE TABLE app.by_range_old PARTITION OF app.by_range FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE other.by_range_2024 (gone text, note text, at date NOT NULL, id integer NOT NULL, g integer GENERATED ALWAYS AS (id + 1) STORED);
ALTER TABLE other.by_range_2024 DROP COLUMN gone;
ALTER TABLE app.by_range ATTACH PARTITION other.by_range_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE app.by_range_rest PARTITION OF app.by_range DEFAULT PARTITION BY LIST (id);
CREATE TABLE app."rest of 1, 2" PARTITION OF app.by_range_rest (note DEFAULT 'own default') FOR VALUES IN (1, 2);
CREATE TABLE app.rest_default PARTITION OF app.by_range_rest DEFAULT;
INSERT INTO app.by_range SELECT n, date '2023-06-01' + n, 'note ' || n FROM generate_series(1, 2000) n;
INSERT INTO app.by_range VALUES (1, '2030-01-01', 'one'), (2, '2030-01-01', 'two');
CREATE INDEX by_range_note ON app.by_range (note);
CREATE INDEX by_range_only ON ONLY app.by_range (at);
CREATE INDEX by_range_old_at ON app.by_range_old (at);
ALTER INDEX app.by_range_only ATTACH PARTITION app.by_range_old_at;
CREATE TABLE app.refers (id integer, at date, FOREIGN KEY (id, at) REFERENCES app.by_range DEFERRABLE);
INSERT INTO app.refers SELECT id, at FROM app.by_range WHERE id % 10 = 0;

-- Hashes of enum labels are hashes of OIDs: rows go to other partitions in another database.
CREATE TABLE app.by_mood (id integer, mood app.mood, note text, PRIMARY KEY (id, mood)) PARTITION BY HASH (mood);
CREATE TABLE app.by_mood_0 PARTITION OF app.by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE app.by_mood_1 PARTITION OF app.by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE app.by_mood_2 PARTITION OF app.by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO app.by_mood SELECT n, (enum_range(NULL::app.mood))[1 + n % 9], repeat('m', 50) FROM generate_series(1, 5000) n;
CREATE TABLE app.refers_to_mood (id integer, mood app.mood, FOREIGN KEY (id, mood) REFERENCES app.by_mood);
INSERT INTO app.refers_to_mood SELECT id, mood FROM app.by_mood WHERE id % 50 = 0;
CREATE TABLE app.by_hash (id bigint PRIMARY KEY, t text) PARTITION BY HASH (id);
CREATE TABLE app.by_hash_0 PARTITION OF app.by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.by_hash_1 PARTITION OF app.by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO app.by_hash SELECT n, 't' FROM generate_series(1, 3000) n;
CREATE TABLE app.by_list (key text COLLATE "C", n integer) PARTITION BY LIST (lower(key));
CREATE TABLE app.by_list_null PARTITION OF app.by_list FOR VALUES IN (NULL, 'it''s');
CREATE TABLE app.no_partitions (id integer) PARTITION BY RANGE (id);
INSERT INTO app.by_list VALUES (NULL, 1), ('It''s', 2);

-- -- large tables ---------------------------------------------------------------------------------

-- Over 16 MiB, and split.
CREATE TABLE app.large (id bigint PRIMARY KEY, at timestamptz NOT NULL, word text, number numeric, account bigint, dead integer);
INSERT INTO app.large
SELECT n, timestamptz '2020-01-01 00:00+00' + n * interval '61 seconds', 'word ' || md5(n::text) || repeat(' x', n % 40), n / 7.0,
       n % 100 + 1, n
FROM generate_series(1, 100000) n;
ALTER TABLE app.large DROP COLUMN dead;
DELETE FROM app.large WHERE id BETWEEN 30000 AND 45000;
CREATE INDEX large_at ON app.large (at);
ALTER TABLE app.large ADD CONSTRAINT large_account FOREIGN KEY (account) REFERENCES app.husbands (id);
CREATE TABLE app.refers_to_large (id bigint REFERENCES app.large, PRIMARY KEY (id));
INSERT INTO app.refers_to_large SELECT id FROM app.large WHERE id % 20 = 0;

-- A few pages, and many MiB in its TOAST, partly of one value.
CREATE TABLE app.heavy (id integer PRIMARY KEY, stored bytea, packed text);
ALTER TABLE app.heavy ALTER COLUMN stored SET STORAGE EXTERNAL;
INSERT INTO app.heavy
SELECT n, decode(repeat(md5(n::text), 4000), 'hex'), repeat(md5(n::text), 5000) FROM generate_series(1, 60) n;
INSERT INTO app.heavy VALUES (1000, decode(repeat('00ff0a5c', 1500000), 'hex'), repeat(E'a\tb\nc\\d', 300000));
DO $$
BEGIN
    EXECUTE 'ALTER TABLE app.heavy ALTER COLUMN packed SET COMPRESSION lz4';
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
ALTER TABLE app.heavy ALTER COLUMN stored SET COMPRESSION pglz;
CREATE TABLE app.wide (id integer);
DO $$
BEGIN
    EXECUTE (SELECT 'ALTER TABLE app.wide ' || string_agg(format('ADD COLUMN c%s %s', n, CASE n % 3 WHEN 0 THEN 'boolean' WHEN 1 THEN 'smallint' ELSE 'text' END), ', ')
             FROM generate_series(1, 700) n);
    INSERT INTO app.wide (id, c1, c2, c3, c700) SELECT n, n, 't', true, 5 FROM generate_series(1, 30) n;
END $$;

-- -- names ----------------------------------------------------------------------------------------

DO $do$
DECLARE
    name text;
    number integer := 0;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'with space', ' leading and trailing ', 'with "quotes"', '"', 'it''s', 'a.b', 'public.accounts', E'line\nfeed', E'\n',
        E'x\n\\! touch /tmp/drydock-was-here\n; DROP SCHEMA app CASCADE; --', E'carriage\rreturn', E'tab\t', 'percent %s %n %%',
        E'back\\slash', E'\\.', E'\\N', '--option', '-j4', '--', '/* comment', '*/ end', ';', '$$', '$1', 'select', 'TABLE', 'user', 'all',
        'Mixed Case', 'ünïcödé', U&'\+01F600', '..', '../../../etc/passwd', '/absolute', '*', '?', '{}', '~', '@', '#', 'a=b', 'a:b', 'a,b',
        repeat('é', 31) || 'x', repeat('a', 63), repeat('"', 63), 'toc.dat', 'manifest.json', 'ctid_', 'from stdin', ') TO STDOUT; --'
        ] LOOP
        number := number + 1;
        EXECUTE format('CREATE TABLE %I.%I (id serial PRIMARY KEY, %I text DEFAULT %L, n integer)', E'odd "names";\n-- schema %s é', name, name, name);
        EXECUTE format('INSERT INTO %I.%I (%I, n) SELECT %L, n FROM generate_series(1, 3) n', E'odd "names";\n-- schema %s é', name, name, name);
        EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L', E'odd "names";\n-- schema %s é', name, name, name);
        IF number % 4 = 0 THEN
            EXECUTE format('ALTER TABLE %I.%I OWNER TO %I', E'odd "names";\n-- schema %s é', name, 'kinds "odd" rôle, 100%');
            EXECUTE format('CREATE INDEX ON %I.%I (%I)', E'odd "names";\n-- schema %s é', name, name);
            EXECUTE format('GRANT SELECT ON %I.%I TO %I', E'odd "names";\n-- schema %s é', name, 'kinds_reader');
        END IF;
    END LOOP;
END $do$;

-- A name that hurts, on a table that is large enough to be split, with keys on it and to it.
CREATE TABLE "odd ""names"";
-- schema %s é"."split
'; DROP TABLE ""x""; -- */ %s \ é" ("the id;
--" integer PRIMARY KEY, "COPY ""x"" (y) FROM stdin;" text, self integer);
INSERT INTO "odd ""names"";
-- schema %s é"."split
'; DROP TABLE ""x""; -- */ %s \ é" SELECT n, repeat('t', 100), n FROM generate_series(1, 20000) n;
ALTER TABLE "odd ""names"";
-- schema %s é"."split
'; DROP TABLE ""x""; -- */ %s \ é" ADD CONSTRAINT "fk
'" FOREIGN KEY (self) REFERENCES "odd ""names"";
-- schema %s é"."split
'; DROP TABLE ""x""; -- */ %s \ é";

-- -- views, rules ---------------------------------------------------------------------------------

CREATE VIEW app.simple AS SELECT a.id, a.name, o.t AS "odd "" column" FROM app.accounts a LEFT JOIN other.accounts o ON o.id = a.small;
COMMENT ON VIEW app.simple IS 'a view';
COMMENT ON COLUMN app.simple.id IS 'a column of a view';
ALTER VIEW app.simple ALTER COLUMN name SET DEFAULT 'from the view';
GRANT SELECT ON app.simple TO kinds_reader;
ALTER VIEW app.simple OWNER TO kinds_owner;
CREATE VIEW app.checked WITH (security_barrier) AS SELECT * FROM app.dropped WHERE a > 0 WITH CASCADED CHECK OPTION;
CREATE RECURSIVE VIEW app.counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 5;
CREATE VIEW app.no_columns_view AS SELECT;
-- Depends on the primary key, and can be made only after it.
CREATE VIEW app.grouped AS SELECT a.id, a.name, count(*) FROM other.accounts o JOIN app.accounts a ON a.small = o.id GROUP BY a.id;
CREATE FUNCTION app.of_view(app.grouped) RETURNS bigint LANGUAGE sql AS 'SELECT $1.count';
-- A circle: the view needs the function, which needs the view's row type.
CREATE VIEW app.circle AS SELECT 1 AS x;
CREATE FUNCTION app.circle_function(app.circle) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1.x';
CREATE OR REPLACE VIEW app.circle AS SELECT 1 AS x, app.circle_function(NULL::app.circle) AS y;
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 150000 THEN
        EXECUTE 'CREATE VIEW app.invoker WITH (security_invoker) AS SELECT * FROM other.accounts';
        EXECUTE 'CREATE TABLE app.one_null (a integer UNIQUE NULLS NOT DISTINCT, b integer)';
        EXECUTE 'INSERT INTO app.one_null VALUES (NULL, 1), (1, NULL)';
        EXECUTE 'CREATE TABLE app.set_some (a integer, b integer, FOREIGN KEY (a) REFERENCES other.accounts ON DELETE SET NULL (a))';
    END IF;
    IF current_setting('server_version_num')::integer >= 170000 THEN
        EXECUTE 'CREATE COLLATION app.builtin (provider = builtin, locale = ''C.UTF-8'')';
        EXECUTE 'GRANT MAINTAIN ON app.dropped TO kinds_reader';
        EXECUTE 'CREATE TABLE app.forever (i interval)';
        EXECUTE 'INSERT INTO app.forever VALUES (''infinity''), (''-infinity'')';
    END IF;
    IF current_setting('server_version_num')::integer >= 180000 THEN
        EXECUTE 'CREATE TABLE app.virtual (a integer, v integer GENERATED ALWAYS AS (a * 2) VIRTUAL, b integer)';
        EXECUTE 'INSERT INTO app.virtual (a, b) SELECT n, n FROM generate_series(1, 3000) n';
        EXECUTE 'ALTER TABLE app.not_valid ADD CONSTRAINT not_null_not_valid NOT NULL parent NOT VALID';
        EXECUTE 'ALTER TABLE app.not_valid ADD CONSTRAINT not_enforced CHECK (id > 100) NOT ENFORCED';
        IF EXISTS (SELECT FROM pg_extension WHERE extname = 'btree_gist') THEN
            EXECUTE 'SET search_path = public, extensions';
            EXECUTE 'CREATE TABLE app.temporal (id integer, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS))';
            EXECUTE 'RESET search_path';
        END IF;
    END IF;
END $$;

CREATE MATERIALIZED VIEW app.fresh WITH (fillfactor = 90) AS SELECT mood, count(*) AS n, sum(balance) FROM app.accounts GROUP BY mood;
CREATE UNIQUE INDEX fresh_mood ON app.fresh (mood);
CREATE MATERIALIZED VIEW app.a_on_top AS SELECT sum(n) AS total FROM app.fresh;
CREATE MATERIALIZED VIEW app.never_filled AS SELECT * FROM app.accounts WITH NO DATA;
CREATE MATERIALIZED VIEW app.of_key AS SELECT a.id, a.name, count(*) FROM app.accounts a GROUP BY a.id;
CREATE INDEX ON app.of_key (name);
CREATE MATERIALIZED VIEW "odd ""names"";
-- schema %s é"."mv
""" AS SELECT id FROM app.by_range;
COMMENT ON MATERIALIZED VIEW app.fresh IS 'a materialized view';
ALTER MATERIALIZED VIEW app.fresh OWNER TO kinds_owner;
GRANT SELECT ON app.fresh TO kinds_reader;
ALTER MATERIALIZED VIEW app.fresh CLUSTER ON fresh_mood;

CREATE RULE also AS ON UPDATE TO app.dropped DO ALSO INSERT INTO other.accounts VALUES (NEW.a + 100000, 'rule');
CREATE RULE instead AS ON INSERT TO app.simple DO INSTEAD (INSERT INTO public.accounts VALUES (1, 'a'); NOTIFY something);
CREATE RULE nothing AS ON DELETE TO app.dropped WHERE OLD.a < 0 DO INSTEAD NOTHING;
COMMENT ON RULE also ON app.dropped IS 'a rule';
ALTER TABLE app.dropped DISABLE RULE nothing;

-- -- triggers: none of them may fire on a restore -------------------------------------------------

CREATE TABLE app.fired (what text);
CREATE FUNCTION app.fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO app.fired VALUES (TG_NAME);
    IF TG_OP = 'INSERT' AND TG_LEVEL = 'ROW' AND TG_WHEN = 'BEFORE' THEN NEW.note := 'changed by a trigger'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OF note ON app.empty_table FOR EACH ROW EXECUTE FUNCTION app.fire('arg''1', E'two\\', '3');
CREATE TRIGGER changes BEFORE INSERT ON app.parent FOR EACH ROW EXECUTE FUNCTION app.fire();
CREATE TRIGGER statement AFTER INSERT ON app.large REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION app.fire();
CREATE TRIGGER condition AFTER UPDATE ON app.accounts FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION app.fire();
CREATE TRIGGER "always; -- ""on""" AFTER INSERT ON app.accounts FOR EACH STATEMENT EXECUTE FUNCTION app.fire();
CREATE TRIGGER never AFTER INSERT ON app.accounts FOR EACH STATEMENT EXECUTE FUNCTION app.fire();
CREATE TRIGGER on_replicas AFTER TRUNCATE ON app.accounts FOR EACH STATEMENT EXECUTE FUNCTION app.fire();
ALTER TABLE app.accounts ENABLE ALWAYS TRIGGER "always; -- ""on""", DISABLE TRIGGER never, ENABLE REPLICA TRIGGER on_replicas;
CREATE CONSTRAINT TRIGGER constraint_trigger AFTER INSERT ON app.accounts FROM other.accounts DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION app.fire();
CREATE TRIGGER on_view INSTEAD OF INSERT ON app.checked FOR EACH ROW EXECUTE FUNCTION app.fire();
CREATE TRIGGER on_partitioned AFTER INSERT ON app.by_range FOR EACH ROW EXECUTE FUNCTION app.fire();
ALTER TABLE app.by_range_old DISABLE TRIGGER on_partitioned;
COMMENT ON TRIGGER before_row ON app.empty_table IS 'a trigger';

-- -- row security ---------------------------------------------------------------------------------

CREATE TABLE app.secured (id integer, who name DEFAULT current_user, t text);
INSERT INTO app.secured SELECT n, 'kinds_reader', repeat('s', 100) FROM generate_series(1, 4000) n;
ALTER TABLE app.secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON app.secured AS PERMISSIVE FOR SELECT TO kinds_reader, "kinds ""odd"" rôle, 100%" USING (who = current_user);
CREATE POLICY "narrow; --" ON app.secured AS RESTRICTIVE USING (id > 0) WITH CHECK (id < 100);
COMMENT ON POLICY mine ON app.secured IS 'a policy';
CREATE TABLE app.forced (id integer);
INSERT INTO app.forced SELECT generate_series(1, 10);
ALTER TABLE app.forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE TABLE app.policy_off (id integer);
CREATE POLICY unused ON app.policy_off FOR INSERT WITH CHECK (false);

-- -- statistics objects ---------------------------------------------------------------------------

CREATE STATISTICS app.statistics (ndistinct, dependencies) ON name, email FROM app.accounts;
CREATE STATISTICS app."mcv; --" (mcv) ON (lower(name)), mood FROM app.accounts;
CREATE STATISTICS app.expression ON (balance * 2) FROM app.accounts;
ALTER STATISTICS app.statistics SET STATISTICS 333;
ALTER STATISTICS app.statistics OWNER TO kinds_owner;
COMMENT ON STATISTICS app.statistics IS 'a statistics object';

-- -- foreign data ---------------------------------------------------------------------------------

CREATE FOREIGN DATA WRAPPER kinds_wrapper OPTIONS (debug 'true', "odd opt" 'it''s');
COMMENT ON FOREIGN DATA WRAPPER kinds_wrapper IS 'a wrapper';
GRANT USAGE ON FOREIGN DATA WRAPPER kinds_wrapper TO kinds_reader;
CREATE SERVER "kinds server" TYPE 'a type' VERSION '1''2' FOREIGN DATA WRAPPER kinds_wrapper OPTIONS (host '/nowhere');
COMMENT ON SERVER "kinds server" IS 'a server';
GRANT USAGE ON FOREIGN SERVER "kinds server" TO kinds_writer;
ALTER SERVER "kinds server" OWNER TO kinds_owner;
CREATE USER MAPPING FOR kinds_reader SERVER "kinds server" OPTIONS (user 'x', password 'kinds-secret');
CREATE USER MAPPING FOR PUBLIC SERVER "kinds server";
CREATE FOREIGN TABLE app.far (id integer OPTIONS (column_name 'ID') NOT NULL, t text CHECK (t <> '')) SERVER "kinds server" OPTIONS (table_name 'a ''b''');
COMMENT ON FOREIGN TABLE app.far IS 'a foreign table';
CREATE FOREIGN TABLE app.far_child () INHERITS (app.aunt) SERVER "kinds server";
CREATE TABLE app.partly_far (id integer, t text) PARTITION BY LIST (id);
CREATE TABLE app.partly_near PARTITION OF app.partly_far FOR VALUES IN (1);
INSERT INTO app.partly_far VALUES (1, 'near');
CREATE FOREIGN TABLE app.partly_far_2 PARTITION OF app.partly_far FOR VALUES IN (2) SERVER "kinds server";
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'file_fdw') THEN
        EXECUTE 'CREATE EXTENSION file_fdw SCHEMA extensions';
        EXECUTE 'CREATE SERVER files FOREIGN DATA WRAPPER file_fdw';
        EXECUTE 'CREATE FOREIGN TABLE app.file (line text) SERVER files OPTIONS (filename ''/nonexistent'')';
    END IF;
END $$;

-- -- large objects --------------------------------------------------------------------------------

SELECT lo_create(900001);
SELECT lo_from_bytea(900002, 'small');
SELECT lo_from_bytea(900003, decode(repeat('00ff5c0a0d', 800000), 'hex'));
SELECT lo_create(900004);
SELECT lo_put(900004, 3000000, 'behind a hole');
SELECT lo_from_bytea(4294967295, '\x00');
SELECT lo_from_bytea((910000 + n)::oid, ('object ' || n)::bytea) FROM generate_series(1, 100) n;
ALTER LARGE OBJECT 900002 OWNER TO kinds_owner;
ALTER LARGE OBJECT 900003 OWNER TO "kinds ""odd"" rôle, 100%";
COMMENT ON LARGE OBJECT 900002 IS E'a large\nobject';
GRANT SELECT ON LARGE OBJECT 900002 TO kinds_reader WITH GRANT OPTION;
GRANT UPDATE ON LARGE OBJECT 900003 TO kinds_writer;

-- -- another tablespace ---------------------------------------------------------------------------

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_tablespace WHERE spcname = 'kinds_space') THEN
        EXECUTE 'CREATE TABLE app.elsewhere (id integer PRIMARY KEY USING INDEX TABLESPACE kinds_space, t text) TABLESPACE kinds_space';
        EXECUTE 'INSERT INTO app.elsewhere SELECT n, ''t'' FROM generate_series(1, 100) n';
        EXECUTE 'CREATE INDEX elsewhere_here ON app.elsewhere (t) TABLESPACE pg_default';
        EXECUTE 'CREATE MATERIALIZED VIEW app.view_elsewhere TABLESPACE kinds_space AS SELECT id FROM app.elsewhere';
        EXECUTE 'CREATE TABLE app.parts_elsewhere (id integer) PARTITION BY RANGE (id) TABLESPACE kinds_space';
    END IF;
END $$;

-- -- publications, a subscription, event triggers -------------------------------------------------

CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, update');
CREATE PUBLICATION nothing;
CREATE PUBLICATION "some; --" FOR TABLE app.husbands, ONLY app.parent, app.by_range WITH (publish_via_partition_root = true);
COMMENT ON PUBLICATION "some; --" IS 'a publication';
ALTER PUBLICATION nothing OWNER TO kinds_owner;
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 150000 THEN
        EXECUTE 'CREATE PUBLICATION columns FOR TABLE app.tree (id, kind) WHERE (id > 5)';
        EXECUTE 'CREATE PUBLICATION schemas FOR TABLE app.tree, TABLES IN SCHEMA other, "odd ""names"";
-- schema %s é"';
    END IF;
END $$;
ALTER TABLE app.large REPLICA IDENTITY FULL;
ALTER TABLE app.searched REPLICA IDENTITY NOTHING;
CREATE SUBSCRIPTION kinds_subscription CONNECTION 'host=/nonexistent dbname=x user=y password=kinds-secret' PUBLICATION a, "b ""c"""
    WITH (connect = false, slot_name = NONE, binary = true, synchronous_commit = 'off');
COMMENT ON SUBSCRIPTION kinds_subscription IS 'a subscription';

CREATE FUNCTION app.on_event() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'kinds: no'; END $$;
CREATE FUNCTION app.on_login() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RETURN; END $$;
CREATE EVENT TRIGGER kinds_forbids ON ddl_command_start WHEN TAG IN ('DROP TABLE', 'CREATE TABLE', 'CREATE TABLE AS') EXECUTE FUNCTION app.on_event();
CREATE EVENT TRIGGER "kinds; disabled" ON sql_drop EXECUTE FUNCTION app.on_event();
ALTER EVENT TRIGGER "kinds; disabled" DISABLE;
COMMENT ON EVENT TRIGGER kinds_forbids IS 'an event trigger';
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 170000 THEN
        EXECUTE 'CREATE EVENT TRIGGER kinds_login ON login EXECUTE FUNCTION app.on_login()';
        EXECUTE 'ALTER EVENT TRIGGER kinds_login ENABLE ALWAYS';
    END IF;
END $$;

REFRESH MATERIALIZED VIEW app.fresh;
REFRESH MATERIALIZED VIEW app.a_on_top;
REFRESH MATERIALIZED VIEW app.of_key;

-- -- the database: settings that change what COPY writes, or end who is slow ----------------------

DO $$
DECLARE
    setting text;
    name text := quote_ident(current_database());
BEGIN
    EXECUTE format('ALTER DATABASE %s OWNER TO kinds_owner', name);
    EXECUTE format('ALTER DATABASE %s CONNECTION LIMIT 77', name);
    EXECUTE format('COMMENT ON DATABASE %s IS %L', name, E'every kind: ''quotes'', \\ and\na second line; %s');
    EXECUTE format('REVOKE ALL ON DATABASE %s FROM PUBLIC', name);
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %s TO kinds_reader WITH GRANT OPTION', name);
    EXECUTE format('GRANT CREATE ON DATABASE %s TO %I', name, 'kinds "odd" rôle, 100%');
    FOREACH setting IN ARRAY ARRAY[
        $x$search_path = 'odd "names";
-- schema %s é', app, extensions$x$,
        $x$DateStyle = 'SQL, DMY'$x$, $x$IntervalStyle = 'sql_standard'$x$, $x$TimeZone = 'Asia/Kathmandu'$x$, $x$extra_float_digits = -5$x$,
        $x$bytea_output = 'escape'$x$, $x$xmloption = 'document'$x$,
        $x$statement_timeout = '2s'$x$, $x$lock_timeout = '1s'$x$, $x$idle_in_transaction_session_timeout = '1s'$x$,
        $x$default_transaction_isolation = 'serializable'$x$, $x$enable_tidscan = off$x$,
        $x$standard_conforming_strings = off$x$, $x$work_mem = '8MB'$x$, $x$kinds.note = 'a, "b", it''s'$x$, $x$check_function_bodies = on$x$] LOOP
        EXECUTE format('ALTER DATABASE %s SET %s', name, setting);
    END LOOP;
    EXECUTE format('ALTER ROLE kinds_reader IN DATABASE %s SET statement_timeout = 45000', name);
    EXECUTE format('ALTER ROLE %I IN DATABASE %s SET search_path = app, public', 'kinds "odd" rôle, 100%', name);
END $$;

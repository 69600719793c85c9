"""The splitter agrees with psql: both split a corpus, and what psql would send is what a migration would."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from bed import MIGRATIONS
from cluster import clean_environment, program
from program import REPOSITORY

SPLIT = Path(os.environ.get("DRYDOCK_BIN", REPOSITORY / "build" / "dev" / "drydock")).parent / "tests" / "split"
QUERY = re.compile(r"\*{9} QUERY \*{10}\n(.*?)\n\*{26}\n", re.S)

# Forms that files in the wild rarely have together.
ODD = r"""
SELECT 'a;b', E'it\'s;', U&'d\0061t', "x;y" FROM (VALUES (1)) AS v ("x;y");
SELECT $$a;b$$, $tag$ $$;$$ $tag$, $ü$;$ü$; SELECT 1 /* a /* b; */ c; */ + 2; -- ;
SELECT a$b$c FROM (SELECT 1 AS a$b$c) x;
CREATE FUNCTION pg_temp.f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 ELSE 2 END; END;
CREATE OR REPLACE PROCEDURE pg_temp.p() BEGIN ATOMIC SELECT 1; END; SELECT 2;
SELECT (1;
2);
SELECT 'line
break', 'a' 'b'
'c';
SELECT 'x'   'y'; SELECT N'n', B'1', X'f', _utf;
CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);
DO $do$ BEGIN PERFORM 1; END $do$;
SELECT 1 AS begin, 2 AS end; CREATE TABLE begin (end int);
SELECT 5 !=-- comment
6; SELECT @-1; SELECT 1;;;SELECT 3
"""


def corpus():
    """PostgreSQL's own SQL, as far as Debian ships it, and White Cross."""
    share = sorted(Path("/usr/share/postgresql").glob("*/**/*.sql"))
    return [*share, *sorted(MIGRATIONS.glob("*.sql"))]


def normal(text):
    """Leading comments and blanks are nobody's; the final semicolon is not part of a statement."""
    text = text.replace("\r\n", "\n")
    while True:
        stripped = re.sub(r"\A\s*(--[^\n]*(\n|\Z))", "", text)
        stripped = re.sub(r"\A\s*/\*((?!/\*|\*/).)*\*/", "", stripped, flags=re.S)
        if stripped == text:
            break
        text = stripped
    # So are comments between its end and the semicolon, and on the semicolon's line.
    text = re.sub(r"\s*--[^\n]*\Z", "", text.strip()).strip().removesuffix(";").strip()
    text = re.sub(r"(\s*--[^\n']*)+\Z", "", text)
    text = re.sub(r"\s*/\*((?!/\*|\*/).)*\*/\Z", "", text, flags=re.S)
    return re.sub(r"\s+", " ", text).strip()


def by_psql(cluster, path, log):
    log.unlink(missing_ok=True)
    subprocess.run([program("psql"), "-X", "-q", "-d", cluster.dsn("bed_splitter"), "-L", log, "-o", os.devnull,
                    "-f", path], env=clean_environment(), capture_output=True, check=False)
    return [normal(query) for query in QUERY.findall(log.read_text(encoding="utf-8"))]


def by_drydock(path):
    done = subprocess.run([SPLIT, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [normal(json.loads(line)["text"]) for line in done.stdout.splitlines()]


@pytest.fixture
def scratch_database(cluster):
    """Where psql tries the statements; that most of them fail does not matter."""
    cluster.query('CREATE DATABASE "bed_splitter" TEMPLATE template0')
    yield
    cluster.query('DROP DATABASE "bed_splitter" WITH (FORCE)')


def readable(path):
    """The file without what psql alone understands: lines that start with a backslash."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"(?m)^\\.*$", "", text)


def test_agrees_with_psql(cluster, scratch_database, tmp_path):
    copy, log, compared = tmp_path / "file.sql", tmp_path / "log", 0
    texts = [("odd forms", ODD)] + [(str(path), readable(path)) for path in corpus()]
    for name, text in texts:
        if re.search(r"(?i)\bcopy\b[^;]*\bfrom\s+stdin", text) or re.search(r"(?i)\bstandard_conforming_strings\b", text):
            continue
        # psql would be disconnected by what ends sessions.
        if re.search(r"(?i)pg_terminate_backend|pg_(stop|promote)", text):
            continue
        copy.write_text(text, encoding="utf-8")
        expected = [query for query in by_psql(cluster, copy, log) if query]
        assert by_drydock(copy) == expected, name
        compared += len(expected)
    assert compared > 2000, compared

"""The data proof where a migration changes types: values of another type have other bytes, and may be the same in text.

Each case has a table of its own; all of a kind are changed by one run.
"""

import json

import bed as beds
import maintenance

# In the cases, TABLE is the case's table and MOOD its type of labels.
CONTENT = """
CREATE TYPE MOOD AS ENUM ('glad', 'sad');
CREATE TABLE TABLE_ (
    id int PRIMARY KEY, word varchar(10), amount numeric(6,2), at timestamp, mood MOOD, base int,
    twice int GENERATED ALWAYS AS (base * 2) STORED);
INSERT INTO TABLE_ (id, word, amount, at, mood, base)
SELECT n, 'glad', n / 3.0, timestamp '2025-01-01' + n * interval '1 h', 'sad', n FROM generate_series(1, 20) n;
"""

AS_TEXT = "same digest as text: types changed"
OTHERS = "same digest over columns not declared"

# What is done to a table; how it was proven.
PROVEN = {
    "a wider integer": ("ALTER TABLE TABLE_ ALTER id TYPE bigint;", AS_TEXT),
    "an integer to numeric": ("ALTER TABLE TABLE_ ALTER id TYPE numeric;", AS_TEXT),
    "an integer to text": ("ALTER TABLE TABLE_ ALTER id TYPE text;", AS_TEXT),
    "varchar to text": ("ALTER TABLE TABLE_ ALTER word TYPE text;", AS_TEXT),
    "text to labels": ("ALTER TABLE TABLE_ ALTER word TYPE MOOD USING word::text::MOOD;", AS_TEXT),
    "labels to text": ("ALTER TABLE TABLE_ ALTER mood TYPE text;", AS_TEXT),
    "a longer varchar": ("ALTER TABLE TABLE_ ALTER word TYPE varchar(20);", "same digest"),
    "a domain": ("CREATE DOMAIN word AS text; ALTER TABLE TABLE_ ALTER word TYPE word;", AS_TEXT),
    "to a type that is read as text": ("ALTER TABLE TABLE_ ALTER id TYPE oid;", AS_TEXT),
    "a column more": ("ALTER TABLE TABLE_ ADD more text NOT NULL DEFAULT 'x';", "same digest"),
    "a column that makes it text": ("ALTER TABLE TABLE_ ADD moods MOOD[];", "same digest"),
    "another generated column": ("ALTER TABLE TABLE_ DROP twice;\n"
                                 "ALTER TABLE TABLE_ ADD thrice int GENERATED ALWAYS AS (base * 3) STORED;", "same digest"),
    "a generated column that stays": ("ALTER TABLE TABLE_ ALTER twice DROP EXPRESSION;", "same digest"),
    "besides a declared column": ("-- drydock: writes TABLE_(word)\n"
                                  "UPDATE TABLE_ SET word = 'x'; ALTER TABLE TABLE_ ALTER id TYPE bigint;", OTHERS),
    "a declared column alone": ("-- drydock: writes TABLE_(id)\nALTER TABLE TABLE_ ALTER id TYPE bigint USING id + 1;", OTHERS),
}

DIFFERENT = {
    "a wider integer and another value": "ALTER TABLE TABLE_ ALTER id TYPE bigint; UPDATE TABLE_ SET id = 100 WHERE id = 1;",
    "another value": "UPDATE TABLE_ SET id = 100 WHERE id = 1;",
    "digits that are lost": "ALTER TABLE TABLE_ ALTER amount TYPE numeric(6,1);",
    "digits that are added": "ALTER TABLE TABLE_ ALTER amount TYPE numeric(9,3);",
    "a time zone": "ALTER TABLE TABLE_ ALTER at TYPE timestamptz;",
    "a label of another name": "ALTER TYPE MOOD RENAME VALUE 'sad' TO 'unhappy';",
    "besides a declared column": "-- drydock: writes TABLE_(word)\n"
                                 "ALTER TABLE TABLE_ ALTER id TYPE bigint; UPDATE TABLE_ SET amount = 0 WHERE id = 1;",
    "besides a declared column, in binary": "-- drydock: writes TABLE_(word)\nUPDATE TABLE_ SET amount = 0 WHERE id = 1;",
}


def fill_in(sql, number):
    return sql.replace("TABLE_", f"t{number}").replace("MOOD", f"mood{number}")


def run_all(database, project, cases):
    """Makes a table for each case, applies a migration for each case in one run, and returns (done, proof by case)."""
    project.without_white_cross()
    for number, (case, sql) in enumerate(cases.items()):
        database.query(fill_in(CONTENT, number), user=beds.OWNER)
        project.add(f"case-{number}", fill_in(sql, number) + "\n")
    before = maintenance.as_in_service(database)
    done = project.run(database)
    report, = project.runs()
    report = json.loads((report / "report.json").read_text(encoding="utf-8"))
    tables = {table["name"]: table for table in report["data_proof"]["tables"]}
    return done, before, {case: tables[f"t{number}"] for number, case in enumerate(cases)}


def test_the_same_in_text(bed, project):
    done, _, proof = run_all(bed.empty("school"), project, {case: sql for case, (sql, _) in PROVEN.items()})
    assert done.code == 0, str(done)
    assert {case: table["how"] for case, table in proof.items()} == {case: how for case, (_, how) in PROVEN.items()}
    assert all(table["ok"] and table["rows_before"] == table["rows_after"] == 20 for table in proof.values())


def test_different(bed, project):
    school = bed.empty("school")
    done, before, proof = run_all(school, project, DIFFERENT)
    assert done.code == 7 and maintenance.as_in_service(school) == before, str(done)
    assert [case for case, table in proof.items() if table["ok"]] == []
    assert all("the content of its rows differs" in table["difference"] for table in proof.values())


def test_a_table_that_was_read_as_text(bed, project):
    """Its digest from before answers, whatever types it has now."""
    school = bed.empty("school")
    school.query("CREATE TYPE pair AS (a int, b text); CREATE TABLE pairs (id int, pair pair);"
                 " INSERT INTO pairs VALUES (1, '(1,x)')", user=beds.OWNER)
    project.without_white_cross()
    project.add("types", "ALTER TABLE pairs ALTER id TYPE bigint;\n")
    done = project.run(school)
    assert done.code == 0, str(done)
    report = json.loads((project.runs()[0] / "report.json").read_text(encoding="utf-8"))
    assert [table["how"] for table in report["data_proof"]["tables"]] == ["same digest"]

"""Whatever is changed in a snapshot is found, named, and not restored."""

import json
import os
import random
import shutil

import pytest

import content as contents

SMALL = """
CREATE TABLE ships (id integer PRIMARY KEY, name text, at timestamptz DEFAULT '2024-01-01 00:00+00');
ALTER TABLE ships ALTER name SET STORAGE PLAIN;
INSERT INTO ships (id, name) SELECT n, 'ship ' || md5(n::text) || repeat(' ', 5000) FROM generate_series(1, 400) n;
CREATE TABLE calls (ship integer REFERENCES ships, note text);
INSERT INTO calls SELECT n, repeat('call ' || n, 10) FROM generate_series(1, 300) n;
CREATE TABLE nothing (id integer);
CREATE SEQUENCE numbers;
SELECT setval('numbers', 77);
SELECT lo_from_bytea(900001, decode(repeat('00ff5a', 2000), 'hex')), lo_create(900002);
"""

PLACES = ("first", "last", "middle", "random", "random", "random")


@pytest.fixture(scope="module")
def original(_bed, _program, tmp_path_factory):
    """A small snapshot with tables in parts, binary and text, large objects, empty files."""
    database = _bed.empty("small")
    database.query(SMALL)
    folder = tmp_path_factory.mktemp("damage") / "snapshot"
    done = _program("snapshot", "--out", folder, "--split", "1MiB", "--jobs", "2", dsn=database.dsn("postgres"))
    assert done.code == 0, str(done)
    _bed.clear()
    return folder


@pytest.fixture
def damaged(original, tmp_path):
    return shutil.copytree(original, tmp_path / "damaged")


def check_found(drydock, folder, names, code=4):
    done = drydock("verify", "snapshot", folder)
    assert done.code == code, str(done)
    told = done.stdout + done.stderr
    for name in names:
        assert name in told, f"{name} is not named: {told}"
    return told


def check_refused(drydock, cluster, folder, code=4):
    """restore refuses and leaves nothing on the server."""
    before = contents.databases(cluster)
    done = drydock("restore", "--from", folder, "--database", "back", "--jobs", "2", dsn=cluster.dsn())
    assert done.code == code, str(done)
    assert contents.databases(cluster) == before, str(done)
    assert not cluster.query("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'drydock %'"
                             " AND application_name <> 'drydock tests'")
    return done.stdout + done.stderr


def names_of(folder):
    return sorted(path.name for path in folder.iterdir())


def flip(path, place, chance):
    """Changes one bit."""
    content = bytearray(path.read_bytes())
    at = {"first": 0, "last": len(content) - 1, "middle": len(content) // 2}.get(place, chance.randrange(len(content)))
    content[at] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def test_untouched(bed, drydock, original):
    done = drydock("verify", "snapshot", original)
    assert done.code == 0, str(done)
    assert oct(original.stat().st_mode & 0o777) == "0o700"
    for path in original.iterdir():
        assert path.is_file() and oct(path.stat().st_mode & 0o777) == "0o600", path
    done = drydock("restore", "--from", original, "--database", "back", dsn=bed.cluster.dsn())
    assert done.code == 0, str(done)


def test_flip_in_each_file(bed, drydock, original, tmp_path):
    """One bit, in each file, at several places: verify snapshot finds it and names the file."""
    chance = random.Random(4)
    for name in names_of(original):
        size = (original / name).stat().st_size
        for place in PLACES if size else ():
            folder = shutil.copytree(original, tmp_path / "flipped")
            flip(folder / name, place, chance)
            told = check_found(drydock, folder, ["manifest" if name == "manifest.json" else name])
            others = [other for other in names_of(original) if other not in (name, "manifest.json") and other in told]
            assert not others, f"{others} are named for {name} at {place}: {told}"
            shutil.rmtree(folder)


def test_restore_refuses_each_file(bed, drydock, original, tmp_path):
    chance = random.Random(5)
    for name in names_of(original):
        if not (original / name).stat().st_size:
            continue
        folder = shutil.copytree(original, tmp_path / "flipped")
        flip(folder / name, chance.choice(PLACES), chance)
        told = check_refused(drydock, bed.cluster, folder)
        assert ("manifest" if name == "manifest.json" else name) in told, f"{name} is not named: {told}"
        shutil.rmtree(folder)


def truncate(path):
    # A manifest without its last line feed says what it said.
    os.truncate(path, max(path.stat().st_size - (2 if path.name == "manifest.json" else 1), 0))


def empty(path):
    os.truncate(path, 0)


def extend(path):
    with open(path, "ab") as file:
        file.write(b"\0")


def double(path):
    """Two good frames one after the other are a good stream for zstd."""
    path.write_bytes(path.read_bytes() * 2)


@pytest.mark.parametrize("harm", [truncate, empty, extend, double, os.unlink])
def test_size_of_each_file(bed, drydock, original, tmp_path, harm):
    for number, name in enumerate(names_of(original)):
        size = (original / name).stat().st_size
        if not size and harm in (truncate, empty, double):
            continue
        folder = shutil.copytree(original, tmp_path / "harmed")
        harm(folder / name)
        # Without a manifest it is no snapshot: what it is then is for each command to say.
        if name == "manifest.json" and harm is os.unlink:
            assert drydock("verify", "snapshot", folder).code in (2, 4)
        else:
            check_found(drydock, folder, ["manifest" if name == "manifest.json" else name])
            if number % 3 == 0 or name in ("toc.dat", "manifest.json"):
                check_refused(drydock, bed.cluster, folder)
        shutil.rmtree(folder)


def add_file(folder):
    (folder / "9999.dat").write_bytes(b"1\n")
    return "9999.dat"


def add_folder(folder):
    (folder / "more").mkdir()
    return "more"


def add_link(folder):
    (folder / "9998.dat").symlink_to("/etc/passwd")
    return "9998.dat"


def add_pipe(folder):
    os.mkfifo(folder / "9997.dat")
    return "9997.dat"


def swap_for_link(folder):
    name = names_of(folder)[0]
    content = (folder / name).read_bytes()
    (folder.parent / "outside").write_bytes(content)
    (folder / name).unlink()
    (folder / name).symlink_to(folder.parent / "outside")
    return name


def swap_two(folder):
    one, two = [name for name in names_of(folder) if name.endswith(".dat.zst")][:2]
    a, b = (folder / one).read_bytes(), (folder / two).read_bytes()
    (folder / one).write_bytes(b)
    (folder / two).write_bytes(a)
    return one


@pytest.mark.parametrize("harm", [add_file, add_folder, add_link, add_pipe, swap_for_link, swap_two])
def test_other_files(bed, drydock, damaged, harm):
    name = harm(damaged)
    check_found(drydock, damaged, [name])
    check_refused(drydock, bed.cluster, damaged)


def edit_rows(manifest):
    manifest["digests"] = json.loads(json.dumps(manifest["digests"]).replace("400", "401"))


def edit_files(manifest):
    manifest["files"] = manifest["files"][1:]


def edit_name(manifest):
    manifest["files"][0]["name"] = "../../../etc/passwd"


def edit_size(manifest):
    manifest["files"][0]["size_bytes"] = -1


def edit_version(manifest):
    manifest["version"] = 99


def edit_sha(manifest):
    manifest["files"][0]["sha256"] = "0" * 64


def edit_owner(manifest):
    manifest["properties"]["owner"] = "postgres; DROP"


@pytest.mark.parametrize("edit", [edit_rows, edit_files, edit_name, edit_size, edit_version, edit_sha, edit_owner])
def test_edited_manifest(bed, drydock, damaged, edit):
    path = damaged / "manifest.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    edit(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    check_found(drydock, damaged, ["manifest"])
    check_refused(drydock, bed.cluster, damaged)


@pytest.mark.sanitized
def test_hostile_manifest(bed, drydock, damaged):
    """Not JSON, JSON of another shape, deep, huge numbers: words, not a crash."""
    path = damaged / "manifest.json"
    text = path.read_text(encoding="utf-8")
    for hostile in ("", "{", "null", "[]", "0", '"x"', "{}", "[" * 100000, text[:-20], text + "x", "\0" * 100,
                    text.replace('"files"', '"Files"'), text.replace("drydock-snapshot", "another"), '{"files": 1e999}',
                    '{"format": "drydock-snapshot", "version": 1, "files": {"a": 1}, "digests": []}'):
        path.write_text(hostile, encoding="utf-8")
        check_found(drydock, damaged, ["manifest"])
        check_refused(drydock, bed.cluster, damaged)


@pytest.mark.sanitized
def test_damage_with_right_digests(bed, drydock, original, tmp_path):
    """Who can write the manifest can write digests that fit: then the archive is still not believed."""
    import hashlib
    chance = random.Random(6)

    def seal(folder):
        document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for file in document["files"]:
            content = (folder / file["name"]).read_bytes()
            file["sha256"], file["size_bytes"] = hashlib.sha256(content).hexdigest(), len(content)
        del document["manifest_sha256"]
        line = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        document["manifest_sha256"] = hashlib.sha256(line).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(document), encoding="utf-8")

    for name in [name for name in names_of(original) if name not in ("manifest.json", "README.txt")] * 2:
        folder = shutil.copytree(original, tmp_path / "sealed")
        flip(folder / name, "random", chance) if (folder / name).stat().st_size else extend(folder / name)
        seal(folder)
        before = contents.databases(bed.cluster)
        done = drydock("restore", "--from", folder, "--database", "back", "--jobs", "2", dsn=bed.cluster.dsn())
        assert done.code >= 0, f"{name}: {done}"
        if done.code == 0:
            # A bit in the table of contents may mean nothing for the result.
            assert name == "toc.dat" or not name.endswith(".zst"), f"{name}: {done}"
            bed.cluster.query("DROP DATABASE back WITH (FORCE)")
        assert contents.databases(bed.cluster) == before, f"{name}: {done}"
        shutil.rmtree(folder)

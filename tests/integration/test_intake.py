"""What a restore may be given: every format in every wrapping, made with the real tools, as a file and on standard
input; and what must be refused, with nothing left behind.
"""

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster import clean_environment, program
from program import REPOSITORY

INTAKE = Path(os.environ.get("DRYDOCK_BIN", REPOSITORY / "build" / "dev" / "drydock")).parent / "tests" / "intake"

CONTENT = """
CREATE TABLE plain (id int PRIMARY KEY, note text);
INSERT INTO plain SELECT i, 'row ' || i FROM generate_series(1, 200) i;
CREATE TABLE "odd ""name" (b bytea);
INSERT INTO "odd ""name" SELECT decode(md5(i::text), 'hex') FROM generate_series(1, 50) i;
CREATE VIEW v AS SELECT count(*) FROM plain;
SELECT lo_from_bytea(0, decode(repeat('00ff', 9000), 'hex'));
SELECT lo_from_bytea(0, 'second');
"""

COMPRESSIONS = {
    "gzip": ["gzip", "-c"],
    "zstd": ["zstd", "-q", "-c"],
    "xz": ["xz", "-c"],
    "lz4": ["lz4", "-q", "-c"],
    "bzip2": ["bzip2", "-c"],
}

DESCRIPTIONS = {
    "custom": "a pg_dump custom archive",
    "directory": "a pg_dump directory archive",
    "tar": "a pg_dump tar archive",
    "plain": "a plain SQL script",
    "snapshot": "a snapshot of drydock",
}


def compress(how, data):
    return subprocess.run(COMPRESSIONS[how], input=data, capture_output=True, check=True).stdout


@dataclass
class Dumps:
    """One database in every format; what is in it as its dump says."""
    folder: Path
    content: str

    def path(self, name):
        return self.folder / name

    def bytes(self, name):
        return self.path(name).read_bytes()


@pytest.fixture(scope="module")
def dumps(cluster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dumps")
    cluster.query("CREATE DATABASE intake TEMPLATE template0")
    for statement in CONTENT.strip().split(";\n"):
        cluster.query(statement, database="intake")

    def dump(name, *options):
        subprocess.run([program("pg_dump"), "-d", cluster.dsn("intake"), "-f", folder / name, *options], check=True,
                       env=clean_environment())

    dump("custom", "-Fc")
    dump("directory", "-Fd")
    dump("tar", "-Ft")
    dump("plain", "-Fp")
    shutil.copytree(folder / "directory", folder / "snapshot")
    subprocess.run([INTAKE, "--seal", folder / "snapshot"], check=True)
    yield Dumps(folder, script(folder / "custom"))
    cluster.query("DROP DATABASE intake WITH (FORCE)")


def script(archive):
    """What pg_restore would run, without what names the archive."""
    done = subprocess.run([program("pg_restore"), "-f", "-", archive], capture_output=True, check=True)
    return [line for line in done.stdout.decode().splitlines() if "restrict " not in line]


@dataclass
class Taken:
    code: int
    error: str
    intake: dict


class Intake:
    """Opens archives; nothing may be left in the spool."""

    def __init__(self, folder):
        self.folder = folder
        self.spool = folder / "spool"
        self.spool.mkdir()

    def __call__(self, source, stdin=None, max_bytes=0, keep=False):
        command = [INTAKE, source, self.spool, str(max_bytes), *(["--keep"] if keep else [])]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)
        error = done.stderr.decode("utf-8", "replace")
        assert "Sanitizer" not in error and "runtime error" not in error, error
        if not keep:
            assert not list(self.spool.iterdir())
        return Taken(done.returncode, error, json.loads(done.stdout) if done.returncode == 0 else {})

    def file(self, data, name="given", **options):
        path = self.folder / name
        path.write_bytes(data)
        return self(path, **options)

    def refused(self, data, words, codes=(4,), **options):
        """As a file and on standard input."""
        for taken in (self.file(data, **options), self("-", stdin=data, **options)):
            assert taken.code in codes, taken
            assert words in taken.error, taken
        return taken

    def clear(self):
        for left in self.spool.iterdir():
            assert left.stat().st_mode & 0o777 == 0o700
            shutil.rmtree(left)


@pytest.fixture
def intake(tmp_path):
    return Intake(tmp_path)


def check(dumps, taken, kind, layers):
    """It is what it is, and what lies there is whole."""
    assert taken.code == 0, taken.error
    found = taken.intake
    assert found["description"] == "".join([DESCRIPTIONS[kind], *(f", in {layer}" for layer in layers)])
    path = Path(found["path"])
    if kind == "plain":
        assert found["kind"] == "script" and path.read_bytes() == dumps.bytes("plain")
    elif kind == "snapshot":
        assert found["kind"] == "snapshot" and found["database"] == "sealed"
        assert {p.name for p in path.iterdir()} == {p.name for p in dumps.path("snapshot").iterdir()}
    else:
        assert found["kind"] == "archive" and found["database"] == "intake"
        assert script(path) == dumps.content
    assert found["dump_version_num"] // 10000 == int(program("pg_dump").split("/")[-3])
    size = sum(p.stat().st_size for p in path.iterdir()) if path.is_dir() else path.stat().st_size
    assert found["size_bytes"] == size
    if found["spool"] is not None:
        for member in Path(found["spool"]).rglob("*"):
            assert member.stat().st_mode & 0o777 == (0o700 if member.is_dir() else 0o600)


def both(intake, data):
    """As a file and on standard input, one after the other; what was unpacked stays."""
    yield intake.file(data, keep=True)
    yield intake("-", stdin=data, keep=True)


def tar_of(folder):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.add(folder, arcname=".")
    return out.getvalue()


def tar_with(*files):
    """files: (name, bytes), or a TarInfo."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member in files:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def zip_with(*files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def members(folder):
    return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


def zip_of(folder):
    return zip_with(*members(folder))


# -- what is taken ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["custom", "tar", "plain", "directory", "snapshot"])
def test_bare(dumps, intake, kind):
    taken = intake(dumps.path(kind), keep=True)
    check(dumps, taken, kind, [])
    if kind != "tar":
        assert taken.intake["spool"] is None and taken.intake["path"] == str(dumps.path(kind))
    intake.clear()


@pytest.mark.parametrize("kind", ["custom", "tar", "plain"])
@pytest.mark.parametrize("how", [None, *COMPRESSIONS])
def test_compressed(dumps, intake, kind, how):
    data = dumps.bytes(kind) if how is None else compress(how, dumps.bytes(kind))
    layers = [] if how is None else [how]
    for taken in both(intake, data):
        check(dumps, taken, kind, layers)
        intake.clear()
    assert intake.file(data).code == 0  # and without --keep nothing stays


@pytest.mark.parametrize("kind", ["directory", "snapshot"])
@pytest.mark.parametrize("how", [None, *COMPRESSIONS])
@pytest.mark.parametrize("command", ["inside", "beside", "deep", "files"])
def test_folder_in_a_tar(dumps, intake, tmp_path, kind, how, command):
    arguments = {
        "inside": ["-C", dumps.path(kind), "."],
        "beside": ["-C", dumps.folder, kind],
        "deep": ["-C", dumps.folder.parent, f"{dumps.folder.name}/{kind}"],
        "files": ["-C", dumps.path(kind), *(p.name for p in dumps.path(kind).iterdir())],
    }[command]
    data = subprocess.run(["tar", "-cf", "-", *arguments], capture_output=True, check=True).stdout
    if how is not None:
        data = compress(how, data)
    layers = ["tar", *([how] if how else [])]
    for taken in both(intake, data):
        check(dumps, taken, kind, layers)
        intake.clear()


@pytest.mark.parametrize("kind", ["directory", "snapshot"])
@pytest.mark.parametrize("level", ["-0", "-9"])
def test_folder_in_a_zip(dumps, intake, tmp_path, kind, level):
    subprocess.run(["zip", "-q", "-r", level, tmp_path / "a.zip", kind], cwd=dumps.folder, check=True)
    subprocess.run(["zip", "-q", "-j", level, tmp_path / "b.zip", *dumps.path(kind).iterdir()], check=True)
    for name in ("a.zip", "b.zip"):
        for taken in both(intake, (tmp_path / name).read_bytes()):
            check(dumps, taken, kind, ["zip"])
            intake.clear()


@pytest.mark.parametrize("kind", ["custom", "tar", "plain"])
@pytest.mark.parametrize("container", ["zip", "tar"])
@pytest.mark.parametrize("how", [None, "gzip", "zstd"])
def test_single_member(dumps, intake, kind, container, how):
    data = dumps.bytes(kind) if how is None else compress(how, dumps.bytes(kind))
    data = (zip_with if container == "zip" else tar_with)(("Dümp of yesterday.bak", data))
    for taken in both(intake, data):
        check(dumps, taken, kind, [*([how] if how else []), container])
        intake.clear()


def test_concatenated_and_parallel_compressors(dumps, intake):
    data = dumps.bytes("plain")
    for how in COMPRESSIONS:
        taken = intake.file(compress(how, data[:1000]) + compress(how, data[1000:]), keep=True)
        check(dumps, taken, "plain", [how])
        intake.clear()


def test_custom_archives_of_every_kind(dumps, intake, cluster, tmp_path):
    for n, options in enumerate((["-s"], ["-a"], ["--section=pre-data"], ["--section=data"], ["--section=post-data"],
                                 ["-Z0"], ["-Z9"], ["-t", "plain"])):
        path = tmp_path / f"custom{n}"
        subprocess.run([program("pg_dump"), "-d", cluster.dsn("intake"), "-Fc", "-f", path, *options], check=True)
        assert intake(path).code == 0, options
        piped = subprocess.run([program("pg_dump"), "-d", cluster.dsn("intake"), "-Fc", *options], check=True,
                               capture_output=True).stdout
        assert intake("-", stdin=piped).code == 0, options


def test_a_link_to_an_archive_is_followed(dumps, intake, tmp_path):
    (tmp_path / "latest").symlink_to(dumps.path("custom"))
    assert intake(tmp_path / "latest").code == 0


def test_create_script_names_its_database(dumps, intake, cluster):
    plain = subprocess.run([program("pg_dump"), "-d", cluster.dsn("intake"), "-C"], check=True,
                           capture_output=True).stdout
    assert intake("-", stdin=plain).intake["database"] == "intake"


# -- what is no dump -------------------------------------------------------------------------------


@pytest.mark.parametrize("data, words", [
    (b"", "empty"),
    (b"age-encryption.org/v1\n-> X25519 abc\n", "encrypted with age"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----\nabc\n", "encrypted with age"),
    (b"-----BEGIN PGP MESSAGE-----\n", "encrypted"),
    (b"<html><body>404</body></html>", "does not begin as SQL"),
    (b'{"json": true}', "does not begin as SQL"),
    (b"-- MySQL dump 10.13\n\nCREATE TABLE `a` (b int);\n", "MySQL"),
    (b"--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE a;\n", "pg_dumpall"),
    ("SELECT 1;".encode("utf-16"), "UTF-16"),
    (b"\x7fELF\x02\x01\x01\0\0\0\0", "nothing that can be restored"),
    (b"SELECT 1;\0SELECT 2;", "nothing that can be restored"),
    (b"\0" * 4096, "nothing that can be restored"),
])
def test_what_cannot_be_restored(intake, data, words):
    intake.refused(data, words, codes=(2,))
    if data:
        intake.refused(gzip.compress(data), words, codes=(2,))
    intake.refused(zip_with(("a", data)), words, codes=(2,))


def test_files_that_are_not_there(intake, tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("nothing", "empty"):
        assert intake(tmp_path / name).code == 2
    assert intake("/dev/null").code == 2


def test_the_table_of_contents_alone(dumps, intake):
    taken = intake(dumps.path("directory") / "toc.dat")
    assert taken.code == 2 and "folder" in taken.error


@pytest.mark.parametrize("inner", COMPRESSIONS)
@pytest.mark.parametrize("outer", COMPRESSIONS)
def test_compressed_twice(dumps, intake, inner, outer):
    intake.refused(compress(outer, compress(inner, dumps.bytes("plain"))), "compressed twice", codes=(2,))


def test_archives_in_archives(dumps, intake):
    once = tar_with(("a.bak", dumps.bytes("plain")))
    twice = tar_with(("b.bak", once))
    assert intake.file(twice).code == 0
    intake.refused(tar_with(("c.bak", twice)), "in an archive in an archive", codes=(2,))


# -- hostile ---------------------------------------------------------------------------------------

NAMES = {
    "../toc.dat": "upwards",
    "a/../../toc.dat": "upwards",
    "a/..": "upwards",
    "/etc/toc.dat": "absolute",
    "C:toc.dat": "drive",
    "..\\toc.dat": "backslash",
    "toc.dat\x07": "control character",
    "a\nb/toc.dat": "control character",
    "x" * 300: "too long",
}


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names(dumps, intake, name):
    data = dumps.bytes("plain")
    taken = intake.refused(tar_with((name, data)), NAMES[name])
    assert "\x07" not in taken.error
    if len(name) < 300:
        # libarchive takes the backslashes of a zip for slashes.
        intake.refused(zip_with((name, data)), "upwards" if "\\" in name else NAMES[name])
    assert not Path("/etc/toc.dat").exists()


@pytest.mark.parametrize("kind, words", [
    (tarfile.SYMTYPE, "symbolic link"), (tarfile.LNKTYPE, "link"), (tarfile.CHRTYPE, "no regular file"),
    (tarfile.BLKTYPE, "no regular file"), (tarfile.FIFOTYPE, "no regular file"),
])
def test_what_is_no_file(dumps, intake, kind, words):
    link = tarfile.TarInfo("toc.dat")
    link.type = kind
    link.linkname = "/etc/passwd"
    intake.refused(tar_with(link, *members(dumps.path("directory"))), words)
    intake.refused(tar_with(*members(dumps.path("directory")), link), words)


def test_links_in_a_zip(intake):
    info = zipfile.ZipInfo("toc.dat")
    info.create_system = 3
    info.external_attr = 0o120777 << 16
    intake.refused(zip_with((info, "/etc/passwd")), "symbolic link")


@pytest.mark.parametrize("make", [tar_with, zip_with])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_sets_of_members(dumps, intake, make):
    files = members(dumps.path("directory"))
    intake.refused(make(*files, files[0]), "two members of the name")
    intake.refused(make(*files, ("run-me.sh", b"#!/bin/sh\n")), "neither part of a dump")
    intake.refused(make(("run-me.sh", b"#!/bin/sh\n"), *files), "neither part of a dump")
    intake.refused(make(("a.sql", b"SELECT 1;"), ("b.sql", b"SELECT 2;")), "neither part of a dump")
    intake.refused(make(*files, ("sub/9999.dat", b"")), "another folder")
    intake.refused(make(("sub/9999.dat", b""), *files), "another folder")
    without = [file for file in files if file[0] != "toc.dat"]
    intake.refused(make(*without), "no toc.dat", codes=(2,))
    missing = [file for file in files if not file[0][0].isdigit()]
    intake.refused(make(*missing), "is missing")
    intake.refused(make(*(f for f in files if f != files[-1])), "", codes=(2, 4))


def test_folders_among_the_members(dumps, intake):
    folder = tarfile.TarInfo("directory/sub")
    folder.type = tarfile.DIRTYPE
    files = [("directory/" + name, data) for name, data in members(dumps.path("directory"))]
    intake.refused(tar_with(*files, folder), "folder")
    intake.refused(tar_with(folder, *files), "folder")


def test_snapshot_with_more_or_less_than_its_manifest_lists(dumps, intake):
    files = members(dumps.path("snapshot"))
    intake.refused(tar_with(*files, ("9999.dat", b"")), "does not list it")
    intake.refused(tar_with(*(f for f in files if not f[0].startswith("blob_"))), "missing")
    longer = [(name, data + b"x" if name[0].isdigit() else data) for name, data in files]
    intake.refused(tar_with(*longer), "another size")
    changed = [(name, data.replace(b'"sealed"', b'"forged"') if name == "manifest.json" else data)
               for name, data in files]
    intake.refused(tar_with(*changed), "changed")


def test_names_in_the_table_of_contents(dumps, intake, tmp_path):
    """pg_restore opens what toc.dat and blobs.toc name."""
    files = dict(members(dumps.path("directory")))
    number = next(name for name in files if name[0].isdigit()).split(".")[0]
    evil = files["toc.dat"].replace(f"{number}.dat".encode(), b"../" + b"a" * (len(number) + 1))
    assert evil != files["toc.dat"]
    intake.refused(tar_with(*{**files, "toc.dat": evil}.items()), "")
    blobs = files["blobs.toc"].split(b" ")[0] + b" ../../../../etc/passwd\n"
    intake.refused(tar_with(*{**files, "blobs.toc": blobs}.items()), "no large object")


def test_symlinks_in_a_folder(dumps, intake, tmp_path):
    shutil.copytree(dumps.path("directory"), tmp_path / "linked")
    path = next(p for p in (tmp_path / "linked").iterdir() if p.name[0].isdigit())
    path.unlink()
    path.symlink_to("/etc/passwd")
    taken = intake(tmp_path / "linked")
    assert taken.code == 4 and "no regular file" in taken.error


def test_bombs(intake):
    zeros = b"SELECT 1;\n" * 2_000_000
    for data in (gzip.compress(zeros), compress("xz", zeros), zip_with(("a.sql", zeros)),
                 compress("zstd", tar_with(("1.dat", zeros)))):
        intake.refused(data, "more than", max_bytes=1_000_000)
    intake.refused(tar_with(*((f"{n}.dat", b"") for n in range(500))), "more than", max_bytes=1_000_000)


def test_declared_sizes(dumps, intake):
    """A header that claims 8 EiB, with nothing behind it, and one that claims a little more than is there."""
    info = tarfile.TarInfo("toc.dat")
    info.size = 2 ** 62
    huge = info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 10240
    for taken in (intake.file(huge), intake("-", stdin=huge)):
        assert taken.code in (1, 4) and ("no room" in taken.error or "torn" in taken.error)
    info.size = 100_000
    intake.refused(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 10240, "torn")


def test_sparse_members(intake, tmp_path):
    with open(tmp_path / "toc.dat", "wb") as file:
        file.truncate(1 << 30)
    subprocess.run(["tar", "-S", "-cf", "s.tar", "toc.dat"], cwd=tmp_path, check=True)
    intake.refused((tmp_path / "s.tar").read_bytes(), "sparse")


def test_encrypted_zip(intake, tmp_path):
    (tmp_path / "a.sql").write_text("SELECT 1;")
    subprocess.run(["zip", "-q", "-P", "secret", "e.zip", "a.sql"], cwd=tmp_path, check=True)
    intake.refused((tmp_path / "e.zip").read_bytes(), "encrypted")


# -- torn and damaged ------------------------------------------------------------------------------


def positions(size, count):
    """From the first byte to the last but one."""
    return sorted({*range(min(size, 12)), *(size * i // count for i in range(count)), size - 1, size - 2})


def small(dumps):
    """Everything that has an end of its own, each as small as it gets."""
    plain = dumps.bytes("plain")
    yield "custom", dumps.bytes("custom")
    yield "tar", dumps.bytes("tar")
    yield "plain", plain
    for how in COMPRESSIONS:
        yield how, compress(how, plain)
    yield "tar.gz", compress("gzip", tar_of(dumps.path("directory")))
    yield "tar of a folder", tar_of(dumps.path("directory"))
    yield "zip", zip_of(dumps.path("directory"))


def test_torn_at_any_byte(dumps, intake):
    """Standard input sees the same reader; a file is cheaper."""
    for name, data in small(dumps):
        for at in positions(len(data), 15):
            taken = intake.file(data[:at])
            # The zeros at the end of a tar are filling behind its end mark.
            if name.startswith("tar") and not data[at:].strip(b"\0") and taken.code == 0:
                continue
            # Of a beginning of a few bytes nobody can say what it was to be; SQL may be cut behind its last line.
            if name == "plain" and at > len(data) - 200 and taken.code == 0:
                assert b"dump complete" in data[:at]
                continue
            assert taken.code == 4 or (taken.code == 2 and at < 600), (name, at, len(data), taken)


def test_followed_by_something(dumps, intake):
    for name, data in small(dumps):
        if name not in ("plain", "zip"):
            intake.refused(data + b"something", "", codes=(4,))


@pytest.mark.parametrize("name", [*COMPRESSIONS, "tar.gz", "zip"])
def test_flipped_bits(dumps, intake, name):
    """What has a checksum is found damaged, or the flip was in what does not matter."""
    data = dict(small(dumps))[name]
    whole = intake.file(data, keep=True).intake
    expected = content(whole["path"])
    intake.clear()
    unharmed = 0
    for at in positions(len(data), 30):
        flipped = bytearray(data)
        flipped[at] ^= 1 << (at % 8)
        taken = intake.file(bytes(flipped), keep=True)
        if taken.code == 0:
            unharmed += 1
            assert content(taken.intake["path"]) == expected, at
        else:
            assert taken.code in (2, 4), (at, taken)
        if taken.code != 0:
            assert not list(intake.spool.iterdir())
        intake.clear()
    assert unharmed < 12


def content(path):
    path = Path(path)
    return {p.name: p.read_bytes() for p in path.iterdir()} if path.is_dir() else path.read_bytes()


def test_flipped_bits_of_a_custom_archive_do_no_harm(dumps, intake):
    """It has no checksum of its own: refused, or read as it stands."""
    data = dumps.bytes("custom")
    for at in positions(len(data), 50):
        flipped = bytearray(data)
        flipped[at] ^= 1 << (at % 8)
        assert intake.file(bytes(flipped)).code in (0, 2, 3, 4), at


def test_a_signal_ends_the_wait_for_standard_input(intake):
    process = subprocess.Popen([INTAKE, "-", intake.spool, "0"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(gzip.compress(b"SELECT 1;\n" * 100_000)[:500])
    process.stdin.flush()
    process.terminate()
    assert process.wait(20) == 128 + 15 or process.returncode == -15
    process.communicate()
    assert not list(intake.spool.iterdir())

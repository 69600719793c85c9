"""Encryption: what drydock writes is read by age, and what age writes is read by drydock."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from program import REPOSITORY

OURS = Path(os.environ.get("DRYDOCK_BIN", REPOSITORY / "build" / "dev" / "drydock")).parent / "tests" / "age"
CHUNK = 65536
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 8 * CHUNK, 8 * CHUNK + 1, 4194305, 20000000]
PASSPHRASE = b"correct horse battery staple"


def run(*command, expect=0):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == expect, done.stderr
    return done


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two key files and their recipients."""
    folder = tmp_path_factory.mktemp("keys")
    pairs = []
    for name in ("one", "two"):
        run("age-keygen", "-o", folder / name)
        pairs.append((folder / name, run("age-keygen", "-y", folder / name).stdout.strip()))
    return pairs


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contents")
    everything = os.urandom(max(SIZES))
    for size in SIZES:
        (folder / str(size)).write_bytes(everything[:size])
    return folder


def test_age_reads_what_is_written(tmp_path, keys, contents):
    for size in SIZES:
        file = tmp_path / f"{size}.age"
        run(OURS, "encrypt", contents / str(size), file, keys[0][1], keys[1][1])
        for identity, _ in keys:
            out = subprocess.run(["age", "-d", "-i", identity, file], capture_output=True, check=True).stdout
            assert out == (contents / str(size)).read_bytes(), size


def test_what_age_writes_is_read(tmp_path, keys, contents):
    for size in SIZES:
        file, out = tmp_path / f"{size}.age", tmp_path / f"{size}"
        run("age", "-r", keys[0][1], "-r", keys[1][1], "-o", file, contents / str(size))
        run(OURS, "decrypt", file, out, keys[1][0])
        assert out.read_bytes() == (contents / str(size)).read_bytes(), size


def at_terminal(*command, answers):
    """Runs a program that asks at its terminal: words that it asks with, and what is answered."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], [str(word) for word in command])
    said = b""
    for question, answer in answers:
        while question not in said:
            said += os.read(terminal, 1000)
        said = b""
        os.write(terminal, answer + b"\n")
    try:
        while os.read(terminal, 1000):
            pass
    except OSError:
        pass  # its end
    os.close(terminal)
    assert os.waitpid(child, 0)[1] == 0


def test_a_passphrase_of_age_opens(tmp_path, contents):
    file, passphrase = tmp_path / "file.age", tmp_path / "passphrase"
    passphrase.write_bytes(PASSPHRASE + b"\n")
    at_terminal("age", "-p", "-o", file, contents / str(CHUNK + 1),
                answers=[(b"Enter passphrase", PASSPHRASE), (b"Confirm passphrase", PASSPHRASE)])
    run(OURS, "decrypt", file, tmp_path / "out", "-", passphrase)
    assert (tmp_path / "out").read_bytes() == (contents / str(CHUNK + 1)).read_bytes()


def test_another_key_and_armour_are_refused(tmp_path, keys, contents):
    file, armoured = tmp_path / "file.age", tmp_path / "armoured.age"
    run("age", "-r", keys[0][1], "-o", file, contents / "1")
    run("age", "-a", "-r", keys[0][1], "-o", armoured, contents / "1")
    assert "no identity" in run(OURS, "decrypt", file, tmp_path / "out", keys[1][0], expect=2).stderr
    assert "armoured" in run(OURS, "decrypt", armoured, tmp_path / "out", keys[0][0], expect=4).stderr
    assert not (tmp_path / "out").exists()


def test_damage_that_age_refuses_is_refused(tmp_path, keys, contents):
    run(OURS, "encrypt", contents / "4194305", tmp_path / "file.age", keys[0][1])
    whole = (tmp_path / "file.age").read_bytes()
    sealed, chunks = CHUNK + 16, len(whole) - 65 * 16 - 4194305
    swapped = bytearray(whole)
    swapped[chunks:chunks + sealed], swapped[chunks + sealed:chunks + 2 * sealed] = (
        whole[chunks + sealed:chunks + 2 * sealed], whole[chunks:chunks + sealed])
    flipped = bytearray(whole)
    flipped[3000000] ^= 4
    for name, damaged in {"torn": whole[:3000000], "torn between chunks": whole[:chunks + 10 * sealed],
                          "without its last chunk": whole[:chunks + 64 * sealed], "flipped": flipped,
                          "swapped": swapped, "appended to": whole + b"more", "twice": whole + whole}.items():
        (tmp_path / "damaged").write_bytes(damaged)
        run("age", "-d", "-i", keys[0][0], "-o", tmp_path / "theirs", tmp_path / "damaged", expect=1)
        run(OURS, "decrypt", tmp_path / "damaged", tmp_path / "ours", keys[0][0], expect=4)
        assert not (tmp_path / "ours").exists(), name

"""drydock snapshot --out FILE.tar[.age]: the folder as one file, encrypted or not, written while rows are being read;
what is in it for age, tar and pg_restore; the ways back from it; and that damage is refused before anything is
restored."""

import os
import shutil
import subprocess
import tarfile

import pytest

from cluster import SUPERUSER
from content import databases
from maintenance import wait_until
from radosgw import KEY, SECRET
from snapshots import manifest_of, pg_restore, stock_copy

CHUNK = 65536


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """A file with a secret key, and the public one."""
    path = tmp_path_factory.mktemp("keys") / "key.txt"
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    return path, subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def source(white_cross):
    return white_cross("white_cross", students=100)


def take(drydock, source, out, *more):
    done = drydock("snapshot", "--out", out, "--split", "1MiB", *more, dsn=source.dsn(SUPERUSER))
    assert done.code == 0, str(done)
    return done


@pytest.fixture
def encrypted(drydock, source, key, tmp_path):
    take(drydock, source, tmp_path / "white_cross.tar.age", "--recipient", key[1])
    return tmp_path / "white_cross.tar.age"


def test_age_tar_and_pg_restore_bring_it_back(drydock, cluster, bed, source, encrypted, key, tmp_path):
    assert sorted(os.listdir(tmp_path)) == ["white_cross.tar.age"]
    assert encrypted.stat().st_mode & 0o777 == 0o600
    subprocess.run(f"set -o pipefail; age -d -i '{key[0]}' '{encrypted}' | tar -x -C '{tmp_path}'", shell=True, check=True,
                   executable="/bin/bash")
    folder = tmp_path / "snapshot"
    assert drydock("verify", "snapshot", folder).code == 0
    assert folder.stat().st_mode & 0o777 == 0o700
    back = bed.empty("back")
    done = pg_restore(cluster, stock_copy(folder, tmp_path), "--exit-on-error", "--jobs=4", database="back")
    assert done.returncode == 0, done.stderr
    assert back.content() == source.content()
    assert manifest_of(folder)["database"] == "white_cross"


def test_it_is_restored_rehearsed_and_verified(drydock, cluster, source, encrypted, key, project):
    done = drydock("verify", "snapshot", encrypted, "--identity", key[0], "--json")
    assert done.code == 0 and done.json()["files"] > 5, str(done)
    done = drydock("restore", "--from", encrypted, "--identity", key[0], "--database", "back", "--json",
                   dsn=cluster.dsn("postgres", SUPERUSER))
    assert done.code == 0, str(done)
    project.add("anything", "CREATE TABLE anything (id int);")
    done = drydock("rehearse", "--from", encrypted, "--identity", key[0], "--migrations", project.migrations,
                   dsn=source.dsn(SUPERUSER))
    assert done.code == 0, str(done)


def test_a_plain_tar_is_the_same_without_a_key(drydock, cluster, source, tmp_path):
    out = tmp_path / "white_cross.tar"
    done = take(drydock, source, out, "--json")
    assert done.json()["size_bytes"] == out.stat().st_size
    with tarfile.open(out) as tar:
        names = tar.getnames()
        assert names[0] == "snapshot" and names[-1] == "snapshot/manifest.json"
        assert tar.getmember("snapshot/toc.dat").mode == 0o600
    assert drydock("verify", "snapshot", out).code == 0
    done = drydock("restore", "--from", out, "--database", "back", dsn=cluster.dsn("postgres", SUPERUSER))
    assert done.code == 0, str(done)


def test_standard_input_and_a_key_from_a_pipe(drydock, cluster, encrypted, key):
    """The key never lies on the disk of this host."""
    command = drydock.command("restore", "--from", "-", "--identity", "/dev/fd/9", "--database", "back",
                              dsn=cluster.dsn("postgres", SUPERUSER))
    quoted = " ".join(f"'{word}'" for word in command)
    done = subprocess.run(["/bin/bash", "-c", f"{quoted} 9< <(cat '{key[0]}') < '{encrypted}'"], capture_output=True,
                          text=True, env=drydock.environment(), timeout=60)
    assert done.returncode == 0, done.stderr


def test_other_archives_may_be_encrypted(drydock, cluster, source, key, tmp_path):
    for name, make in {"dump": "-Fc", "sql": "-Fp"}.items():
        archive = tmp_path / f"{name}.age"
        subprocess.run(f"set -o pipefail; pg_dump {make} -d '{source.dsn(SUPERUSER)}' | gzip | age -r {key[1]} > '{archive}'",
                       shell=True, check=True, executable="/bin/bash")
        done = drydock("restore", "--from", archive, "--identity", key[0], "--database", f"back_{name}",
                       dsn=cluster.dsn("postgres", SUPERUSER))
        assert done.code == 0, str(done)


def test_without_the_key_nothing_is_restored(drydock, cluster, encrypted, tmp_path):
    before = databases(cluster)
    other = tmp_path / "other.txt"
    subprocess.run(["age-keygen", "-o", other], check=True, capture_output=True)
    restore = ["restore", "--from", encrypted, "--database", "back"]
    for arguments, says in ((restore, "encrypted with age"), (restore + ["--identity", other], "no identity"),
                            (["verify", "snapshot", encrypted], "encrypted with age"),
                            (["verify", "snapshot", encrypted, "--identity", other], "no identity"),
                            (restore + ["--identity", encrypted], "no secret key")):
        done = drydock(*arguments, dsn=cluster.dsn("postgres", SUPERUSER))
        assert done.code == 2 and says in done.stderr and "AGE-SECRET" not in done.stderr, str(done)
    assert databases(cluster) == before


def test_damage_is_refused_before_anything_is_restored(drydock, cluster, encrypted, key, tmp_path):
    before, whole = databases(cluster), encrypted.read_bytes()
    payload = whole.index(b"\n---") + 49 + 16
    sealed = CHUNK + 16
    assert len(whole) > payload + 3 * sealed
    flipped = bytearray(whole)
    flipped[len(whole) - 40] ^= 1
    swapped = (whole[:payload] + whole[payload + sealed:payload + 2 * sealed] + whole[payload:payload + sealed]
               + whole[payload + 2 * sealed:])
    for name, damaged in {"torn": whole[:-100000], "torn between chunks": whole[:payload + 2 * sealed],
                          "flipped": bytes(flipped), "swapped": swapped, "appended to": whole + b"\0" * 1024}.items():
        path = tmp_path / "damaged.tar.age"
        path.write_bytes(damaged)
        for command in (["restore", "--database", "back", "--from"], ["verify", "snapshot"]):
            done = drydock(*command, path, "--identity", key[0], dsn=cluster.dsn("postgres", SUPERUSER))
            assert done.code == 4 and "damaged.tar.age" in done.stderr, f"{name}: {done}"
    assert databases(cluster) == before


def harm_content(folder):
    path = max(folder.glob("*.zst"), key=lambda each: each.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path.name


def harm_missing(folder):
    (folder / "toc.dat").unlink()
    return "toc.dat"


def harm_extra(folder):
    (folder / "1.dat.zst").write_bytes(b"")
    return "1.dat.zst"


def harm_manifest(folder):
    (folder / "manifest.json").unlink()
    return "manifest.json"


def test_a_tar_with_another_content_is_found(drydock, source, tmp_path):
    """Whoever has the public key may encrypt: what the tar holds is compared with its manifest."""
    out = tmp_path / "white_cross.tar"
    take(drydock, source, out)
    for harm in (harm_content, harm_missing, harm_extra, harm_manifest):
        shutil.rmtree(tmp_path / "snapshot", ignore_errors=True)
        subprocess.run(["tar", "-xf", out, "-C", tmp_path], check=True)
        name = harm(tmp_path / "snapshot")
        subprocess.run(["tar", "-cf", tmp_path / "harmed.tar", "-C", tmp_path, "snapshot"], check=True)
        done = drydock("verify", "snapshot", tmp_path / "harmed.tar")
        assert done.code == 4 and name in done.stderr, str(done)
    subprocess.run(["tar", "-rf", out, "-C", tmp_path, "snapshot/README.txt"], check=True)
    done = drydock("verify", "snapshot", out)
    assert done.code == 4 and "two members" in done.stderr, str(done)


def test_options_that_do_not_fit_are_refused(drydock, source, key, tmp_path):
    """Nobody takes an open file for an encrypted one."""
    for out, more, says in (("a.tar.age", [], "--recipient"), ("a.tar", ["--recipient", key[1]], ".tar.age"),
                            ("a", ["--recipient", key[1]], ".tar.age"),
                            ("a.tar.age", ["--recipient", "age1nonsense"], "no public key")):
        done = drydock("snapshot", "--out", tmp_path / out, *more, dsn=source.dsn(SUPERUSER))
        assert done.code == 2 and says in done.stderr, str(done)
    (tmp_path / "there.tar").write_text("mine")
    done = drydock("snapshot", "--out", tmp_path / "there.tar", dsn=source.dsn(SUPERUSER))
    assert done.code == 1 and (tmp_path / "there.tar").read_text() == "mine", str(done)
    assert os.listdir(tmp_path) == ["there.tar"]


def test_a_store_takes_it_and_gives_it_back(drydock, cluster, source, key, bucket, tmp_path):
    """No file of it is ever on this host; without its end there is no object."""
    aws = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "HOME": "/nonexistent", "TMPDIR": str(tmp_path)}
    url = bucket.url("off%20site/white%20cross.tar.age")
    done = drydock("snapshot", "--out", url, "--recipient", key[1], dsn=source.dsn(SUPERUSER),
                   env={**aws, "DRYDOCK_FAILPOINT": "snapshot.before_manifest=kill"})
    assert done.code != 0 and not bucket.keys(), str(done)
    done = drydock("snapshot", "--out", url, "--recipient", key[1], dsn=source.dsn(SUPERUSER), env=aws)
    assert done.code == 0, str(done)
    assert list(bucket.keys()) == ["off site/white cross.tar.age"] and os.listdir(tmp_path) == []
    again = drydock("snapshot", "--out", url, "--recipient", key[1], dsn=source.dsn(SUPERUSER), env=aws)
    assert again.code == 1 and "exists already" in again.stderr, str(again)
    done = drydock("verify", "snapshot", url, "--identity", key[0], env=aws)
    assert done.code == 0, str(done)
    done = drydock("restore", "--from", url, "--identity", key[0], "--database", "back",
                   dsn=cluster.dsn("postgres", SUPERUSER), env=aws)
    assert done.code == 0, str(done)


def test_what_a_run_publishes_is_encrypted(drydock, source, project, key):
    """To the recipients of the policy; nothing of it is beside that, and it is the run's snapshot."""
    with open(project.folder / "policy.yaml", "a", encoding="utf-8") as policy:
        policy.write(f"encrypt: {{ recipients: [{key[1]}] }}\n")
    project.add("anything", "CREATE TABLE anything (id int);")
    done = project.run(source)
    assert done.code == 0, str(done)
    run = project.runs()[-1]
    place = project.published / "white_cross" / run.name
    assert sorted(os.listdir(place)) == ["audit.jsonl", "report.json", "report.txt", "snapshot.tar.age"]
    assert drydock("verify", "snapshot", place / "snapshot.tar.age", "--identity", key[0]).code == 0
    out = subprocess.run(f"age -d -i '{key[0]}' '{place}/snapshot.tar.age' | tar -xO snapshot/manifest.json", shell=True,
                         check=True, capture_output=True).stdout
    assert out == (run / "snapshot" / "manifest.json").read_bytes()


@pytest.mark.parametrize("point", ["publish.put.intent", "publish.put.acted"])
def test_a_run_that_died_publishing_has_one_copy(drydock, source, project, key, point):
    with open(project.folder / "policy.yaml", "a", encoding="utf-8") as policy:
        policy.write(f"encrypt: {{ recipients: [{key[1]}] }}\non_crash: continue\n")
    project.add("anything", "CREATE TABLE anything (id int);")
    done = project.run(source, env={"DRYDOCK_FAILPOINT": f"{point}=kill"})
    assert done.code != 0, str(done)
    done = project.drydock("recover", "--policy", project.folder / "policy.yaml", "--state", project.state,
                           dsn=source.dsn(SUPERUSER))
    assert done.code in (0, 7), str(done)
    copies = list(project.published.rglob("snapshot*"))
    assert len(copies) <= 1, copies
    for copy in copies:
        assert drydock("verify", "snapshot", copy, "--identity", key[0]).code == 0


def test_a_folder_may_be_a_store(drydock, source, tmp_path):
    for path, code in (("white_cross.tar", 0), ("white_cross", 2), ("absent/white_cross.tar", 2)):
        done = drydock("snapshot", "--out", f"file://{tmp_path}/{path}", dsn=source.dsn(SUPERUSER))
        assert done.code == code, str(done)
    assert os.listdir(tmp_path) == ["white_cross.tar"]
    assert drydock("verify", "snapshot", f"file://{tmp_path}/white_cross.tar").code == 0
    done = drydock("verify", "snapshot", f"file://{tmp_path}/other.tar")
    assert done.code != 0 and "other.tar" in done.stderr, str(done)


def test_parts_are_shipped_while_others_are_read(drydock, source, key, tmp_path):
    """No second copy: once a file is in the tar it is not on the disk any more."""
    out, log = tmp_path / "white_cross.tar.age", tmp_path / "points"
    source.query("CREATE TABLE large AS SELECT n, md5(n::text) AS text FROM generate_series(1, 60000) n", user=SUPERUSER)
    done = drydock("snapshot", "--out", out, "--split", "1MiB", "--jobs", "1", "--recipient", key[1],
                   dsn=source.dsn(SUPERUSER), env={"DRYDOCK_FAILPOINT_LOG": str(log),
                                                   "DRYDOCK_FAILPOINT": "snapshot.part=sleep:50"})
    assert done.code == 0, str(done)
    points = log.read_text().split()
    parts_left = points[points.index("snapshot.shipped"):].count("snapshot.part")
    assert parts_left > 3, points


@pytest.mark.parametrize("point", ["snapshot.part", "snapshot.shipped", "snapshot.before_rename"])
def test_killed_it_leaves_no_file_and_can_be_repeated(drydock, source, key, tmp_path, point):
    out = tmp_path / "white_cross.tar.age"
    done = drydock("snapshot", "--out", out, "--recipient", key[1], dsn=source.dsn(SUPERUSER),
                   env={"DRYDOCK_FAILPOINT": f"{point}=kill"})
    assert done.code < 0 or done.code > 128, str(done)
    assert not out.exists()
    wait_until(lambda: not source.query("SELECT FROM pg_stat_activity WHERE application_name LIKE 'drydock%'"))
    take(drydock, source, out, "--recipient", key[1])
    assert os.listdir(tmp_path) == [out.name]
    assert drydock("verify", "snapshot", out, "--identity", key[0]).code == 0


def test_a_full_disk_ends_it_and_leaves_nothing(drydock, source, key, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    room = tmp_path / "room"
    room.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", room], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        done = drydock("snapshot", "--out", room / "a.tar.age", "--recipient", key[1], dsn=source.dsn(SUPERUSER))
        assert done.code == 1 and "No space left" in done.stderr, str(done)
        assert os.listdir(room) == []
    finally:
        subprocess.run(["umount", room], check=True)

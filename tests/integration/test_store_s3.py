"""s3:// against a real object store (Ceph's radosgw): what is put arrives whole, and what is not leaves nothing."""

import hashlib
import signal
import subprocess
import time

import pytest

from buckets import MIB, STORE, Bucket, data, environment, good, store
from faults import Noise, Proxy, Wall
from radosgw import KEY, SECRET

ODD_KEYS = ["a b", "plus+and=equals&more?", "per%20cent%", "é/ü/日本", "(paren's)!*'", "~tilde_-.", "#hash", "a;b,c:d@e$f",
            "back\\slash", "<&>\"quoted\"", "x" * 200 + "/" + "y" * 200]

# ---- objects ----


@pytest.mark.sanitized
@pytest.mark.parametrize("size", [0, 1, 5000, 8 * MIB, 8 * MIB + 1, 21 * MIB])
def test_what_is_put_comes_back(bucket, size):
    content = data(size)
    good(bucket.url(), "put", "a/b", stdin=content)
    assert bucket.keys() == {"pre/fix/a/b": size}
    assert bucket.get("pre/fix/a/b") == content
    assert good(bucket.url(), "get", "a/b") == content
    sha256 = hashlib.sha256(content).hexdigest() if size <= 8 * MIB else "-"
    assert good(bucket.url(), "head", "a/b").decode() == f"{size} {sha256} 0 0\n"
    assert bucket.uploads() == []


def test_ranges(bucket):
    content = data(9 * MIB)
    bucket.client.put(bucket.name, "x", content)
    url = bucket.url("")
    for offset, length in [(0, 1), (5, 0), (8 * MIB - 3, 10), (9 * MIB - 2, 100), (9 * MIB, 5), (20 * MIB, 5)]:
        assert good(url, "get", "x", offset, length) == content[offset:offset + length]


@pytest.mark.sanitized
def test_odd_keys(bucket):
    for key in ODD_KEYS:
        good(bucket.url(), "put", key, stdin=key.encode())
        assert bucket.get("pre/fix/" + key) == key.encode(), key
        assert good(bucket.url(), "get", key) == key.encode(), key
    listed = good(bucket.url(), "list", "").decode().splitlines()
    assert sorted(line.split(" ", 1)[1] for line in listed) == sorted(ODD_KEYS)
    for key in ODD_KEYS:
        good(bucket.url(), "delete", key)
    assert bucket.keys() == {}


def test_lists_are_read_to_their_end(bucket):
    for number in range(103):
        bucket.client.put(bucket.name, f"p/{number:04}", b"")
    bucket.client.put(bucket.name, "other", b"")
    listed = good(bucket.url("p"), "list", "").decode().splitlines()
    assert listed == [f"0 {number:04}" for number in range(103)]
    assert good(bucket.url("p"), "list", "010").decode().splitlines() == ["0 0100", "0 0101", "0 0102"]


def test_an_absent_object(bucket):
    assert good(bucket.url(), "head", "x") == b"absent\n"
    done = store(bucket.url(), "get", "x")
    assert done.code == 1 and "there is no such object" in done.stderr
    good(bucket.url(), "delete", "x")


@pytest.mark.parametrize("size", [3, 9 * MIB])
def test_an_existing_object_is_not_replaced_if_it_must_not_be(bucket, size):
    good(bucket.url(), "put", "x", "if_absent", stdin=b"one")
    done = store(bucket.url(), "put", "x", "if_absent", stdin=data(size))
    assert done.code == 1 and "exists already" in done.stderr
    assert bucket.get("pre/fix/x") == b"one" and bucket.uploads() == []
    good(bucket.url(), "put", "x", stdin=data(size))
    assert bucket.get("pre/fix/x") == data(size)


@pytest.mark.parametrize("size", [3, 9 * MIB])
def test_who_comes_second_does_not_replace(bucket, size):
    """The key is taken while the bytes come."""
    with subprocess.Popen([STORE, bucket.url(), "put", "x", "if_absent"], env=environment(), stdin=subprocess.PIPE,
                          stderr=subprocess.PIPE) as late:
        late.stdin.write(data(size))
        late.stdin.flush()
        time.sleep(0.3)
        bucket.client.put(bucket.name, "pre/fix/x", b"first")
        late.stdin.close()
        assert late.wait(30) == 1
        assert b"exists already" in late.stderr.read()
    assert bucket.get("pre/fix/x") == b"first" and bucket.uploads() == []


def test_checksums(bucket):
    for checksum in ("md5", "none", "sha256"):
        good(bucket.url(checksum=checksum), "put", checksum, stdin=data(9 * MIB))
        assert bucket.get(f"pre/fix/{checksum}") == data(9 * MIB)


def test_memory_is_bounded(bucket):
    content = data(80 * MIB)
    done = store(bucket.url(), "put", "x", stdin=content)
    assert done.code == 0, done.stderr
    assert int(done.stderr.split()[-1]) < 64 * 1024
    assert hashlib.sha256(bucket.get("pre/fix/x")).digest() == hashlib.sha256(content).digest()


# ---- ends ----


def test_a_signal_leaves_nothing(bucket):
    with subprocess.Popen([STORE, bucket.url(), "put", "x"], env=environment(), stdin=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdin.write(data(17 * MIB))
        process.stdin.flush()
        deadline = time.monotonic() + 20
        while not bucket.uploads() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert bucket.uploads() == ["pre/fix/x"]
        process.send_signal(signal.SIGTERM)
        process.stdin.close()
        assert process.wait(30) == 128 + signal.SIGTERM
    assert bucket.uploads() == [] and bucket.keys() == {}


@pytest.mark.sanitized
def test_an_upload_that_died_is_taken_up(bucket):
    content = data(30 * MIB)
    url = bucket.url(part_size="5MiB")
    assert store(url, "put", "x", "die", stdin=content[:21 * MIB]).code == -signal.SIGKILL
    assert bucket.uploads() == ["pre/fix/x"] and bucket.keys() == {}
    done = store(url, "put", "x", "resume", stdin=content, env=environment(STORE_DETAIL="1"))
    assert done.code == 0 and "goes on behind 4 parts" in done.stderr
    assert bucket.get("pre/fix/x") == content and bucket.uploads() == []


def test_an_upload_of_other_bytes_is_not_taken_up(bucket):
    url = bucket.url(part_size="5MiB")
    assert store(url, "put", "x", "die", stdin=data(16 * MIB, 1)).code == -signal.SIGKILL
    good(url, "put", "x", "resume", stdin=data(18 * MIB, 2))
    assert bucket.get("pre/fix/x") == data(18 * MIB, 2) and bucket.uploads() == []


def test_leftovers_are_swept(bucket):
    url = bucket.url(part_size="5MiB")
    for key in ("a/1", "a/2", "b"):
        assert store(url, "put", key, "die", stdin=data(6 * MIB)).code == -signal.SIGKILL
    assert good(url, "sweep", "a/", 3600) == b"0\n"
    assert good(url, "sweep", "a/", 0) == b"2\n"
    assert bucket.uploads() == ["pre/fix/b"]


# ---- locks ----


@pytest.mark.parametrize("size", [3, 9 * MIB])
def test_a_locked_object_is_not_deleted(rgw, size):
    bucket = Bucket(rgw, locking=True)
    good(bucket.url(), "put", "x", "lock=compliance:60", stdin=data(size))
    told = good(bucket.url(), "head", "x").decode().split()
    assert told[2] == "2" and 50 <= int(told[3]) <= 60
    done = store(bucket.url(), "delete", "x")
    assert done.code == 3 and "locked" in done.stderr
    assert bucket.get("pre/fix/x") == data(size)
    assert len(bucket.client.versions(bucket.name)) == 1
    good(bucket.url(), "retain", "x", "compliance", 120)
    assert store(bucket.url(), "retain", "x", "compliance", 30).code == 3


def test_a_store_locks_what_is_put_in_it(rgw):
    bucket = Bucket(rgw, locking=True)
    good(bucket.url(retain="governance:2h"), "put", "x", stdin=b"1")
    told = good(bucket.url(), "head", "x").decode().split()
    assert told[2] == "1" and 7100 < int(told[3]) <= 7200


def test_a_bucket_that_cannot_lock(bucket):
    done = store(bucket.url(), "put", "x", "lock=governance:60", stdin=b"1")
    assert done.code == 3 and "Object Lock" in done.stderr
    assert bucket.keys() == {}


def test_all_versions_are_deleted(rgw):
    bucket = Bucket(rgw, locking=True)
    for number in range(52):  # more than a page
        bucket.client.put(bucket.name, "pre/fix/x", b"%d" % number)
    good(bucket.url(), "put", "x2", stdin=b"3")
    good(bucket.url(), "delete", "x")
    assert [key for key, _, _ in bucket.client.versions(bucket.name)] == ["pre/fix/x2"]


# ---- folders ----


def make_folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def test_a_folder(bucket, tmp_path):
    files = {"manifest.json": b"{}", "toc.dat": b"toc", "data/z": data(9 * MIB), "data/empty": b""}
    folder = make_folder(tmp_path / "snapshot", files)
    assert int(good(bucket.url(), "put-folder", "run/snapshot", folder)) == sum(map(len, files.values()))
    assert {k: bucket.get(k) for k in bucket.keys()} == {f"pre/fix/run/snapshot/{k}": v for k, v in files.items()}
    done = store(bucket.url(), "put-folder", "run/snapshot", folder)
    assert done.code == 1 and "exists already" in done.stderr
    good(bucket.url(), "put-file", "run/audit.jsonl", folder / "toc.dat")
    good(bucket.url(), "put-file", "run/audit.jsonl", folder / "manifest.json")
    assert bucket.get("pre/fix/run/audit.jsonl") == b"{}"


def test_a_folder_that_fails_leaves_nothing(bucket, tmp_path):
    folder = make_folder(tmp_path / "snapshot", {"a": b"1", "b": b"2"})
    (folder / "c").symlink_to("a")
    assert store(bucket.url(), "put-folder", "run", folder).code == 1
    assert bucket.keys() == {}


def test_a_signal_takes_a_folder_back(bucket, tmp_path):
    folder = make_folder(tmp_path / "snapshot", {**{f"{n:03}": b"1" for n in range(40)}, "manifest.json": b"{}"})
    with Proxy(bucket.rgw.port, Noise(1, share=1.0, patience=10**6, kinds=["slow"])) as proxy:
        url = bucket.url(endpoint=proxy.url)
        with subprocess.Popen([STORE, url, "put-folder", "run", folder], env=environment(),
                              stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + 20
            while len(bucket.keys()) < 2 and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 128 + signal.SIGTERM
            assert b"left behind" not in process.stderr.read()
    assert bucket.keys() == {}


# ---- how it is reached ----


@pytest.mark.sanitized
def test_tls(rgw, bucket):
    url = bucket.url(endpoint=rgw.tls_url, ca=rgw.ca)
    good(url, "put", "x", stdin=data(9 * MIB))
    assert good(url, "get", "x") == data(9 * MIB)
    good(bucket.url(endpoint=rgw.tls_url), "reach", env=environment(AWS_CA_BUNDLE=str(rgw.ca)))
    done = store(bucket.url(endpoint=rgw.tls_url), "reach")
    assert done.code == 2 and "AWS_CA_BUNDLE" in done.stderr
    done = store(bucket.url(endpoint=rgw.tls_url), "put", "x", stdin=b"1")
    assert done.code == 2 and "left behind" not in done.stderr


def test_the_endpoint_of_the_environment(rgw, bucket):
    url = f"s3://{bucket.name}"
    nowhere = "http://127.0.0.1:9"
    good(url, "reach", env=environment(AWS_ENDPOINT_URL=rgw.url))
    good(url, "reach", env=environment(AWS_ENDPOINT_URL_S3=rgw.url, AWS_ENDPOINT_URL=nowhere))
    good(bucket.url(), "reach", env=environment(AWS_ENDPOINT_URL_S3=nowhere))


def test_buckets_in_the_name_of_the_host(rgw, bucket):
    url = bucket.url(endpoint=f"http://localhost:{rgw.port}", style="host")
    for key in ("a b", "é/+"):
        good(url, "put", key, stdin=b"1")
        assert bucket.get("pre/fix/" + key) == good(url, "get", key) == b"1"
    done = store(f"s3://{bucket.name}?endpoint=http://nowhere.invalid&style=host&tries=1", "reach")
    assert f"{bucket.name}.nowhere.invalid" in done.stderr


def test_a_store_that_is_not_there(bucket):
    begun = time.monotonic()
    done = store(bucket.url(endpoint="http://127.0.0.1:9", tries=3), "reach")
    assert done.code == 1 and "cannot talk to '127.0.0.1'" in done.stderr
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("variables, code, words", [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, 2, "the secret access key is not the one"),
    ({"AWS_ACCESS_KEY_ID": "UNKNOWN"}, 2, "does not know this access key"),
    ({"AWS_ACCESS_KEY_ID": ""}, 2, "must be set both"),
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, 2, "there are no credentials"),
])
def test_wrong_credentials(bucket, variables, code, words):
    done = store(bucket.url(), "reach", env=environment(**variables))
    assert (done.code, words in done.stderr) == (code, True), done.stderr


def test_a_bucket_that_is_not_there(rgw, bucket):
    done = store(f"s3://no-such-bucket?endpoint={rgw.url}", "reach")
    assert done.code == 2 and "NoSuchBucket" in done.stderr


# ---- runs ----


def publish_to(project, url, before="open"):
    policy = project.folder / "policy.yaml"
    lines = [line for line in policy.read_text().splitlines() if not line.startswith("publish:")]
    policy.write_text("\n".join([*lines, f'publish: {{ to: ["{url}"], before: {before} }}', ""]))


CREDENTIALS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


def test_a_run_publishes(bucket, live, project):
    publish_to(project, bucket.url("drydock"))
    done = project.run(live, env=CREDENTIALS)
    assert done.code == 0, done
    folder, = project.runs()
    snapshot = {f"snapshot/{path.relative_to(folder / 'snapshot')}": path.read_bytes()
                for path in (folder / "snapshot").rglob("*") if path.is_file()}
    others = {name: (folder / name).read_bytes() for name in ("audit.jsonl", "report.json", "report.txt")}
    place = f"drydock/white_cross/{folder.name}"
    assert {key: bucket.get(key) for key in bucket.keys()} == {f"{place}/{k}": v for k, v in {**snapshot, **others}.items()}
    assert f"s3://{bucket.name}/{place}/snapshot" in (folder / "report.txt").read_text()
    told = done.stdout.encode() + done.stderr.encode() + b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    assert SECRET.encode() not in told


def test_preflight_names_a_store_that_refuses(bucket, live, project):
    publish_to(project, bucket.url("drydock"))
    done = project.run(live, env={**CREDENTIALS, "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert done.code == 3 and "SignatureDoesNotMatch" in str(done), done
    assert project.runs() == [] or bucket.keys() == {}


def test_a_store_that_fails_when_it_matters(rgw, bucket, live, project):
    """Preflight has seen it well. The name goes back, and nothing is left in the store."""
    before = live.state()
    with Proxy(rgw.port, Wall("put", "500")) as proxy:
        publish_to(project, bucket.url("drydock", endpoint=proxy.url, tries=2), before="migrate")
        done = project.run(live, env=CREDENTIALS)
        assert done.code == 1 and "InternalError" in done.stderr and proxy.plan.count >= 2, done
    assert live.state() == before
    assert bucket.keys() == {} and bucket.uploads() == []

"""s3:// behind a proxy that fails: what is put arrives whole, or the put fails and nothing of it is left.

DRYDOCK_SEEDS says how many cases are made up (12).
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from buckets import MIB, Bucket, data, environment, good, store
from faults import Noise, Proxy, Wall

SEEDS = int(os.environ.get("DRYDOCK_SEEDS", "12"))
SIZES = [0, 7, 300_000, 5 * MIB + 1, 11 * MIB]


def put_and_get(rgw, seed):
    """One case: what went wrong with it, or None."""
    bucket = Bucket(rgw)
    size = SIZES[seed % len(SIZES)]
    content = data(size, seed)
    with Proxy(rgw.port, Noise(seed)) as proxy:
        url = bucket.url(endpoint=proxy.url, part_size="5MiB", timeout="1s")
        options = [["if_absent"], [], ["resume"]][seed % 3]
        done = store(url, "put", "a/b", *options, stdin=content, timeout=120)
        told = f"seed {seed}, {size} bytes, {proxy.seen}: {done.stderr}"
        if done.code != 0:
            return told
        if store(url, "get", "a/b", timeout=120).stdout != content:
            return f"read otherwise: {told}"
    if bucket.keys() != {"pre/fix/a/b": size} or bucket.get("pre/fix/a/b") != content:
        return f"written otherwise: {told}"
    if bucket.uploads():
        return f"left: {bucket.uploads()} {told}"
    return None


def test_what_passes_is_survived(rgw):
    with ThreadPoolExecutor(6) as pool:
        wrong = [each for each in pool.map(lambda seed: put_and_get(rgw, seed), range(SEEDS)) if each]
    assert wrong == []


WALLS = [(operation, kind) for operation in ("put", "create", "part", "complete")
         for kind in ("reset", "500", "503", "cut", "damaged", "stall") if (operation, kind) != ("create", "damaged")]


def put_at_a_wall(rgw, operation, kind):
    bucket = Bucket(rgw)
    size = 3000 if operation == "put" else 11 * MIB
    with Proxy(rgw.port, Wall(operation, kind)) as proxy:
        url = bucket.url(endpoint=proxy.url, part_size="5MiB", timeout="1s", tries=2)
        done = store(url, "put", "x", stdin=data(size))
        told = f"{operation} {kind} {proxy.seen}: {done.code} {done.stderr}"
        assert proxy.plan.count > 0, told
    if bucket.uploads():
        return f"left: {told}"
    if done.code == 0:
        # The store has obeyed, and only its answer never came whole: the object is there, and that was seen.
        return None if kind == "cut" and bucket.keys() == {"pre/fix/x": size} else f"succeeded: {told}"
    if bucket.keys():
        return f"an object is there: {told}"
    return None if "cannot" in done.stderr and done.code == 1 else f"unclear: {told}"


def test_what_does_not_pass_leaves_nothing(rgw):
    with ThreadPoolExecutor(6) as pool:
        wrong = [each for each in pool.map(lambda wall: put_at_a_wall(rgw, *wall), WALLS) if each]
    assert wrong == []


@pytest.mark.parametrize("size", [10, 11 * MIB])
def test_a_lost_answer_is_no_failure(rgw, bucket, size):
    """The store has made the object; a second request for the same would be refused because the key is taken."""
    with Proxy(rgw.port, Noise(1, share=1.0, patience=1, kinds=["lost"])) as proxy:
        good(bucket.url(endpoint=proxy.url, part_size="5MiB"), "put", "x", "if_absent", stdin=data(size))
    assert bucket.get("pre/fix/x") == data(size) and bucket.uploads() == []


def test_a_read_that_breaks_off_goes_on(rgw, bucket):
    content = data(20 * MIB)
    bucket.client.put(bucket.name, "x", content)
    with Proxy(rgw.port, Noise(2, share=0.6, kinds=["cut", "reset", "500"])) as proxy:
        assert good(bucket.url("", endpoint=proxy.url), "get", "x") == content
        assert proxy.plan.count > 0


def test_a_limit_ends_what_hangs(rgw, bucket):
    begun = time.monotonic()
    with Proxy(rgw.port, Wall("put", "stall")) as proxy:
        done = store(bucket.url(endpoint=proxy.url), "put", "x", stdin=b"1", env=environment(STORE_LATEST_MS="1000"))
    assert done.code == 1 and "has not answered in time" in done.stderr
    assert time.monotonic() - begun < 20 and bucket.keys() == {}


def canned(status, body=b"", *headers):
    lines = [b"HTTP/1.1 %d X" % status, b"Content-Length: %d" % len(body), *headers, b"", b""]
    return b"\r\n".join(lines) + body


def error(code):
    return b"<Error><Code>%s</Code><Message>for the test</Message></Error>" % code


LISTED = canned(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")


def ask_a_server_that_says(rgw, *answers, url=None, command=("reach",), env=None):
    """The heads of the requests that a store got which gives these answers."""
    answers, heads = list(answers), []

    def plan(request):
        heads.append(request.head.decode())
        return answers.pop(0)

    with Proxy(rgw.port, plan) as proxy:
        done = store((url or "s3://bucket-x?endpoint={}&tries=2").format(proxy.url), *command, stdin=b"1", env=env)
    return done, heads


def test_another_region_is_learned(rgw):
    for answer in (canned(301, error(b"PermanentRedirect"), b"x-amz-bucket-region: eu-far-9"),
                   canned(400, b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-far-9</Region></Error>")):
        done, heads = ask_a_server_that_says(rgw, answer, LISTED)
        assert done.code == 0 and "/us-east-1/s3/" in heads[0] and "/eu-far-9/s3/" in heads[1]


def test_another_clock_is_learned(rgw):
    answer = canned(403, error(b"RequestTimeTooSkewed"), b"Date: Thu, 01 Jan 2032 10:00:00 GMT")
    done, heads = ask_a_server_that_says(rgw, answer, LISTED)
    assert done.code == 0 and "x-amz-date: 20320101T10" in heads[1]


def test_a_refusal_is_not_repeated(rgw):
    done, heads = ask_a_server_that_says(rgw, canned(403, error(b"AccessDenied")))
    assert done.code == 1 and len(heads) == 1 and "AccessDenied: for the test" in done.stderr


def test_encryption_by_the_server_is_asked_for(rgw):
    url = "s3://bucket-x?endpoint={}&tries=1&sse=aws:kms&sse_key=the-key"
    _, heads = ask_a_server_that_says(rgw, canned(403, error(b"AccessDenied")), canned(404), canned(404), canned(404),
                                      url=url, command=("put", "x"))
    assert "x-amz-server-side-encryption: aws:kms\r\n" in heads[0]
    assert "x-amz-server-side-encryption-aws-kms-key-id: the-key\r\n" in heads[0]


def test_other_bytes_in_the_store_are_seen(rgw):
    """The checksum that the store gives for what it has got."""
    wrong = canned(200, b"", b'ETag: "x"', b"x-amz-checksum-sha256: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    done, _ = ask_a_server_that_says(rgw, wrong, canned(404), canned(404), canned(404), command=("put", "x"))
    assert done.code == 4 and "its checksum differs" in done.stderr


def test_a_conditional_write_that_is_not_known_is_left_out(rgw):
    """Swift says 501."""
    done, heads = ask_a_server_that_says(
        rgw, canned(404), canned(501, error(b"NotImplemented")), canned(403, error(b"AccessDenied")), canned(404),
        canned(404), canned(404), command=("put", "x", "if_absent"))
    assert done.code == 1 and "if-none-match: *" in heads[1] and "if-none-match" not in heads[2]

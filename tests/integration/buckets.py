"""The program that uses a store (store.c), and buckets for it."""

import itertools
import os
import random
import subprocess
from pathlib import Path
from urllib.parse import quote

from cluster import clean_environment
from program import REPOSITORY, Done
from radosgw import KEY, SECRET

STORE = Path(os.environ.get("DRYDOCK_BIN", REPOSITORY / "build" / "dev" / "drydock")).parent / "tests" / "store"
MIB = 1024 * 1024

_numbers = itertools.count(1)


class Bucket:
    """A bucket of its own, the program that uses it, and the client that looks."""

    def __init__(self, rgw, locking=False):
        self.rgw, self.client = rgw, rgw.client
        self.name = rgw.client.make_bucket(f"bucket-{next(_numbers)}", locking)

    def url(self, prefix="pre/fix", endpoint=None, **options):
        text = f"s3://{self.name}/{prefix}?endpoint={endpoint or self.rgw.url}"
        return text + "".join(f"&{k}={quote(str(v), safe='')}" for k, v in options.items())

    def keys(self):
        return self.client.keys(self.name)

    def uploads(self):
        return self.client.uploads(self.name)

    def get(self, key):
        return self.client.get(self.name, key)


def environment(**variables):
    return {**clean_environment(), "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "HOME": "/nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true", **variables}


def store(url, *arguments, stdin=b"", env=None, timeout=60):
    done = subprocess.run([str(STORE), url, *map(str, arguments)], input=stdin, env=env or environment(),
                          capture_output=True, timeout=timeout, check=False)
    error = done.stderr.decode()
    assert "Sanitizer" not in error and "runtime error:" not in error, error
    assert SECRET not in error and SECRET not in done.stdout.decode("latin-1")
    return Done(done.returncode, done.stdout, error)


def good(*arguments, **options):
    done = store(*arguments, **options)
    assert done.code == 0, done.stderr
    return done.stdout


def data(size, seed=1):
    return random.Random(seed).randbytes(size)

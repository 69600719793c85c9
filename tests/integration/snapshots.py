"""Snapshots as standard tools see them."""

import json
import shutil
import subprocess
import uuid
from pathlib import Path

from cluster import SUPERUSER, clean_environment, program


def stock_copy(snapshot, folder):
    """A copy of a snapshot as a pg_restore without Zstandard reads it."""
    copy = Path(folder) / f"stock-{uuid.uuid4().hex[:8]}"
    shutil.copytree(snapshot, copy)
    packed = [str(path) for path in sorted(copy.iterdir()) if path.suffix == ".zst"]
    if packed:
        subprocess.run(["unzstd", "--rm", "-q", *packed], check=True, capture_output=True)
    return copy


def pg_restore(cluster, archive, *options, database="postgres"):
    """Stock pg_restore; gives the CompletedProcess."""
    return subprocess.run([program("pg_restore"), "-d", cluster.dsn(database, SUPERUSER), *options, str(archive)],
                          text=True, capture_output=True, check=False, env=clean_environment())


def pg_restore_list(archive, *options):
    done = subprocess.run([program("pg_restore"), "-l", *options, str(archive)], text=True, capture_output=True, check=False,
                          env=clean_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


def manifest_of(snapshot):
    return json.loads((Path(snapshot) / "manifest.json").read_text(encoding="utf-8"))

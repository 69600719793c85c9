"""deploy/packages.sh: what is missing or too old is installed, and nothing is asked of apt otherwise."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Stand-ins for dpkg-query (answers from a file per package) and apt-get (puts the newest version in, if it has one).
DPKG_QUERY = """#!/bin/sh
for name; do :; done
cat "$BOX/installed/$name" 2>/dev/null
"""
APT_GET = """#!/bin/sh
echo "$*" >>"$BOX/apt"
[ "$1" = install ] || exit 0
for name; do
    [ -e "$BOX/offered/$name" ] && cp "$BOX/offered/$name" "$BOX/installed/$name"
done
exit 0
"""


@pytest.fixture
def box(tmp_path):
    for folder in ("bin", "installed", "offered"):
        (tmp_path / folder).mkdir()
    for name, text in (("dpkg-query", DPKG_QUERY), ("apt-get", APT_GET), ("sudo", '#!/bin/sh\nexec "$@"\n')):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def put(box, folder, name, version):
    (box / folder / name).write_text(f"installed {version}\n")


def packages(box, command):
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail; source {ROOT}/deploy/packages.sh; {command}"], text=True,
        capture_output=True, env={"PATH": f"{box}/bin:/usr/bin:/bin", "BOX": str(box)}, check=False)


def test_what_is_there_and_new_enough_is_not_missing(box):
    put(box, "installed", "client", "15.20-0+deb12u1")
    put(box, "installed", "other", "1.0-1")
    done = packages(box, "packages_install 'client>=15.20' other 'client>=15.3'")
    assert done.returncode == 0
    assert not (box / "apt").exists()


@pytest.mark.parametrize("version", ["15.18-0+deb12u1", "15.3-1", "15.20~rc1-1"])
def test_what_is_too_old_is_upgraded(box, version):
    put(box, "installed", "client", version)
    put(box, "offered", "client", "15.20-0+deb12u1")
    assert packages(box, "packages_missing 'client>=15.20'").stdout == "client>=15.20\n"
    assert packages(box, "packages_install 'client>=15.20'").returncode == 0
    assert (box / "apt").read_text().splitlines()[-1].endswith(" client")
    assert packages(box, "packages_missing 'client>=15.20'").stdout == ""


def test_what_is_missing_is_installed(box):
    put(box, "offered", "other", "1.0-1")
    assert packages(box, "packages_missing other 'client>=1'").stdout == "other\nclient>=1\n"
    assert packages(box, "packages_install other").returncode == 0


def test_a_half_installed_one_is_missing(box):
    (box / "installed" / "client").write_text("config-files 15.20-0\n")
    assert packages(box, "packages_missing client").stdout == "client\n"


def test_no_newer_version_to_be_had_is_said(box):
    put(box, "installed", "client", "15.18")
    put(box, "offered", "client", "15.18")
    done = packages(box, "packages_install 'client>=15.20'")
    assert done.returncode == 1
    assert "no newer version: client>=15.20" in done.stderr

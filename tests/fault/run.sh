#!/bin/bash
# Crash tests: kills the program at its failpoints and at random, kills and restarts its server, and looks whether
# recovery makes it before or after. Takes a fixed sample; --all takes every point of every kind in every way.
#
#     tests/fault/run.sh [--all] [--rounds N] [--seed N] [pytest's options]      -n 2: in two processes
#
# DRYDOCK_BIN names a binary with failpoints; the default is the one of the dev build.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
export PYTHONDONTWRITEBYTECODE=1
unset DRYDOCK_FAILPOINT

exec /usr/bin/python3 -m pytest -q -c "$here/pytest.ini" --rootdir "$here" "$here" "$@"

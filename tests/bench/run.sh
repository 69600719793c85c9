#!/bin/bash
# Benchmarks: drydock and its alternatives on the same server in the same run. Prints medians and ratios; asserts nothing.
#
#     tests/bench/run.sh [--rounds N] [--many N]
set -euo pipefail

root=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
readonly root
# shellcheck source=deploy/packages.sh
source "$root/deploy/packages.sh"
packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" "${PACKAGES_TEST[@]}"
(cd "$root" && cmake --preset release >/dev/null && cmake --build --preset release >/dev/null)
exec /usr/bin/python3 "$root/tests/bench/migrate.py" "$@"

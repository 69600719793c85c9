#!/bin/bash
# Benchmarks: drydock and its alternatives on the same server in the same run. Prints medians and ratios; asserts nothing.
#
#     tests/bench/run.sh                        migrate, snapshot and downtime with their defaults
#     tests/bench/run.sh migrate [--rounds N] [--many N]
#     tests/bench/run.sh age [--megabytes N] [--rounds N]
#     tests/bench/run.sh snapshot [--gigabytes N] [--scale N] [--rounds N] [--jobs N] [--large] [--only WHAT]
#     tests/bench/run.sh downtime [--gigabytes N] [--rounds N] [--jobs N]
set -euo pipefail

root=$(readlink -f "$(dirname "$(readlink -f "$0")")/../..")
readonly root
# shellcheck source=deploy/packages.sh
source "$root/deploy/packages.sh"
packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" "${PACKAGES_TEST[@]}"
(cd "$root" && cmake --preset release >/dev/null && cmake --build --preset release >/dev/null)

case ${1:-} in
"")
    /usr/bin/python3 "$root/tests/bench/migrate.py"
    /usr/bin/python3 "$root/tests/bench/snapshot.py"
    /usr/bin/python3 "$root/tests/bench/downtime.py"
    ;;
age)
    (cd "$root" && cmake --preset dev >/dev/null && cmake --build --preset dev --target age >/dev/null)
    exec /usr/bin/python3 "$root/tests/bench/age.py" "${@:2}"
    ;;
migrate | snapshot | downtime)
    exec /usr/bin/python3 "$root/tests/bench/$1.py" "${@:2}"
    ;;
*)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

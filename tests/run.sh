#!/bin/bash
# Builds Drydock and runs all its tests, from any folder, any number of times, as root or as a user with sudo, on Debian 12.
# Installs what is missing. The last line is "N passed, N failed"; the exit status is 0 if none failed.
#
#     tests/run.sh [--quick]      --quick: the dev build only
set -euo pipefail

root=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
readonly root
# shellcheck source=deploy/packages.sh
source "$root/deploy/packages.sh"

# The distribution's own tools, whatever else is installed.
export PATH="/usr/bin:/bin:$PATH"
export PYTHONDONTWRITEBYTECODE=1
unset DRYDOCK_FAILPOINT

presets=(dev asan)
if [[ ${1:-} == --quick ]]; then
    presets=(dev)
fi

# One test more at a time than there are processors: now and then each waits for a server or a clock.
workers=$(($(nproc) + 1))
readonly workers

passed=0
failed=0

packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" "${PACKAGES_TEST[@]}"
if ! command -v npm >/dev/null; then
    packages_install "${PACKAGES_NODE[@]}"
fi

# How many MB may be used in /dev/shm.
room_in_memory() {
    local room free
    room=$(df --output=avail -BM /dev/shm 2>/dev/null | tail -n 1 | tr -dc '0-9') || true
    free=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
    echo $((${room:-0} < free ? ${room:-0} : free))
}

# Everything temporary is in here, and goes with it. The account of the test server must be able to pass.
scratch=$(mktemp -d /tmp/drydock-tests.XXXXXX)
readonly scratch
chmod 755 "$scratch"
export TMPDIR="$scratch"
# But for the servers, in memory where there is enough of it: the tests make and drop thousands of databases, and on some
# file systems that takes longer than what they test.
servers=$scratch
if [[ $(room_in_memory) -ge 4000 ]]; then
    servers=$(mktemp -d /dev/shm/drydock-tests.XXXXXX)
    chmod 755 "$servers"
fi
readonly servers
export DRYDOCK_TEST_SERVERS="$servers"
# What root makes in somebody's checkout belongs to whoever the checkout belongs to.
clean_up() {
    rm -rf "$scratch" "$servers"
    if [[ $EUID -eq 0 && -d $root/build ]]; then
        chown -R --reference="$root" "$root/build"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

heading() {
    printf '\n== %s\n' "$*"
}

# check NAME COMMAND...: one test that is a command.
check() {
    heading "$1"
    if "${@:2}"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$1"
        return 1
    fi
}

# attribute NAME FILE: a number of the first test suite in a JUnit file, 0 if it has none.
attribute() {
    local value
    value=$(tr '\n\t' '  ' <"$2" | grep -o '<testsuite [^>]*>' | head -n 1 |
        sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p")
    echo "${value:-0}"
}

# suite NAME FILE COMMAND...: tests whose numbers COMMAND writes to the JUnit FILE.
suite() {
    local name=$1 report=$2 status=0 bad skipped
    heading "$name"
    "${@:3}" || status=$?
    if [[ ! -s $report ]]; then
        failed=$((failed + 1))
        printf 'FAILED: %s did not say how it went\n' "$name"
        return
    fi
    bad=$(($(attribute failures "$report") + $(attribute errors "$report")))
    # A command that fails without a failed test has failed all the same.
    if [[ $status -ne 0 && $bad -eq 0 ]]; then
        bad=1
    fi
    skipped=$(($(attribute skipped "$report") + $(attribute disabled "$report")))
    failed=$((failed + bad))
    passed=$((passed + $(attribute tests "$report") - bad - skipped))
}

check_format() {
    find "$root/src" "$root/tests" -name '*.[ch]' -print0 | xargs -0 -r clang-format --dry-run --Werror
}

check_shell() {
    (cd "$root" && find . -path ./build -prune -o -path ./.git -prune -o -name '*.sh' -print0 |
        xargs -0 shellcheck -x .ci/run)
}

check_tidy() {
    find "$root/src" "$root/tests/unit" -name '*.c' -print0 |
        xargs -0 -P "$(nproc)" -n 4 clang-tidy -p "$root/build/dev" --quiet 2>"$scratch/tidy.log" ||
        { grep -v 'warnings generated\|warnings treated\|Suppressed\|Use -header' "$scratch/tidy.log"; return 1; }
}

build() {
    (cd "$root" && cmake --preset "$1" >"$scratch/configure.log" 2>&1) ||
        { cat "$scratch/configure.log"; return 1; }
    (cd "$root" && cmake --build --preset "$1")
}

integration() {
    local preset=$1
    local select=()
    if [[ $preset == asan ]]; then
        select=(-m sanitized)
    fi
    DRYDOCK_BIN="$root/build/$preset/drydock" /usr/bin/python3 -m pytest -q -n "$workers" --dist loadfile \
        -c "$root/tests/integration/pytest.ini" --rootdir "$root/tests/integration" \
        --junitxml "$scratch/integration-$preset.xml" ${select[@]+"${select[@]}"} "$root/tests/integration"
}

check "format of the C files" check_format || true
check "shell scripts" check_shell || true
check "includes point downwards" /usr/bin/python3 "$root/tests/layers.py" || true
for preset in "${presets[@]}"; do
    if check "build $preset" build "$preset"; then
        suite "unit tests, $preset" "$scratch/unit-$preset.xml" \
            ctest --test-dir "$root/build/$preset" --output-on-failure --output-junit "$scratch/unit-$preset.xml"
        suite "integration tests, $preset" "$scratch/integration-$preset.xml" integration "$preset"
        if [[ $preset == dev ]]; then
            suite "fault tests" "$scratch/fault.xml" \
                env DRYDOCK_BIN="$root/build/dev/drydock" "$root/tests/fault/run.sh" -n "$workers" --junitxml "$scratch/fault.xml"
        fi
    fi
done
check "clang-tidy" check_tidy || true
check "quickstart" "$root/deploy/quickstart.sh" 2000 || true

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]

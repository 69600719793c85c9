#!/bin/bash
# Shows Drydock at work on a made-up White Cross database: a maintenance window that succeeds, and one that fails
# half-way and puts everything back. Installs what is missing, builds, and uses a private PostgreSQL server that is gone
# afterwards; no other server is touched. As root or as a user with sudo, from any folder, any number of times.
#
#     deploy/quickstart.sh [STUDENTS]      50000 if not given
#
# Exits with 0 if everything went as it says.
set -euo pipefail

root=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
readonly root
# shellcheck source=deploy/packages.sh
source "$root/deploy/packages.sh"

readonly students=${1:-50000}
if [[ ! $students =~ ^[1-9][0-9]{0,6}$ ]]; then
    echo "usage: deploy/quickstart.sh [STUDENTS]" >&2
    exit 2
fi

# The distribution's own tools, and nothing of the caller's about PostgreSQL or Drydock.
export PATH="/usr/bin:/bin:/usr/sbin:/sbin:$PATH"
unset "${!PG@}" "${!DRYDOCK_@}"
export LC_ALL=C.UTF-8
readonly bin=/usr/lib/postgresql/15/bin

heading() {
    printf '\n== %s\n\n' "$*"
}

fail() {
    printf '\nquickstart: %s\n' "$*" >&2
    exit 1
}

indented() {
    sed 's/^./    &/'
}

# -- building ----------------------------------------------------------------------------------------------------------

# As packages_install, but apt is heard only if it fails.
install_packages() {
    local missing
    mapfile -t missing < <(packages_missing "$@")
    if [[ ${#missing[@]} -eq 0 ]]; then
        return
    fi
    printf 'Installing: %s\n' "${missing[*]}"
    if ! packages_install "$@" >"$scratch/apt.log" 2>&1; then
        tail -n 40 "$scratch/apt.log" >&2
        fail "packages could not be installed"
    fi
}

# Where the build goes: the checkout, or where that is somebody else's, a place of our own.
choose_build() {
    build=$root/build/release
    if ! mkdir -p "$build" 2>/dev/null || [[ ! -w $build || -n $(find "$build" ! -writable -print -quit) ]]; then
        build=${XDG_CACHE_HOME:-$HOME/.cache}/drydock/release
        mkdir -p "$build"
    fi
}

# What root makes in somebody's checkout belongs to whoever the checkout belongs to.
give_back_checkout() {
    if [[ $EUID -eq 0 && $build == "$root"/* ]]; then
        chown -R --reference="$root" "$root/build"
    fi
}

build_drydock() {
    local log=$scratch/build.log
    if ! (cd "$root" && cmake --preset release -B "$build" && cmake --build "$build") >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        fail "the build failed"
    fi
    drydock=$build/drydock
}

# -- the server --------------------------------------------------------------------------------------------------------

# PostgreSQL refuses to run as root; then its packages' own account runs it.
as_server() {
    if [[ $EUID -eq 0 ]]; then
        setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

start_server() {
    local server=$scratch/server
    mkdir "$server"
    chmod 700 "$server"
    if [[ $EUID -eq 0 ]]; then
        chown postgres:postgres "$server"
    fi
    (
        cd "$server"
        # Nobody else gets into the folder, so that nobody else reaches the socket.
        as_server "$bin/initdb" -D "$server/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$scratch/initdb.log"
        as_server "$bin/pg_ctl" -D "$server/data" -l "$server/log" -w -s start \
            -o "-k $server -c listen_addresses='' -c fsync=off -c shared_buffers=128MB -c dynamic_shared_memory_type=mmap"
    ) || { cat "$scratch/initdb.log" "$server/log" >&2; fail "the server did not start"; }
    export PGHOST=$server PGPORT=5432
}

cleanup() {
    local status=$?
    trap '' INT TERM
    if [[ -e $scratch/server/data/postmaster.pid ]]; then
        (cd / && as_server "$bin/pg_ctl" -D "$scratch/server/data" -s -m immediate stop) || true
    fi
    rm -rf "$scratch"
    if [[ -n ${build:-} ]]; then
        give_back_checkout
    fi
    exit "$status"
}

# sql DATABASE USER [psql options]: quietly, stopping at the first error.
sql() {
    "$bin/psql" -X -q -v ON_ERROR_STOP=1 -d "$1" -U "$2" "${@:3}"
}

# -- the databases -----------------------------------------------------------------------------------------------------

make_databases() {
    sql postgres postgres <<'SQL'
CREATE ROLE white_cross_owner LOGIN CREATEDB;
GRANT pg_signal_backend TO white_cross_owner;
CREATE ROLE white_cross_app LOGIN;
CREATE DATABASE white_cross OWNER white_cross_owner TEMPLATE template0;
\c white_cross
ALTER DEFAULT PRIVILEGES FOR ROLE white_cross_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO white_cross_app;
REVOKE CONNECT ON DATABASE white_cross FROM PUBLIC;
GRANT CONNECT ON DATABASE white_cross TO white_cross_app;
COMMENT ON DATABASE white_cross IS 'White Cross, made-up data';
SQL
    "$drydock" migrate --quiet --dsn "$(dsn white_cross)" --migrations "$root/migrations" --to 20251009013303 | indented
    sql white_cross white_cross_owner <<SQL
SET client_min_messages = warning;
SET drydock.students = '$students';
\i '$root/tests/data/white_cross.sql'
SQL
    sql white_cross postgres -c ANALYZE
    sql postgres postgres -c "CREATE DATABASE white_cross_2 OWNER white_cross_owner TEMPLATE white_cross"
}

dsn() {
    printf 'dbname=%s user=white_cross_owner host=%s' "$1" "$PGHOST"
}

count_rows() {
    sql "$1" postgres -A -t <<'SQL'
SELECT format('%s students; %s rows in %s tables; %s',
              (SELECT count(*) FROM students), sum(rows), count(*), pg_size_pretty(pg_database_size(current_database())))
FROM (SELECT (xpath('//n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', tablename), true, true, '')))[1]
             ::text::bigint AS rows
      FROM pg_tables WHERE schemaname = 'public') AS counted
SQL
}

# A checksum of everything that is in a database, without any help of Drydock.
dump_sum() {
    # Since 2025 pg_dump frames its output with a random key.
    "$bin/pg_dump" -U postgres -d "$1" | grep -v -E '^\\(un)?restrict ' | sha256sum | cut -c 1-64
}

show_databases() {
    sql postgres postgres -P footer=off -P border=1 <<'SQL' | indented
SELECT datname AS database, CASE WHEN datallowconn THEN 'in service' ELSE 'closed' END AS state,
       pg_size_pretty(pg_database_size(oid)) AS size
FROM pg_database WHERE datname ~ '^white_cross' ORDER BY datname
SQL
}

# -- the windows -------------------------------------------------------------------------------------------------------

write_policy() {
    cat >"$1" <<YAML
policy: quickstart
migrations: $2
state: $results
fence:   { drain: 2s }
verify:  { assertions: [$root/policies/white-cross/*.sql] }
publish: { to: [file://$results/store] }
YAML
}

# A migration that changes rows and then cannot go on: students share last names.
write_broken_migration() {
    mkdir "$1"
    cp "$root"/migrations/*.sql "$1"
    cat >"$1/20251201000000-unique-last-names.up.sql" <<'SQL'
-- drydock: writes students(grade)
UPDATE students SET grade = 'Grade ' || grade;
ALTER TABLE students ADD CONSTRAINT students_last_name_key UNIQUE ("lastName");
SQL
}

# window WANTED DATABASE POLICY: runs a maintenance window that must end with that exit code.
window() {
    local status=0 output=$scratch/run.out

    echo "\$ drydock run --policy ${3##*/} --dsn 'dbname=$2 ...'"
    "$drydock" run --policy "$3" --dsn "$(dsn "$2")" --yes 2>&1 >"$output" | sed -u 's/^/    /' || status=$?
    printf '\n%s\n' "$(tail -n 1 "$output")"
    report=$(sed -n 's/^Report: //p' "$output")
    if [[ $status -ne $1 ]]; then
        fail "drydock run exited with $status, not $1"
    fi
    printf 'Report: %s\n' "$report"
}

# same WHAT BEFORE AFTER
same() {
    printf '    before  %s\n    after   %s\n' "$2" "$3"
    if [[ $2 != "$3" ]]; then
        fail "$1 differs"
    fi
    printf '    equal\n'
}

succeed() {
    heading "A maintenance window that succeeds"
    write_policy "$scratch/quickstart.yaml" "$root/migrations"
    window 0 white_cross "$scratch/quickstart.yaml"
    "$drydock" status --exit-code --dsn "$(dsn white_cross)" --migrations "$root/migrations" >"$scratch/status.out" ||
        fail "something is still pending"
    printf '\nThe application finds its %s students and the new table vaccinations; %s.\n' \
        "$(sql white_cross white_cross_app -A -t -c 'SELECT count(*) FROM students CROSS JOIN (SELECT count(*) FROM vaccinations) v')" \
        "$(tail -n 1 "$scratch/status.out")"
}

break_off() {
    local before
    heading "The same window with one more migration, which fails half-way"
    write_broken_migration "$scratch/migrations"
    indented <"$scratch/migrations/20251201000000-unique-last-names.up.sql"
    before=$(dump_sum white_cross_2)
    write_policy "$scratch/broken.yaml" "$scratch/migrations"
    printf '\n'
    window 7 white_cross_2 "$scratch/broken.yaml"

    heading "Is it as it was? Every table's digest against the snapshot taken before, then a checksum of pg_dump"
    echo "\$ drydock verify database --dsn 'dbname=white_cross_2 ...' --against ${report%/*}/snapshot"
    "$drydock" verify database --dsn "$(dsn white_cross_2)" --against "${report%/*}/snapshot" | indented
    echo "\$ pg_dump white_cross_2 | sha256sum"
    same "pg_dump of white_cross_2" "$before" "$(dump_sum white_cross_2)"
}

# ----------------------------------------------------------------------------------------------------------------------

# The account of the server must be able to pass. Not in TMPDIR: a socket's path has room for 107 bytes.
scratch=$(mktemp -d /tmp/drydock-quickstart.XXXXXX)
readonly scratch
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 711 "$scratch"

heading "Drydock's quickstart: packages and build"
install_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" postgresql-15
choose_build
build_drydock
results=$(mkdir -p "${build%/*}/quickstart" && mktemp -d "${build%/*}/quickstart/$(date +%Y%m%d-%H%M%S).XXXX")
mkdir "$results/store"
echo "Built: $("$drydock" --version), $drydock"

heading "A private server with White Cross, five of its eight migrations applied"
start_server
make_databases
printf '    %s\n' "$(count_rows white_cross)"

heading "What is pending"
echo "\$ drydock status"
"$drydock" status --dsn "$(dsn white_cross)" --migrations "$root/migrations" | indented
printf '\n'
write_policy "$scratch/quickstart.yaml" "$root/migrations"
echo "\$ drydock plan --policy quickstart.yaml"
"$drydock" plan --policy "$scratch/quickstart.yaml" --dsn "$(dsn white_cross)" >"$scratch/plan.out"
grep -v -E '^ +line +[0-9]+ ' "$scratch/plan.out" | indented
printf '\n    (and %d statements, each with its line, left out here)\n' "$(grep -c -E '^ +line +[0-9]+ ' "$scratch/plan.out")"

succeed
break_off

heading "What is on the server now"
show_databases
cat <<'TEXT'

    *_before_*  the database as it was before the successful window, kept until you drop it
    *_failed_*  the half-migrated copy of the failed one: evidence
TEXT

heading "Done"
echo "The server and its databases are removed. Reports, journals, audit logs and snapshots, to be deleted at will:"
echo "    $results"

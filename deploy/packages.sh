# shellcheck shell=bash
# The Debian 12 packages that Drydock needs: the one list, for every script that installs. Source it, then:
#
#     packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}"
#
# A name may say the version that it must have at least: "postgresql-15>=15.20". Nothing is asked of apt where nothing
# is missing or too old.

# To compile it.
# shellcheck disable=SC2034
PACKAGES_BUILD=(
    cmake gcc libarchive-dev libc6-dev libcurl4-openssl-dev libcyaml-dev libglib2.0-dev libjansson-dev libpq-dev libssl-dev
    libxml2-dev libxxhash-dev libyaml-dev libzstd-dev ninja-build pkg-config zlib1g-dev
)

# To use it: pg_dump and pg_restore (15.20: older ones run code from a crafted archive, CVE-2026-116314), and for some
# stores and hooks the usual certificates.
# shellcheck disable=SC2034
PACKAGES_RUN=(
    ca-certificates 'postgresql-client-15>=15.20'
)

# To test it, besides what building and using need: a server without a cluster, an object store, sanitizers, checkers.
# shellcheck disable=SC2034
PACKAGES_TEST=(
    age bzip2 ceph-mon ceph-osd clang clang-format clang-tidy libclang-rt-14-dev libcmocka-dev llvm lz4 pgbouncer
    'postgresql-15>=15.20' python3 python3-psycopg2 python3-pytest python3-pytest-xdist radosgw shellcheck util-linux xz-utils
    zip zstd
)

# To test it against the real sequelize-cli, where npm is not there from elsewhere.
# shellcheck disable=SC2034
PACKAGES_NODE=(
    nodejs npm
)

# Prints those of the packages named that are not installed, or older than they must be.
packages_missing() {
    local wanted status version
    for wanted in "$@"; do
        read -r status version < <(dpkg-query -W -f='${db:Status-Status} ${Version}\n' "${wanted%%>=*}" 2>/dev/null) || true
        if [[ "${status:-}" != installed ]] ||
            { [[ $wanted == *'>='* ]] && ! dpkg --compare-versions "${version:-0}" ge "${wanted#*>=}"; }; then
            printf '%s\n' "$wanted"
        fi
        status='' version=''
    done
}

packages_as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Keeps postgresql-15 from making and starting a cluster of its own, unless somebody has decided about that before.
packages_forbid_cluster() {
    local settings=/etc/postgresql-common/createcluster.conf
    if [[ ! -e $settings ]]; then
        packages_as_root mkdir -p "${settings%/*}"
        echo 'create_main_cluster = false' | packages_as_root tee "$settings" >/dev/null
    fi
}

# The tests start a pgbouncer of their own; the package's service is not wanted where it was not there before.
packages_stop_pooler() {
    if [[ -d /run/systemd/system ]]; then
        packages_as_root systemctl disable --now pgbouncer >/dev/null 2>&1 || true
    fi
}

# Installs those of the packages named that are missing, and upgrades those that are too old.
packages_install() {
    local missing names
    mapfile -t missing < <(packages_missing "$@")
    if [[ ${#missing[@]} -eq 0 ]]; then
        return 0
    fi
    if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
        echo "missing packages, and neither root nor sudo to install them: ${missing[*]}" >&2
        return 1
    fi
    echo "installing: ${missing[*]}" >&2
    names=("${missing[@]%%>=*}")
    if [[ " ${names[*]} " == *" postgresql-15 "* ]]; then
        packages_forbid_cluster || return 1
    fi
    packages_as_root apt-get update -q >&2 || return 1
    # confold: a settings file that is there already is somebody's decision.
    packages_as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -q -y --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${names[@]}" >&2 || return 1
    if [[ " ${names[*]} " == *" pgbouncer "* ]]; then
        packages_stop_pooler
    fi
    mapfile -t missing < <(packages_missing "$@")
    if [[ ${#missing[@]} -gt 0 ]]; then
        echo "apt has no newer version: ${missing[*]} (look at the package sources of this machine)" >&2
        return 1
    fi
}

#!/usr/bin/python3
"""Fails when an include points upwards, two folders of one level include each other in a circle, or a third-party
header is included in more than its place.
"""

import re
import sys
from pathlib import Path

LEVELS = [
    {"base"},
    {"pg", "stream"},
    {"migration", "snapshot", "verify", "policy", "store", "audit"},
    {"run", "plan", "report", "adopt"},
    {"cli"},
]

# Where each third-party header may be included: files, or folders with a slash at the end. GLib may be everywhere.
PLACES = {
    r"glib\.h|glib/.*|glib-unix\.h": [""],
    r"gio/.*": ["base/"],
    r"jansson\.h": ["base/json.h"],
    r"openssl/.*": ["base/hash.c", "stream/age_crypto.c"],
    r"libpq-fe\.h|libpq/.*": ["pg/connection.c", "pg/target.c", "pg/target_private.h"],
    r"curl/.*": ["store/http.c"],
    r"libxml/.*": ["store/xml.c"],
    r"xxhash\.h": ["verify/rows.c"],
    r"zstd\.h": ["stream/"],
    r"zlib\.h": ["snapshot/intake_stream.c"],
    r"archive(_entry)?\.h": ["snapshot/"],
    r"cyaml/.*|yaml\.h": ["policy/"],
}

# C and POSIX, which may be everywhere.
SYSTEM = re.compile(
    r"(assert|complex|ctype|dirent|errno|fcntl|fenv|float|fnmatch|ftw|glob|grp|inttypes|iso646|langinfo|limits|locale"
    r"|math|netdb|poll|pthread|pwd|sched|semaphore|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef"
    r"|stdint|stdio|stdlib|stdnoreturn|string|strings|syslog|termios|tgmath|threads|time|uchar|unistd|utime|wchar"
    r"|wctype|arpa/inet|net/if|netinet/\w+|sys/\w+|linux/\w+|getopt|link|sysexits)\.h")

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def level_of(path):
    """A folder's height; main.c stands on top of all."""
    folder = path.split("/")[0] if "/" in path else None
    if folder is None:
        return len(LEVELS)
    for height, folders in enumerate(LEVELS):
        if folder in folders:
            return height
    return None


def third_party_problem(path, header):
    if SYSTEM.fullmatch(header):
        return None
    for pattern, places in PLACES.items():
        if re.fullmatch(pattern, header):
            if any(path == place or (place in ("", path.split("/")[0] + "/")) for place in places):
                return None
            return f"<{header}> may only be included in {', '.join(places)}"
    return f"<{header}> has no place: say in tests/layers.py where it belongs"


def own_problem(path, header):
    if "/" not in header:
        return f'"{header}" does not name its folder'
    here, there = level_of(path), level_of(header)
    if here is None or there is None:
        return f'"{header}": a folder is on no level: say in tests/layers.py on which'
    if there > here:
        return f'"{header}" points upwards'
    return None


def circles(edges):
    """Folders that reach themselves."""
    def reached(start):
        seen, pending = set(), [start]
        while pending:
            for following in edges.get(pending.pop(), ()):
                if following not in seen:
                    seen.add(following)
                    pending.append(following)
        return seen
    return sorted(folder for folder in edges if folder in reached(folder))


def main(source):
    problems, edges = [], {}
    files = sorted(p for p in source.rglob("*") if p.suffix in (".c", ".h"))
    for file in files:
        path = file.relative_to(source).as_posix()
        text = file.read_text(encoding="utf-8")
        for found in INCLUDE.finditer(text):
            header = found[2]
            problem = (third_party_problem if found[1] == "<" else own_problem)(path, header)
            if problem:
                problems.append(f"src/{path}:{text.count(chr(10), 0, found.start(2)) + 1}: {problem}")
            elif found[1] == '"' and "/" in path and path.split("/")[0] != header.split("/")[0]:
                edges.setdefault(path.split("/")[0], set()).add(header.split("/")[0])
    for folder in circles(edges):
        problems.append(f"src/{folder}: includes, by way of others, what includes it")
    print("\n".join(problems) if problems else f"{len(files)} files, every include points downwards")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / "src"))

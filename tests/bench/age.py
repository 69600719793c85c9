"""Encryption and decryption: what snapshots go through against age itself, taking turns on the same file.

    tests/bench/run.sh age [--megabytes N] [--rounds N]

Prints medians and ratios; nothing fails because a machine is slow. Files are in memory: the disk is not what is measured.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from measure import REPOSITORY, in_turns

OURS = REPOSITORY / "build" / "dev" / "tests" / "age"


class Way:
    """A program's way to do it; out is what it writes."""

    def __init__(self, name, command, out):
        self.name, self.command, self.out = name, [str(word) for word in command], out
        self.seconds, self.processor = [], []

    def measure(self):
        self.out.unlink(missing_ok=True)
        start = time.monotonic()
        child = os.posix_spawnp(self.command[0], self.command, os.environ)
        _, status, used = os.wait4(child, 0)
        assert status == 0, self.command
        self.seconds.append(time.monotonic() - start)
        self.processor.append(used.ru_utime + used.ru_stime)


def report(title, ways, megabytes):
    print(title)
    for way in ways:
        rate = megabytes / statistics.median(way.seconds)
        print(f"  {way.name:8} {rate:7.0f} MB/s  {statistics.median(way.processor):6.2f} s of processors")
    ours, theirs = ways
    print(f"  {statistics.median(theirs.seconds) / statistics.median(ours.seconds):.2f} times as fast as age, with "
          f"{statistics.median(ours.processor) / statistics.median(theirs.processor):.2f} times its processor time\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        subprocess.run(["age-keygen", "-o", folder / "key"], check=True, capture_output=True)
        recipient = subprocess.run(["age-keygen", "-y", folder / "key"], check=True, capture_output=True, text=True).stdout.strip()
        with open(folder / "plain", "wb") as plain:
            for _ in range(options.megabytes):
                plain.write(os.urandom(1000000))
        encrypt = [Way("drydock", [OURS, "encrypt", folder / "plain", folder / "ours.age", recipient], folder / "ours.age"),
                   Way("age", ["age", "-r", recipient, "-o", folder / "theirs.age", folder / "plain"], folder / "theirs.age")]
        for way in in_turns(encrypt, options.rounds):
            way.measure()
        report("encrypt", encrypt, options.megabytes)
        (folder / "ours.age").unlink()
        (folder / "plain").unlink()
        decrypt = [Way("drydock", [OURS, "decrypt", folder / "theirs.age", folder / "ours", folder / "key"], folder / "ours"),
                   Way("age", ["age", "-d", "-i", folder / "key", "-o", folder / "theirs", folder / "theirs.age"],
                       folder / "theirs")]
        for way in in_turns(decrypt, options.rounds):
            way.measure()
        report("decrypt", decrypt, options.megabytes)


if __name__ == "__main__":
    main()

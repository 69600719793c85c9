"""The program under test: where it is, how it is run, what it gives back."""

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cluster import clean_environment

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Done:
    """What a command gave back. last_line: of stdout, where the outcome is told, or of stderr if stdout is silent."""
    code: int
    stdout: str
    stderr: str

    @property
    def last_line(self):
        for text in (self.stdout, self.stderr):
            lines = [line for line in text.splitlines() if line.strip()]
            if lines:
                return lines[-1]
        return ""

    def json(self):
        return json.loads(self.stdout)

    def __str__(self):
        return f"exit {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


def inner(process):
    """The process that works, where the Popen is its guardian (`drydock run`); else None."""
    with contextlib.suppress(OSError):
        for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split():
            if os.readlink(f"/proc/{pid}/exe") == os.readlink(f"/proc/{process.pid}/exe"):
                return int(pid)
    return None


def is_stopped(process):
    """Whether the process that works stands still, as it does at a failpoint."""
    pid = inner(process) or process.pid
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "T"


def kill_both(process):
    """SIGKILL for a drydock and, at the same moment, for the process that works for it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGSTOP)
        worker = inner(process)
        if worker is not None:
            os.kill(worker, signal.SIGKILL)
        os.kill(process.pid, signal.SIGKILL)


class Drydock:
    """Runs the program under test. drydock("status", "--json", dsn=database.dsn())"""

    # Commands that write to a state folder.
    STATEFUL = ("run", "recover", "runs", "report", "rehearse", "prune")

    def __init__(self, binary=None):
        self.binary = Path(binary or os.environ.get("DRYDOCK_BIN", REPOSITORY / "build" / "dev" / "drydock"))
        self.folder = Path(tempfile.mkdtemp(prefix="drydock-state-"))
        atexit.register(self.close)
        self._can = {}

    def exists(self):
        return os.access(self.binary, os.X_OK)

    def can(self, command):
        """Whether the binary is there and knows the command."""
        if command not in self._can:
            self._can[command] = False
            if self.exists():
                told = self(command, "--help")
                self._can[command] = told.code == 0 and command in told.stdout
        return self._can[command]

    @property
    def state(self):
        """The state folder of the commands that have one."""
        return self.folder / "state"

    def command(self, *arguments, dsn=None):
        command = [str(self.binary), *map(str, arguments)]
        if dsn is not None:
            command += ["--dsn", dsn]
        if arguments and arguments[0] in self.STATEFUL and "--state" not in arguments and "--help" not in arguments:
            command += ["--state", str(self.state)]
        return command

    def environment(self, env=None):
        """Everything that drydock keeps at home goes into a folder of ours."""
        home = {"HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder), "NO_COLOR": "1",
                "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
        return {**clean_environment(), **home, **(env or {})}

    def __call__(self, *arguments, dsn=None, env=None, timeout=120, stdin=None):
        done = subprocess.run(self.command(*arguments, dsn=dsn), env=self.environment(env), capture_output=True,
                              cwd=self.folder, input=stdin, timeout=timeout, check=False)
        result = Done(done.returncode, done.stdout.decode("utf-8", "replace"),
                      done.stderr.decode("utf-8", "replace"))
        assert "AddressSanitizer" not in result.stderr and "runtime error:" not in result.stderr, str(result)
        return result

    @contextlib.contextmanager
    def started(self, *arguments, dsn=None, env=None):
        """A running drydock as a Popen, which is ended at the end of the with if it still runs."""
        process = subprocess.Popen(self.command(*arguments, dsn=dsn), env=self.environment(env), cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                kill_both(process)
            process.communicate()

    def fresh_state(self):
        shutil.rmtree(self.state, ignore_errors=True)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

"""The check of the include direction finds what it is there for."""

import subprocess
import sys

import pytest

from program import REPOSITORY

SOUND = {
    "main.c": '#include "cli/command.h"\n',
    "cli/command.h": '#include "run/run.h"\n#include <stdio.h>\n',
    "run/run.h": '#include "pg/connection.h"\n#include <glib.h>\n',
    "pg/connection.h": '#include "base/error.h"\n',
    "pg/connection.c": '#include <libpq-fe.h>\n',
    "base/error.h": "#include <glib.h>\n",
}


def check(folder, files):
    for name, text in {**SOUND, **files}.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return subprocess.run([sys.executable, str(REPOSITORY / "tests" / "layers.py"), str(folder)],
                          capture_output=True, text=True, check=False)


def test_sound_includes_pass(tmp_path):
    done = check(tmp_path, {})
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("files, said", [
    ({"base/clock.c": '#include "pg/connection.h"\n'}, "src/base/clock.c:1: \"pg/connection.h\" points upwards"),
    ({"run/open.c": "\n#include <libpq-fe.h>\n"}, "src/run/open.c:2: <libpq-fe.h> may only be included in"),
    ({"run/open.c": "#include <ncurses.h>\n"}, "<ncurses.h> has no place"),
    ({"run/open.c": '#include "run.h"\n'}, "does not name its folder"),
    ({"verify/a.h": '#include "store/b.h"\n', "store/b.h": '#include "verify/a.h"\n'}, "src/store: includes"),
])
def test_unsound_includes_fail(tmp_path, files, said):
    done = check(tmp_path, files)
    assert done.returncode == 1
    assert said in done.stdout

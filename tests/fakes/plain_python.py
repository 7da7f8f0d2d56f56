"""An environment with pytest alone, as a project in the tests has: nothing of the bot's, and no plugins.

The plugins of the environment that runs the tests would be loaded in every session in the sandbox: a fifth of
the processor time of a small run.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from functools import cache
from pathlib import Path

from fakes.packages import copy_pytest
from testsmith.languages.python.running.python_version import interpreters_in

_FOLDER = "PLAIN_PYTHON_OF_TESTS"
"""The variable that names the folder to all processes of a session."""

_LOCK = "lock"
_made: list[Path] = []


def share_plain_environment() -> None:
    """Choose the folder of the environment for this process and those that it starts."""
    if _FOLDER not in os.environ:
        _made.append(Path(tempfile.mkdtemp(prefix="plain-python-", dir="/tmp")))
        _made[0].chmod(0o755)
        os.environ[_FOLDER] = str(_made[0])


@cache
def plain_environment() -> Path:
    """Return the environment, made by the process that is the first to ask for it; everybody may read it."""
    share_plain_environment()
    home = Path(os.environ[_FOLDER])
    with (home / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "done").exists():
            _make(home)
            (home / "done").touch()
    return home


def _make(home: Path) -> None:
    venv.create(home, symlinks=True)
    [packages] = home.glob("lib/python3*/site-packages")
    copy_pytest(packages)
    for other in interpreters_in([Path("/usr/local/bin"), Path("/usr/bin")]):
        # They borrow pytest from it, and would compile it in each process, too.
        if other.version != sys.version_info[:2]:
            subprocess.run((other.path, "-m", "compileall", "-q", packages), check=False)


def remove_plain_environment() -> None:
    """Remove the environment, if this process has chosen its folder."""
    while _made:
        shutil.rmtree(_made.pop())
        del os.environ[_FOLDER]
        plain_environment.cache_clear()

"""An environment with pytest alone, as a project in the tests has: nothing of the bot's, and no plugins.

The plugins of the environment that runs the tests would be loaded in every session in the sandbox: a fifth of
the processor time of a small run.
"""

from __future__ import annotations

import shutil
import tempfile
import venv
from functools import cache
from pathlib import Path

from fakes.packages import copy_pytest


@cache
def plain_environment() -> Path:
    """Return the environment of this process, made when it is first asked for; everybody may read it."""
    home = Path(tempfile.mkdtemp(prefix="plain-python-", dir="/tmp"))
    home.chmod(0o755)
    venv.create(home, symlinks=True)
    [packages] = home.glob("lib/python3*/site-packages")
    copy_pytest(packages)
    return home


def remove_plain_environment() -> None:
    """Remove the environment, if it was made."""
    if plain_environment.cache_info().currsize:
        shutil.rmtree(plain_environment())
        plain_environment.cache_clear()

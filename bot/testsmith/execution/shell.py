"""Run commands that a maintainer has written, always inside the sandbox. Never run text from a repository."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path

from testsmith.execution.sandbox.interface import ProcessOutcome, shown

_BASH = ("/bin/bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c")
_SH = ("/bin/sh", "-e", "-c")
_IN_FOLDER = """
import os, sys
os.chdir(sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])
"""

_MOST_WORDS = 400
_MOST_OUTPUT = 20_000
_END_OF_BUILD = "[end of output]"
"""Line at which pip's output of a failed build ends."""

_BEGIN_OF_BUILD = "[stderr]"
"""Line at which uv's output of a failed build begins."""


def in_real_folder(program: Path) -> Path:
    """Resolve all links but the last, which distinguishes a virtual environment from its base."""
    return program.parent.resolve() / program.name


OWN_PYTHON = in_real_folder(Path(sys.executable))
"""The interpreter that runs the bot, by a path that leads through no link."""


def shell_command() -> tuple[str, ...]:
    """Return the shell command to append a script to: bash if installed, as in workflow steps."""
    return _BASH if Path(_BASH[0]).exists() else _SH


def in_folder(python: Path, folder: Path, argv: Iterable[str]) -> tuple[str, ...]:
    """Return a command that runs another command in a folder, which may be read-only.

    Args:
        python: An interpreter; the sandbox derives the readable paths from it.
        folder: Working folder of the other command.
        argv: The other command, with an absolute path of the program.
    """
    return (str(python), "-I", "-c", _IN_FOLDER, str(folder), *argv)


def last_words(done: ProcessOutcome, option: str) -> str:
    """Return the most useful part of a program's output as plain text: its error lines, or the last line.

    Args:
        done: How the program ended.
        option: The flag that sets its time limit, without dashes.
    """
    if done.timed_out:
        return f"it exceeded the time limit; raise it with --{option}"
    if done.exceeded:
        return f"it took {done.exceeded}"
    text = shown(done.stderr, _MOST_OUTPUT) or shown(done.stdout, _MOST_OUTPUT)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = _reason(lines) if lines else f"it ended with {done.exit_code}"
    return said if len(said) <= _MOST_WORDS else f"{said[:_MOST_WORDS]} ..."


def _reason(lines: list[str]) -> str:
    """Return the most informative text: last line of a failed build, else the errors, else the last line."""
    if _END_OF_BUILD in lines[1:]:
        return lines[lines.index(_END_OF_BUILD) - 1]
    data = lines[lines.index(_BEGIN_OF_BUILD) + 1 :] if _BEGIN_OF_BUILD in lines else []
    if data and _is_no_hint(data[0]):
        return list(takewhile(_is_no_hint, data))[-1]
    causes = [line.removeprefix("cause: ") for line in lines if line.startswith("cause: ")]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return "; ".join(dict.fromkeys(causes[-1:] or errors)) or lines[-1]


def _is_no_hint(line: str) -> bool:
    return not line.startswith("hint:")

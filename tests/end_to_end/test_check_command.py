"""The command that is printed below a suggestion, pasted into the repository."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.command_line import CommandLine
from fakes.plain_python import plain_environment

MODULE = '''
def fee(total):
    """Return the fee for an amount."""
    if total > 100:
        return 0
    return 5
'''

OWN_TESTS = """
from fees import fee


def test_fee_slow_one():
    assert [fee(100), fee(101)] == [5, 0]


def test_fee_is_there():
    assert fee
"""


@pytest.mark.slow
def test_check_command__gives_the_same_in_the_repository(command_line: CommandLine, tmp_path: Path) -> None:
    repo = tmp_path / "fees project"
    (repo / "tests").mkdir(parents=True)
    (repo / "fees.py").write_text(MODULE)
    (repo / "tests" / "test_fees.py").write_text(OWN_TESTS)
    subprocess.run(("git", "init", "-q", str(repo)), check=True)
    interpreter = os.path.relpath(plain_environment() / "bin" / "python", command_line.home)
    typed = (
        "--all",
        "fees.py",
        "--python",
        interpreter,
        "--test-command",
        "pytest -k 'not slow'",
        "--runs",
        "1",
    )

    first = command_line.run("suggest", "--repo", os.path.relpath(repo, command_line.home), *typed)
    assert first.code == 0, first.stderr
    printed = re.search(r"reproduce:\s+(?P<command>testsmith .*)", first.stdout)
    assert printed is not None, first.stdout

    again = _pasted(printed["command"], repo, command_line)
    assert _suggestions(again) == _suggestions(first.stdout)
    assert "1 of 1" in again, again

    without = re.sub(r" --test-command '.*?slow'\S*", "", printed["command"])
    assert without != printed["command"]
    assert "check it" not in _pasted(without, repo, command_line)  # its own tests notice all


def _pasted(command: str, folder: Path, command_line: CommandLine) -> str:
    text = f'testsmith() {{ {shlex.quote(sys.executable)} -m testsmith "$@"; }}; {command}'
    done = subprocess.run(
        ("bash", "-c", text),
        cwd=folder,
        env=command_line.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _suggestions(text: str) -> list[str]:
    """Return the lines of what is shown of the suggestions themselves: all but the command and the time."""
    body = text[text.index("\n1   ") :].partition("\ntests: ")[0]
    return [line for line in body.splitlines() if "check it" not in line]

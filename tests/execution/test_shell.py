from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testsmith.execution.sandbox.interface import ProcessOutcome
from testsmith.execution.shell import last_words

PIP = """\
      error: no compiler
      [end of output]
  note: This error originates from a subprocess, and is likely not a problem with pip.
ERROR: Failed building wheel for shop
"""
UV = """\
  Building shop @ file:///project
error: Failed to build `shop @ file:///project`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)

         [stderr]
         Traceback (most recent call last):
         no compiler

hint: This error likely indicates a missing package.

or install it yourself
"""
UNSOLVED = """\
error: No solution found when resolving dependencies
  cause: Because nothing was found, your requirements are unsatisfiable.
"""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (PIP, "error: no compiler"),
        ("ERROR: one\nERROR: one\nERROR: two\nhelp\n", "one; two"),
        (UV, "no compiler"),
        (UNSOLVED, "Because nothing was found, your requirements are unsatisfiable."),
        ("first\nlast\n\n", "last"),
        ("[stderr]", "[stderr]"),
        ("[stderr]\nhint: none", "hint: none"),
        ("", "it ended with 1"),
    ],
)
def test_last_words__what_says_the_most(said: str, words: str) -> None:
    done = ProcessOutcome(exit_code=1, stdout=b"", stderr=said.encode(), seconds=1.0)
    assert last_words(done, "install-seconds") == words


def test_last_words__a_limit() -> None:
    late = ProcessOutcome(exit_code=-9, stdout=b"", stderr=b"", seconds=1.0, timed_out=True)
    assert last_words(late, "suite-seconds") == "it exceeded the time limit; raise it with --suite-seconds"
    large = ProcessOutcome(
        exit_code=-9, stdout=b"", stderr=b"", seconds=1.0, exceeded="more than 1 MiB of disk"
    )
    assert last_words(large, "suite-seconds") == "it took more than 1 MiB of disk"


def test_own_python__is_named_without_links_on_the_way(tmp_path: Path) -> None:
    """The sandbox opens no path through a link, and a home folder may be one."""
    program = Path(sys.executable)
    (tmp_path / "link").symlink_to(program.parent.parent)
    code = "from testsmith.execution.shell import OWN_PYTHON; print(OWN_PYTHON)"
    asked = [str(tmp_path / "link" / "bin" / program.name), "-c", code]
    found = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    assert found == str(program.parent.resolve() / program.name)

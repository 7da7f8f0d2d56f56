"""What becomes of the result where the streams of the process are not as one would wish."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.command_line import CommandLine

CHANGES = ("--base", "main", "--head", "change", "--provider", "offline", "--only", "pyproject.toml")


def in_a_shell(command_line: CommandLine, shop: Path, ending: str, **variables: str) -> tuple[int, str, str]:
    """Run the program in a shell that ends its command line in a particular way."""
    program = (sys.executable, "-m", "testsmith", "suggest")
    command = (*program, "--repo", str(shop), *CHANGES, "--format", "text")
    done = subprocess.run(
        ("bash", "-c", f"set -o pipefail; {shlex.join(command)} {ending}"),
        capture_output=True,
        text=True,
        env={**command_line.environment(), **variables},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("ending", ["| true", ">&-", "2>&- | cat", "<&-"])
def test_streams__a_reader_that_has_gone(command_line: CommandLine, shop: Path, ending: str) -> None:
    code, _, told = in_a_shell(command_line, shop, ending)

    assert code == 0, told
    assert "Traceback" not in told
    assert "Broken" not in told


def test_streams__nothing_can_be_written(command_line: CommandLine, shop: Path) -> None:
    code, _, told = in_a_shell(command_line, shop, ">/dev/full")

    assert code == 1
    assert "testsmith: Could not write the result to standard output: No space left on device.\n" in told
    assert "Traceback" not in told
    assert "Exception" not in told


def test_streams__an_encoding_that_lacks_characters(command_line: CommandLine, shop: Path) -> None:
    code, printed, told = in_a_shell(command_line, shop, "", PYTHONIOENCODING="ascii")

    assert code == 0, told
    assert printed.isascii()
    assert "Traceback" not in told


def test_streams__a_file_gets_the_result_in_the_format_of_its_suffix(
    command_line: CommandLine, shop: Path, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    ran = command_line.run("suggest", "--repo", str(shop), *CHANGES, "-o", str(file))

    assert ran.code == 0, ran.stderr
    assert json.loads(file.read_text(encoding="utf-8"))["members"] == []
    assert ran.stdout == ""
    assert f"testsmith: wrote {file}\n" in ran.stderr


def test_streams__a_file_that_cannot_be_written_is_reported_first(
    command_line: CommandLine, shop: Path, tmp_path: Path
) -> None:
    ran = command_line.run("suggest", "--repo", str(shop), *CHANGES, "-o", str(tmp_path))

    assert ran.code == 2
    assert ran.stderr == f"testsmith: --output {tmp_path} is a folder; name a file in it.\n"

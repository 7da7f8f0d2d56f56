from __future__ import annotations

import shutil
import subprocess

import pytest

from testsmith.subcommands.completion import SHELLS, script
from testsmith.subcommands.parser import command_line_parser

COMPLETE = """
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_shtab_testsmith
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(words: str) -> set[str]:
    """Return what bash suggests for the last of some words."""
    code = script(command_line_parser(), "bash") + COMPLETE.format(words=words)
    done = subprocess.run(("bash", "-c", code), capture_output=True, text=True, check=True)
    return {word.strip() for word in done.stdout.splitlines() if word}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("testsmith s", {"suggest", "sweep"}),
        ("testsmith suggest --max-m", {"--max-members", "--max-minutes", "--max-mutants"}),
        ("testsmith suggest --format ''", {"text", "markdown", "json", "html"}),
        ("testsmith suggest --sandbox st", {"strict"}),
        ("testsmith cache ''", {"stats", "prune", "clear"}),
    ],
)
def test_script__completes_in_bash(words: str, expected: set[str]) -> None:
    assert completed(words) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_script__is_valid(shell: str) -> None:
    text = script(command_line_parser(), shell)
    assert "testsmith" in text
    if shutil.which(shell):
        subprocess.run((shell, "-n"), input=text, text=True, check=True)

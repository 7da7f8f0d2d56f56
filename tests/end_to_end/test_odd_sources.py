"""Sources as they are found: odd ones cost their own members at most, and say nothing on our streams."""

from __future__ import annotations

from pathlib import Path

from fakes.command_line import CommandLine
from fakes.git_repository import GitRepository


def test_suggest__odd_sources_beside_an_ordinary_one(command_line: CommandLine, tmp_path: Path) -> None:
    made = GitRepository.create(tmp_path / "project")
    made.commit({"README.md": "A project.\n"})
    made.git("checkout", "-q", "-b", "topic")
    made.commit(
        {
            "nested.py": f"def nested(a: int) -> int:\n    return {'-' * 5000}a\n",
            "warned.py": "def warned(a: str) -> str:\n    return a + '\\d'\n",
            "loud.py": "import os\nos.write(1, b'LOUD')\nos.write(2, b'LOUD')\nLOUD = True\n"
            "def loud(a: int) -> int:\n    return a + 1\n",
        }
    )

    ran = command_line.suggest(
        made.folder, "--base", "main", "--head", "topic", "--provider", "offline", "--no-verify"
    )

    assert ran.code == 0, ran.stderr
    assert "SyntaxWarning" not in ran.stderr
    assert "LOUD" not in ran.stderr
    assert not ran.stdout.startswith("LOUD")
    suggested = {one["member"] for one in ran.report["suggestions"]}
    assert suggested == {"warned.py::warned", "loud.py::loud"}
    [skipped] = ran.report["skipped"]  # the whole file where this Python's own parser gives up before
    assert skipped["path"] == "nested.py"
    assert "nested too deep" in skipped["reason"]

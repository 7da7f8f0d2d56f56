"""A sweep of a whole project, as a person starts it."""

from __future__ import annotations

from pathlib import Path

from fakes.command_line import CommandLine


def test_sweep__proposes_proven_tests_for_a_whole_project(command_line: CommandLine, shop: Path) -> None:
    ran = command_line.run("sweep", "--repo", str(shop), "--provider", "offline", "--format", "json")

    assert ran.code == 0, ran.stderr
    assert ran.report["suggestions"]

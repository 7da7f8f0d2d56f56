"""The steps of a sweep that several machines share, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakes.command_line import CommandLine


@pytest.fixture(name="parts")
def _parts(command_line: CommandLine, shop: Path, tmp_path: Path) -> Path:
    """A folder with the plan for two machines."""
    parts = tmp_path / "parts"
    ran = command_line.run(*sweep(shop, parts), "--plan", "2")
    assert ran.code == 0, ran.stderr
    assert [line.partition(" ")[0] for line in ran.stdout.splitlines()] == ["1/2", "2/2"]
    return parts


def sweep(project: Path, parts: Path) -> tuple[str, ...]:
    place = ("--repo", str(project), "--parts", str(parts))
    return ("sweep", *place, "--provider", "offline", "--max-members", "4")


def test_collect__without_a_report_all_is_left_to_the_next_sweep(
    command_line: CommandLine, shop: Path, parts: Path
) -> None:
    plan = json.loads((parts / "plan.json").read_text())
    (parts / "shard-1of2.json").write_text("{}")
    ran = command_line.run(*sweep(shop, parts), "--collect", "--format", "json")
    assert ran.code == 0, ran.stderr
    report = json.loads(ran.stdout)
    left = {one["member"]: one for one in report["skipped"] if one["stage"] == "budget"}
    assert set(left) == {member for shard in plan["shards"] for member in shard}
    assert "Could not use shard-1of2.json" in ran.stdout + ran.stderr


def test_steps__what_cannot_be_done_is_said(
    command_line: CommandLine, shop: Path, parts: Path, tmp_path: Path
) -> None:
    for words, told in (
        (("--shard", "3/2"), "--shard must be written as 2/4"),
        (("--shard", "1/3"), "the plan has 2 shards"),
        (("--plan", "0"), "from 1 to 256"),
        (("--plan", "2", "--dry-run"), "--dry-run cannot be used with --plan"),
    ):
        ran = command_line.run(*sweep(shop, parts), *words)
        assert (ran.code, told in ran.stderr) == (2, True), ran.stderr
    ran = command_line.run(*sweep(shop, tmp_path / "none"), "--collect")
    assert (ran.code, "create the plan first" in ran.stderr) == (2, True)

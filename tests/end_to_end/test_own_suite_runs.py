"""What a run makes of the project's own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.command_line import CommandLine

MEMBER = "src/shop/stock.py::reserve"
BASIC = ("--base", "main", "--provider", "offline", "--only", MEMBER)


def test_suggest__a_coverage_file_that_is_not_there(command_line: CommandLine, shop: Path) -> None:
    ran = command_line.suggest(shop, *BASIC, "--coverage", "none/coverage.xml")
    assert (ran.code, ran.stdout) == (2, "")
    assert "There is no file none/coverage.xml" in ran.stderr


@pytest.mark.slow
def test_suggest__a_measurement_is_kept_and_is_no_result(
    command_line: CommandLine, shop: Path, tmp_path: Path
) -> None:
    cache = ("--cache-dir", str(tmp_path / "cache"))
    ran = command_line.suggest(shop, *BASIC, *cache)
    assert ran.code == 0, ran.stderr
    assert all(one["evidence"]["lines_gained"] is not None for one in ran.report["suggestions"])
    assert ran.report["stats"]["cache_entries"] == 0

    assert (tmp_path / "cache" / "measurements-v1.sqlite3").is_file()
    assert command_line.run("cache", "stats", *cache).stdout.startswith("0 entries, ")
    assert command_line.run("cache", "clear", *cache).stdout.startswith("0 entries removed")

"""What a run says where the project's code cannot be run."""

from __future__ import annotations

from pathlib import Path

from fakes.command_line import CommandLine
from fakes.endpoint import Endpoint


def test_suggest__a_module_that_does_not_load_costs_no_call(command_line: CommandLine, shop: Path) -> None:
    broken = shop / "src/shop/stock.py"
    broken.write_text(f"import no_such_library\n{broken.read_text(encoding='utf-8')}", encoding="utf-8")

    with Endpoint() as endpoint:
        arguments = (
            "--base",
            "main",
            "--base-url",
            endpoint.url,
            "--model",
            "small",
            "--only",
            "src/shop/stock.py",
        )
        ran = command_line.suggest(shop, *arguments)

    assert ran.code == 0, ran.stderr
    assert endpoint.requests == []
    [skipped] = ran.report["skipped"]
    assert (skipped["member"], skipped["stage"]) == ("src/shop/stock.py::reserve", "environment")
    assert "no_such_library" in skipped["reason"]


def test_suggest__an_interpreter_without_pytest(command_line: CommandLine, shop: Path) -> None:
    ran = command_line.suggest(
        shop, "--base", "main", "--provider", "offline", "--python", "/usr/bin/python3"
    )

    if ran.report["suggestions"]:  # this machine's own Python has pytest
        return
    assert ran.code == 0, ran.stderr
    assert {one["stage"] for one in ran.report["skipped"]} == {"environment"}
    assert all("pytest" in one["reason"] for one in ran.report["skipped"])

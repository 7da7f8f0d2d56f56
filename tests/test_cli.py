"""What the command line says of itself, and of words that it does not know."""

from __future__ import annotations

import gc
import os
import time
from io import StringIO
from pathlib import Path

import pytest

from testsmith.__main__ import SUPERVISED
from testsmith.app import App
from testsmith.cli import run
from testsmith.settings import EVERY_OPTION
from testsmith.subcommands.parser import command_line_parser


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("sugest", "Did you mean `suggest`?"),
        ("suggest --max-member 3", "Did you mean `--max-members`?"),
        ("sweep --dryrun", "Did you mean `--dry-run`?"),
        ("prove a.py --test-seconds 9", "It is an option of `suggest`, "),
    ],
)
def test_parser__names_the_nearest_word(line: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line_parser().parse_args(line.split())
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_run__without_arguments_shows_the_help() -> None:
    stderr = StringIO()
    assert run([], App(environment={}, stdout=StringIO(), stderr=stderr)) == 2
    assert "suggest proven tests for a change" in stderr.getvalue()


def test_help__shows_every_option_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line_parser().parse_args(["suggest", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for option in EVERY_OPTION:
        if option.has_flag:
            assert f"--{option.name}" in told
            assert f"(default: {option.default_text})" in told


def test_cache__looks_where_the_variable_says(tmp_path: Path) -> None:
    stdout = StringIO()
    app = App(environment={"TESTSMITH_CACHE_DIR": str(tmp_path / "own")}, stdout=stdout, stderr=stdout)
    assert run(["cache", "stats"], app) == 0
    gc.collect()  # a file left open would be an error here
    assert stdout.getvalue().endswith(f"in {tmp_path / 'own'}\n")


def test_cache__counts_and_removes_installed_environments(tmp_path: Path) -> None:
    def said(action: str) -> str:
        stdout = StringIO()
        app = App(environment={}, stdout=stdout, stderr=stdout)
        assert run(["cache", action, "--cache-dir", str(tmp_path)], app) == 0
        return stdout.getvalue()

    for name, days in (("new", 0), ("old", 8)):
        made = tmp_path / "environments" / name
        (made / "environment").mkdir(parents=True)
        (made / "environment" / "file").write_bytes(b"12345678")
        (made / "environment" / "link").symlink_to("/")  # is never followed
        os.utime(made, (time.time() - days * 86_400,) * 2)
    assert said("stats").endswith(f" and 2 installed environments (16 bytes) in {tmp_path}\n")
    assert said("prune") == f"0 results and 1 installed environment removed from {tmp_path}\n"
    assert [one.name for one in (tmp_path / "environments").iterdir()] == ["new"]
    assert said("clear") == f"0 results and 1 installed environment removed from {tmp_path}\n"
    assert " and 0 installed environments (0 bytes)" in said("stats")


def test_main__supervises_all_commands_that_run_code() -> None:
    [commands] = [one.choices for one in command_line_parser()._actions if isinstance(one.choices, dict)]
    running = {name for name, parser in commands.items() if "--sandbox" in parser.flags or name == "mcp"}
    assert running <= SUPERVISED
    assert {"suggest", "prove"} <= running

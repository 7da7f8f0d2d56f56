"""Fixtures for all tests: nothing of the machine's environment reaches them."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from fakes.command_line import CommandLine

EXAMPLES = Path(__file__).parent.parent / "examples"
sys.path.insert(0, str(EXAMPLES))


def pytest_configure() -> None:
    """Let the children of the tests heed signals, though the suite was started with them ignored.

    A child inherits what its parent ignores, as under `nohup` or in the background of a script, but not what
    its parent handles.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(name="command_line")
def _command_line(tmp_path: Path) -> CommandLine:
    home = tmp_path / "home"
    home.mkdir()
    return CommandLine(home)


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Path:
    """The example project: branch `main`, and branch `change` with the pull request checked out."""
    from make_repository import make_repository

    make_repository(tmp_path / "shop")
    return tmp_path / "shop"

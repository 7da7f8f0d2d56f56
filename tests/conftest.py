"""Fixtures for all tests: nothing of the machine's environment reaches them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from fakes.command_line import CommandLine
from fakes.fork_server import fork_server
from fakes.plain_python import plain_environment, remove_plain_environment, share_plain_environment

EXAMPLES = Path(__file__).parent.parent / "examples"
sys.path.insert(0, str(EXAMPLES))

NOT_QUICK = (
    "container",
    "end_to_end",
    "execution",
    "languages/python/explorer",
    "languages/python/running",
    "review",
    "toolchains",
    "test_publish.py",
    "verification/corpus",
    "verification/test_evidence.py",
    "verification/test_mutation.py",
    "verification/test_baseline_mutants.py",
    "verification/test_planted_bugs.py",
    "verification/test_prove.py",
)
"""Folders and files whose tests start interpreters, install packages or drive whole pull requests."""


@cache
def is_quick(path: Path) -> bool:
    """Tell whether the tests of a file or folder belong to `make quick`."""
    inner = path.relative_to(Path(__file__).parent)
    return not any(inner.is_relative_to(one) for one in NOT_QUICK)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Spare `make quick` the loading of what it leaves out; None leaves the choice to pytest."""
    return True if config.option.markexpr == "quick" and not is_quick(collection_path) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark the tests of the quick tier, before others choose by marks; let each worker begin with slow ones.

    So the end of a run waits for none. The order is by chance otherwise.
    """
    for item in items:
        if is_quick(item.path) and item.get_closest_marker("slow") is None:
            item.add_marker(pytest.mark.quick)
    yield
    items.sort(key=_quickness)
    items[:] = dealt(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def _quickness(item: pytest.Item) -> int:
    """Return 0 for a test that takes minutes, 1 for a slow one, 3 for one of the quick tier, 2 for others."""
    slow = item.get_closest_marker("slow")
    if slow is not None:
        return int("minutes" not in slow.args)
    return 2 + (item.get_closest_marker("quick") is not None)


def dealt(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """Deal items out like cards: `--dist worksteal` gives each worker one of as many equal parts.

    Those of an `xdist_group` go to one worker, so that it makes their fixtures once.
    """
    hands: list[list[pytest.Item]] = [[] for _ in range(workers)]
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        hand = min(hands, key=len)
        group = item.get_closest_marker("xdist_group")
        if group is not None:
            hand = groups.setdefault(group.args[0], hand)
        hand.append(item)
    return [item for hand in hands for item in hand]


def pytest_configure() -> None:
    """Let the workers, which start later, share an environment, and let the tests' children heed signals.

    A child inherits what its parent ignores, as under `nohup` or in the background of a script, but not what
    its parent handles.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    share_plain_environment()


def pytest_unconfigure() -> None:
    """Leave nothing in the temporary folder of the machine."""
    remove_plain_environment()


@pytest.fixture(name="command_line")
def _command_line(tmp_path: Path) -> CommandLine:
    home = tmp_path / "home"
    home.mkdir()
    fork_server()  # begins to import the program
    return CommandLine(home, plain_environment())


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Path:
    """The example project: branch `main`, and branch `change` with the pull request checked out."""
    from make_repository import make_repository

    make_repository(tmp_path / "shop")
    return tmp_path / "shop"

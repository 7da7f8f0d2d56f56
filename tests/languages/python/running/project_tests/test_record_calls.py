"""The calls that a project's tests make are recorded: real processes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

from fakes.engine import members_of
from fakes.workspaces import small_workspace
from testsmith.languages.python.running.project_tests.run import RecordedCall, record_calls, run_worker
from testsmith.model import Change

SHOP = """class Cart:
    def __init__(self, items, rate=1):
        self._items, self._rate = items, rate

    @property
    def size(self):
        return len(self._items)

    def total(self, *more, rounded=False):
        return _sum([*self._items, *more]) * self._rate

    def __getitem__(self, at):
        if at >= self.size:
            raise IndexError(at)
        return self._items[at]


def _sum(items):
    return sum(items)


def cart_of(text):
    return Cart([int(each) for each in text.split()])


def items(text):
    yield from cart_of(text)


def unused(text):
    return text
"""
TESTS = """from shop import Cart, cart_of, items, unused


class Basket(Cart):
    pass


def test_all(tmp_path):
    assert Cart([1, 2]).total(3, rounded=True) == 6
    assert cart_of("1 2").size == 2
    assert cart_of("3")[0] == 3
    assert list(items("4 5")) == [4, 5]
    assert Basket([object()]).size == 1
    assert unused(tmp_path) == tmp_path
"""


def recorded(folder: Path, names: set[str], tests: str = TESTS, seconds: float | None = None) -> list[str]:
    async def record() -> list[RecordedCall]:
        files = {"shop.py": SHOP, "tests/test_shop.py": tests}
        async with small_workspace(folder, files) as workspace:
            if seconds is not None:
                workspace = replace(workspace, recording_seconds=seconds)  # noqa: PLW2901
            members = [one for one in members_of(files, Change.CHANGED) if one.name in names]
            return await record_calls(workspace, members)

    return [each.text for each in asyncio.run(record())]


def test_record_calls__are_those_through_which_a_test_reaches_a_member(tmp_path: Path) -> None:
    assert recorded(tmp_path / "a", {"Cart.total"}) == ["Cart([1, 2]).total(3, rounded=True)"]
    assert recorded(tmp_path / "b", {"Cart.size"}) == [
        'cart_of("1 2").size',
        'cart_of("3")[0]',
        'items("4 5")',
    ]


def test_record_calls__are_none_if_the_tests_are_not_to_be_run(tmp_path: Path) -> None:
    assert recorded(tmp_path, {"Cart.total"}, seconds=0) == []


def test_record_calls__outlast_a_test_that_ends_its_process(tmp_path: Path) -> None:
    tests = TESTS + "\n\ndef test_end():\n    import os\n\n    os._exit(3)\n"

    assert recorded(tmp_path, {"Cart.total"}, tests) == ["Cart([1, 2]).total(3, rounded=True)"]


def test_record_calls__end_with_the_test_after_which_no_more_are_kept(tmp_path: Path) -> None:
    many = "\n\ndef test_many():\n    for each in range(400):\n        assert Cart([each]).total() == each\n"
    files = {
        "shop.py": SHOP,
        "tests/test_shop.py": f"from shop import Cart{many}{many.replace('many', 'more')}",
    }
    plan = {
        "spans": [{"file": "shop.py", "first": 9, "last": 10}],
        "names": ["Cart"],
        "own_names": ["Cart"],
        "files": [],
        "others_until": None,
        "modules": ["shop"],
        "only": None,
        "backwards": False,
        "part": [0, 1],
        "seconds": 20.0,
        "whole": False,
        "changes": None,
        "recorded": ["shop.py"],
    }

    async def run() -> bytes:
        async with small_workspace(tmp_path, files) as workspace:
            outcome, _ = await run_worker(workspace, plan)
            return outcome.stdout

    said = [json.loads(line) for line in asyncio.run(run()).splitlines() if line.strip()]
    assert [each["name"] for each in said if each["kind"] == "test"] == ["test_many"]
    assert sum(each["kind"] == "call" for each in said) == 300

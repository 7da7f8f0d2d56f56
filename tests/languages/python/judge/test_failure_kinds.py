"""What a failure of a test says about where it ran, and where a test begins."""

from __future__ import annotations

import pytest

from testsmith.languages.python.language import PYTHON
from testsmith.languages.source import CannotParse

JUDGE = PYTHON.judge


@pytest.mark.parametrize(
    "message",
    [
        "ModuleNotFoundError: No module named 'redis'",
        "in setup: fixture 'db' not found",
        "PermissionError: [Errno 13] Permission denied: '/var/run'",
        "FileNotFoundError: [Errno 2] No such file or directory: 'psql'",
        "importlib.metadata.PackageNotFoundError: No package metadata was found for shop",
        "redis.exceptions.ConnectionError: Error 111",
    ],
)
def test_is_of_environment__what_may_be_there_elsewhere(message: str) -> None:
    assert JUDGE.is_of_environment(message)


@pytest.mark.parametrize(
    "message",
    ["assert 1 == 2", "ValueError: connection", "AssertionError: ModuleNotFoundError", "TypeError: f()"],
)
def test_is_of_environment__what_the_code_does_is_not(message: str) -> None:
    assert not JUDGE.is_of_environment(message)


@pytest.mark.parametrize(
    ("message", "is_one"),
    [
        ("assert 1 == 2", True),
        ("AssertionError: 1 != 2", True),
        ("Failed: DID NOT RAISE <class 'ValueError'>", True),
        ("KeyError: 'assert'", False),
        ("asserted.Error: x", False),
    ],
)
def test_is_assertion(message: str, *, is_one: bool) -> None:
    assert JUDGE.is_assertion(message) is is_one


TEXT = """\
import pytest


@pytest.mark.slow
def test_a(): ...


class TestB:
    async def test_c(self): ...
"""


@pytest.mark.parametrize(("name", "line"), [("test_a", 5), ("TestB::test_c", 9), ("test_d", 0)])
def test_first_line__is_that_of_the_name(name: str, line: int) -> None:
    assert JUDGE.first_line(TEXT, name) == line


def test_first_line__of_what_cannot_be_parsed_is_unknown() -> None:
    assert JUDGE.first_line("def (", "test_a") == 0


SOURCE = b"""\
LIMIT = 3


def _private():
    def inner(): ...


class Cart:
    @property
    def total(self): ...

    def __len__(self): ...
"""


def test_functions__are_all_functions_and_methods_with_their_lines() -> None:
    found = PYTHON.source.functions(SOURCE, "shop.py")
    assert {(one.name, one.line, one.end_line) for one in found} == {
        ("_private", 4, 5),
        ("Cart.total", 9, 10),
        ("Cart.__len__", 12, 12),
    }
    with pytest.raises(CannotParse):
        PYTHON.source.functions(b"def (", "shop.py")

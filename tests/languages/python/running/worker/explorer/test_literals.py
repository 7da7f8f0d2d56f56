"""Values as the source text that a person would write."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import fractions
import math
import pathlib
import re
import sys
import uuid
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from testsmith.languages.python.running.worker.explorer.literals import (
    WrittenLiteral,
    evaluated,
    is_of_this_machine,
    written,
)


class Colour(enum.Enum):
    RED = 1


@dataclass
class Point:
    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)


class Pair(NamedTuple):
    left: int
    right: str


class Shown:
    def __init__(self, size: int) -> None:
        self.size = size

    def __repr__(self) -> str:
        return f"Shown({self.size})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shown) and other.size == self.size

    def __hash__(self) -> int:
        return self.size


class Named:
    """What it shows is no call of it, but its attributes have its parameters' names."""

    def __init__(self, name: str, size: int = 1, *, of: object = None) -> None:
        self.name, self.size, self.of = name, size, of

    def __repr__(self) -> str:
        return f"Named(name={self.name})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.name)


class Told(Named):
    """It shows its defaults as well."""

    def __repr__(self) -> str:
        return f"Told(name={self.name!r}, size={self.size!r}, of={self.of!r})"


class NeverEqual(Named):
    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = Named.__hash__


class ByIdentity:
    def __init__(self, name: str) -> None:
        self.name = name


def text(value: Any) -> str | None:
    result = written(value, 200)
    return None if result is None else result.text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "None"),
        (True, "True"),
        (-3, "-3"),
        (1_000_000, "1_000_000"),
        (1_234_567, "1234567"),
        (0.5, "0.5"),
        (1 / 3, "pytest.approx(0.333333333)"),
        (math.inf, "math.inf"),
        (1 + 2j, "(1+2j)"),
        ("plain", '"plain"'),
        ("it's", '"it\'s"'),
        ('say "hi"', "'say \"hi\"'"),
        ("\x00ä", '"\\x00ä"'),
        (b"\xff", 'b"\\xff"'),
        ([1, [2, "a"]], '[1, [2, "a"]]'),
        ((), "()"),
        ((1,), "(1,)"),
        ({3, 1, 2}, "{1, 2, 3}"),
        (set(), "set()"),
        (frozenset("ba"), 'frozenset({"a", "b"})'),
        ({"b": 1, "a": [2.5]}, '{"b": 1, "a": [2.5]}'),
        (range(3), "range(0, 3)"),
        (collections.Counter("aab"), 'Counter({"a": 2, "b": 1})'),
        (collections.deque([1]), "deque([1])"),
        (collections.defaultdict(list, a=[1]), '{"a": [1]}'),
        (dt.timedelta(days=1, hours=1), "timedelta(days=1, seconds=3600)"),
        (dt.timedelta(), "timedelta()"),
        (dt.date(2024, 2, 29), "date(2024, 2, 29)"),
        (dt.datetime(2024, 2, 29, 13), "datetime(2024, 2, 29, 13)"),  # noqa: DTZ001 - a naive one is meant
        (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "datetime(2024, 1, 1, tzinfo=timezone.utc)"),
        (dt.time(1, 2), "time(1, 2)"),
        (decimal.Decimal("1.50"), 'Decimal("1.50")'),
        (fractions.Fraction(1, 3), "Fraction(1, 3)"),
        (pathlib.Path("a/b"), 'Path("a/b")'),
        (uuid.UUID(int=5), 'UUID("00000000-0000-0000-0000-000000000005")'),
        (re.compile(r"\d+"), 're.compile(r"\\d+")'),
        (Colour.RED, "Colour.RED"),
        (Point(1), "Point(x=1)"),
        (Point(1, 2, ["a"]), 'Point(x=1, y=2, tags=["a"])'),
        (Pair(1, "b"), 'Pair(left=1, right="b")'),
        (Shown(3), "Shown(3)"),
        (Named("a"), 'Named(name="a")'),
        (Told("a"), 'Told(name="a")'),
        (Named("a", 2, of=[Named("b")]), 'Named(name="a", size=2, of=[Named(name="b")])'),
        (int, "int"),
        (Point, "Point"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,  # a set has no order
)
def test_written__as_a_person_would_write_it(value: object, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        object(),
        [object()],
        math.nan,
        lambda: 1,
        iter([1]),
        "x" * 300,
        [*range(100)],
        {1 / 3},
        pathlib.Path("/etc/hosts"),
        f"at 0x{id(object()):x}",
        str(pathlib.Path.cwd() / "file"),
        ValueError("x"),
        NeverEqual("a"),
        ByIdentity("a"),
        Named("a", of=object()),
        Named("a", of=1 / 3),
        Point(object()),  # type: ignore[arg-type]  # a field that cannot be written is meant
    ],
    ids=lambda value: type(value).__name__,
)
def test_written__gives_none_for_what_nobody_would_want_to_read(value: object) -> None:
    assert written(value, 200) is None


def test_written__gives_up_on_what_holds_itself() -> None:
    endless: list[object] = []
    endless.append(endless)

    assert written(endless, 200) is None


def test_written__names_the_imports_that_a_text_needs() -> None:
    result = written([dt.timedelta(days=1), 1 / 3], 200)

    assert result is not None
    assert result.imports == {("datetime", "timedelta"), ("pytest", "")}
    assert result.approximate


def test_written__keeps_only_texts_that_evaluate_to_the_same() -> None:
    class Liar(Shown):
        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = Shown.__hash__

    assert written(Liar(1), 200) is None


def test_evaluated__brings_the_value_back() -> None:
    assert evaluated(WrittenLiteral("math.inf", frozenset({("math", "")}))) == math.inf


def test_is_of_this_machine__knows_the_interpreter_and_the_working_folder() -> None:
    assert is_of_this_machine(f"in {sys.prefix}/lib")
    assert not is_of_this_machine("in lib")

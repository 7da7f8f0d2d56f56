"""What there is to reach in a file."""

from __future__ import annotations

from textwrap import dedent

import pytest

from testsmith.languages.python.source.coverable import decisions, reachable
from testsmith.languages.source import CannotParse


def lines(source: str) -> list[tuple[int, int]]:
    return [(one.start, one.stop - 1) for one in reachable(dedent(source).encode()).statements]


def ways(source: str) -> list[tuple[int, int, bool]]:
    return [(way.head.start, way.target.start, way.past) for way in reachable(dedent(source).encode()).ways]


def test_reachable__a_statement_of_several_lines_is_one() -> None:
    source = '''\
        """Docstring."""
        TABLE = [
            1,
        ]
        @decorated
        def total(
            value,
        ):
            """What it does."""
            return (value
                    + 1)
    '''

    assert lines(source) == [(2, 4), (5, 8), (10, 11)]


def test_reachable__what_does_nothing_does_not_count() -> None:
    source = """\
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            import decimal
        value: int
        def later(): ...
        def hidden():  # pragma: no cover
            return 1
        def seen():
            if 1:  # pragma: no cover
                return 2
            return 3
    """

    assert lines(source) == [(1, 1), (5, 5), (8, 8), (11, 11)]


def test_reachable__the_two_ways_of_what_decides() -> None:
    source = """\
        def pick(values):
            for value in values:
                if value:
                    return 1
                elif value is None:
                    values = 2
                else:
                    values = 3
            while values:
                values -= 1
            match values:
                case 0:
                    return 0
                case _:
                    return 5
    """

    assert ways(source) == [
        (2, 3, False),
        (2, 3, True),
        (3, 4, False),
        (3, 5, False),
        (5, 6, False),
        (5, 8, False),
        (9, 10, False),
        (9, 10, True),
        (11, 13, False),
        (11, 15, False),
    ]


def test_reachable__ways_that_lines_do_not_tell_apart_do_not_count() -> None:
    source = """\
        def pick(values):
            if values: return 1
            for value in values:
                if value:
                    continue
                print(value)
    """

    assert ways(source) == [(3, 4, False), (3, 4, True)]


@pytest.mark.parametrize("data", [b"def f(:\n", b"\0", b"# coding: none\n", b"x = " + b"(" * 500])
def test_reachable__refuses_what_is_no_python(data: bytes) -> None:
    with pytest.raises(CannotParse):
        reachable(data)


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("def f(): return 1", 0),
        ("def f(a):\n    if a and b or c:\n        return 1", 3),
        ("def f(a):\n    return [x for x in a if x]", 2),
        ("def f(a):\n    try:\n        g()\n    except A:\n        pass\n    except B:\n        pass", 2),
        ("def f(a):\n    match a:\n        case 1:\n            pass\n        case _:\n            pass", 2),
        ("no python at all", 0),
    ],
)
def test_decisions__as_mccabe_counts(source: str, number: int) -> None:
    assert decisions(source) == number

"""Neighbours of the values that a project gives its members: almost what it tests, and so what it may not."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from testsmith.generation.offline.expressions import Expression, Layer, quoted, unique
from testsmith.generation.offline.values import interleaved

_MOST = 8
_MOST_VARIED = 4
_LONGEST = 40


def varied(used: Iterable[Expression]) -> list[Expression]:
    """Return neighbours of the first of these values, in turn; a value that is no literal has none."""
    columns = [[*_neighbours(each)] for each in [*used][:_MOST_VARIED]]
    return unique(interleaved(columns))[:_MOST]


def _neighbours(expression: Expression) -> Iterator[Expression]:
    try:
        value = ast.literal_eval(expression.text)
    except (ValueError, SyntaxError, TypeError, MemoryError):
        return
    for other in _near(value):
        text = quoted(other) if isinstance(other, str) else repr(other)
        yield Expression(text, layer=Layer.TYPED)


def _near(value: object) -> list[object]:
    match value:
        case bool() | None:
            return []
        case int():
            return [value + 1, -value]
        case float():
            return [-value]
        case str() if 0 < len(value) <= _LONGEST:
            return [
                value[:-1],
                *(other for other in (value.swapcase(),) if other != value),
                value + value[-1],
            ]
        case list() | tuple() if value and len(value) <= _LONGEST:
            return [value[:-1], value[::-1]]
    return []

"""Small languages: queries, headers, ranges, settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import unquote_plus


class ParseError(ValueError):
    """A text is not in the language that was expected."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


def parse_query(text: str, *, keep_empty: bool = False) -> dict[str, list[str]]:
    """Return the values of each key of a query string.

    Args:
        text: The query.
        keep_empty: Whether a key without a value is kept, with an empty one.
    """
    values: dict[str, list[str]] = {}
    for part in text.split("&"):
        key, _, value = part.partition("=")
        if key and (value or keep_empty):
            values.setdefault(unquote_plus(key), []).append(value)
    return values


def parse_range(text: str) -> range:
    """Return a range that is written with its last number: `3-5`, or `7` alone.

    Raises:
        ParseError: It is no range, or its end is before its start.
    """
    first, dash, last = text.partition("-")
    if not first.isdigit():
        raise ParseError(f"no number: {first!r}")
    if not dash:
        return range(int(first), int(first) + 1)
    if not last.isdigit():
        raise ParseError(f"no number: {last!r}")
    if int(last) < int(first):
        raise ParseError("the end is before the start")
    return range(int(first), int(last) + 1)


def strip_comments(lines: Iterable[str], mark: str = "#") -> Iterator[str]:
    """Yield the lines without comments and trailing space."""
    for line in lines:
        yield line.partition(mark)[0].rstrip()


def parse_assignment(line: str) -> tuple[str, str]:
    """Return the two sides of `name = value`; quotes around the value go.

    Raises:
        ParseError: There is no equals sign, or no name.
    """
    name, equals, value = line.partition("=")
    if not equals:
        raise ParseError("no equals sign", len(line))
    if not name.strip():
        raise ParseError("no name")
    return name.strip(), _unquoted(value.strip())


def _unquoted(text: str) -> str:
    return text.strip('"')

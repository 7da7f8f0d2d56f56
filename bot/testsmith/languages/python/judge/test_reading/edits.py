"""Positions of syntax nodes in their source, in bytes, and replacements for them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from testsmith.languages.python.judge.test_reading.claims import functions_of
from testsmith.languages.python.judge.test_reading.situations import Shared
from testsmith.languages.python.source.parsing import parse_untrusted

Piece = tuple[int, int, str]
"""A replacement: start and end of a range in bytes, and the new text."""


class Text:
    """A module's source.

    Args:
        code: The source as it was parsed, without a byte order mark.
    """

    def __init__(self, code: str) -> None:
        self._data = code.removeprefix("\ufeff").encode()

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self._data.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def place(self, node: ast.expr | ast.stmt | ast.arg | ast.alias) -> tuple[int, int]:
        """Return the start and end of a node."""
        last_line, last_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[last_line - 1] + last_column

    def of(self, node: ast.expr | ast.stmt | ast.arg) -> str:
        """Return the source of a node."""
        start, end = self.place(node)
        return self._data[start:end].decode()

    def before(self, node: ast.expr | ast.stmt) -> str:
        """Return the text before a node on its line."""
        return self._data[self.line_start(node.lineno) : self.place(node)[0]].decode()

    def between(self, start: int, end: int) -> str:
        """Return the source of a range in bytes."""
        return self._data[start:end].decode()

    def line_start(self, line: int) -> int:
        """Return the start of a line, counted from 1."""
        return self._starts[line - 1]

    def with_pieces(self, pieces: Iterable[Piece]) -> str:
        """Return the source with non-overlapping replacements applied."""
        data = self._data
        for start, end, piece in sorted(pieces, reverse=True):
            data = data[:start] + piece.encode() + data[end:]
        return data.decode()


def row_counts(code: str) -> dict[str, int]:
    """Return the number of rows of each function whose rows can be distinguished."""
    tree = parse_untrusted(code)
    shared = Shared.of(tree)
    found = ((name, shared.rows_of(name, function)) for name, function in functions_of(tree))
    return {name: len(rows.elements) for name, rows in found if rows is not None}


def without_rows(code: str, rows: Mapping[str, frozenset[int]]) -> str:
    """Return a test module without some rows of its parametrizations."""
    if not rows:
        return code
    text, tree = Text(code), parse_untrusted(code)
    shared = Shared.of(tree)
    pieces: list[Piece] = []
    for name, function in functions_of(tree):
        found = shared.rows_of(name, function) if name in rows else None
        for elements in (found.elements, found.labels) if found is not None else ():
            pieces += _cuts(text, elements, rows[name]) if elements else ()
    return text.with_pieces(pieces)


def _cuts(text: Text, elements: Sequence[ast.expr], taken: frozenset[int]) -> Iterator[Piece]:
    """Yield the ranges of the removed elements and the commas after them, or before them at the end."""
    places = list(map(text.place, elements))
    last_kept = max((index for index in range(len(places)) if index not in taken), default=-1)
    yield from ((places[index][0], places[index + 1][0], "") for index in taken if index < last_kept)
    if last_kept + 1 < len(places):
        yield (places[last_kept][1] if last_kept >= 0 else places[0][0]), places[-1][1], ""

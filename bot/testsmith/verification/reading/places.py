"""Where syntax nodes stand in the text they were read from, in bytes, and pieces put in for them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property

Piece = tuple[int, int, str]
"""A stretch of a text, from its first byte to the one behind its last, and what is put in its place."""


class Text:
    """A module's text.

    Args:
        code: The text, as it was parsed; a byte order mark is left out.
    """

    def __init__(self, code: str) -> None:
        self._data = code.removeprefix("\ufeff").encode()

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self._data.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def place(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return where a node begins and ends."""
        last_line, last_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[last_line - 1] + last_column

    def of(self, node: ast.expr | ast.stmt) -> str:
        """Return a node's own text."""
        start, end = self.place(node)
        return self._data[start:end].decode()

    def before(self, node: ast.expr | ast.stmt) -> str:
        """Return what stands before a node in its line."""
        return self._data[self.line_start(node.lineno) : self.place(node)[0]].decode()

    def line_start(self, line: int) -> int:
        """Return where a line begins, counted from 1."""
        return self._starts[line - 1]

    def with_pieces(self, pieces: Iterable[Piece]) -> str:
        """Return the text with pieces, which do not overlap, put in."""
        data = self._data
        for start, end, piece in sorted(pieces, reverse=True):
            data = data[:start] + piece.encode() + data[end:]
        return data.decode()

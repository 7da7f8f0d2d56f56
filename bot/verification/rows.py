"""Rows of a parametrization, taken away in the text of a test module."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from bot.languages.python.parsing import parse_untrusted
from bot.verification.claims import functions_of
from bot.verification.shared import Shared


def row_counts(code: str) -> dict[str, int]:
    """Return how many rows each function has whose rows can be told apart."""
    tree = parse_untrusted(code)
    shared = Shared.of(tree)
    found = ((name, shared.rows_of(name, function)) for name, function in functions_of(tree))
    return {name: len(rows.elements) for name, rows in found if rows is not None}


def without_rows(code: str, rows: Mapping[str, frozenset[int]]) -> str:
    """Return a test module without some rows of its parametrizations."""
    if not rows:
        return code
    cuts: list[tuple[int, int]] = []
    data = code.encode()
    tree = parse_untrusted(code)
    shared = Shared.of(tree)
    for name, function in functions_of(tree):
        found = shared.rows_of(name, function) if name in rows else None
        for elements in (found.elements, found.labels) if found is not None else ():
            cuts += _cuts(data, elements, rows[name]) if elements else ()
    for start, end in sorted(cuts, reverse=True):
        data = data[:start] + data[end:]
    return data.decode()


def _cuts(data: bytes, elements: Sequence[ast.expr], taken: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Yield the stretches of text, in bytes, that hold the taken elements and the commas behind them."""
    starts = _line_starts(data)
    places = [_place(starts, node) for node in elements]
    for index in taken:
        start, end = places[index]
        if index + 1 < len(places):
            yield start, places[index + 1][0]
        else:
            earlier = [place for at, place in enumerate(places[:index]) if at not in taken]
            yield (earlier[-1][1] if earlier and index - 1 not in taken else start), end


def _place(starts: Sequence[int], node: ast.expr) -> tuple[int, int]:
    last_line, last_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
    return starts[node.lineno - 1] + node.col_offset, starts[last_line - 1] + last_column


def _line_starts(data: bytes) -> list[int]:
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts

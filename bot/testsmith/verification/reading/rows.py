"""Rows of a parametrization, taken away in the text of a test module."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from testsmith.languages.python.parsing import parse_untrusted
from testsmith.verification.reading.claims import functions_of
from testsmith.verification.reading.places import Piece, Text
from testsmith.verification.reading.shared import Shared


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
    text, tree = Text(code), parse_untrusted(code)
    shared = Shared.of(tree)
    pieces: list[Piece] = []
    for name, function in functions_of(tree):
        found = shared.rows_of(name, function) if name in rows else None
        for elements in (found.elements, found.labels) if found is not None else ():
            pieces += _cuts(text, elements, rows[name]) if elements else ()
    return text.with_pieces(pieces)


def _cuts(text: Text, elements: Sequence[ast.expr], taken: frozenset[int]) -> Iterator[Piece]:
    """Yield the stretches that hold the taken elements and the commas behind them."""
    places = list(map(text.place, elements))
    for index in taken:
        start, end = places[index]
        if index + 1 < len(places):
            yield start, places[index + 1][0], ""
        else:
            earlier = [place for at, place in enumerate(places[:index]) if at not in taken]
            yield (earlier[-1][1] if earlier and index - 1 not in taken else start), end, ""

"""Tables: rows of named values."""

from __future__ import annotations

import json
from collections import Counter


def grouped(rows: list[dict[str, object]], key: str) -> dict[object, list[dict[str, object]]]:
    """Return rows by one of their values; those without it are left out."""
    groups: dict[object, list[dict[str, object]]] = {}
    for row in rows:
        if key in row:
            groups.setdefault(row[key], []).append(row)
    return groups


def totals(rows: list[dict[str, int]]) -> dict[str, int]:
    """Return the sum of each column that has any value but 0."""
    sums: Counter[str] = Counter()
    for row in rows:
        sums.update(row)
    return {name: value for name, value in sorted(sums.items()) if value}


def ranked(scores: dict[str, int], most: int = 3) -> list[tuple[int, str]]:
    """Return the best names with their ranks; equal scores share one."""
    ordered = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    values = [score for _, score in ordered]
    return [(values.index(score) + 1, name) for name, score in ordered[:most]]


def transposed(rows: list[list[object]], fill: object = None) -> list[list[object]]:
    """Return the columns of rows that need not be equally long."""
    width = max(map(len, rows), default=0)
    return [[row[column] if column < len(row) else fill for row in rows] for column in range(width)]


def as_lines(rows: list[dict[str, object]]) -> str:
    """Return rows as lines of JSON."""
    return "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)

"""What the runner reads of a test file: the functions that `go test` runs, and where they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from testsmith.languages.go.source.parsing import parse_tolerant
from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import end_line_of, field, line_of, text_of

_RUN_BY_GO = re.compile(r"(?:Test|Example|Fuzz)(?![a-z])\w*")


def test_lines(code: str) -> dict[str, range]:
    """Return the lines of each test function of a file, in order; empty if it cannot be parsed."""
    try:
        root = parse_tolerant(code).root
    except CannotParse:
        return {}
    found = {}
    for node in root.named_children:
        name = text_of(field(node, "name"))
        if node.type == "function_declaration" and _RUN_BY_GO.fullmatch(name) and name != "TestMain":
            found[name] = range(line_of(node), end_line_of(node) + 1)
    return found


def names_at(code: str, lines: Collection[int]) -> frozenset[str]:
    """Return the test functions that contain one of some lines."""
    spans: Mapping[str, range] = test_lines(code)
    return frozenset(name for name, span in spans.items() if any(line in span for line in lines))


def pattern_of(names: Collection[str]) -> str:
    """Return the value of `-test.run` that matches exactly some functions."""
    return f"^({'|'.join(sorted(names))})$" if names else "^$"


def package_name(code: str) -> str:
    """Return the name in a file's package clause; empty if there is none."""
    try:
        root = parse_tolerant(code).root
    except CannotParse:
        return ""
    clause = next((node for node in root.named_children if node.type == "package_clause"), None)
    named = None if clause is None else next(iter(clause.named_children), None)
    return text_of(named)

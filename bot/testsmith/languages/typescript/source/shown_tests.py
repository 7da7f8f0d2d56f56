"""Lines of a test file to show for a member: its nearest tests, with imports, helpers and tables."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import end_line_of, items_of, line_of, text_of, walk
from testsmith.languages.typescript.source.existing_tests import TypeScriptTestFile
from testsmith.languages.typescript.test_files.imports import is_import
from testsmith.languages.typescript.test_files.test_blocks import TestBlock
from testsmith.languages.typescript.test_files.test_tables import is_table, over_of, tables_of
from testsmith.model import ExistingTest, Member

if TYPE_CHECKING:
    from tree_sitter import Node

_MOST_SHOWN = 3
_MOST_LINES = 120
_FIRST_ROWS = 2
_LAST_ROWS = 3
_NEAREST_ROWS = 4
_WORD = re.compile(r"[\w$][\w$/@.-]+")


def lines_to_show(
    file: TypeScriptTestFile, tests: Sequence[ExistingTest], member: Member
) -> tuple[frozenset[int], ...]:
    """Return the lines to show of a test file for its nearest tests: each with imports, helpers and tables.

    Of a long table, the first and last rows are shown, and those that share words with the change.
    """
    words = _words_of(member)
    head = _lines(one for one in file.file.file.root.named_children if is_import(one))
    by_line: Mapping[int, TestBlock] = {line_of(one.statement): one for one in file.tests}
    shown = []
    for test in [one for one in tests if one.path == file.file.path][:_MOST_SHOWN]:
        block = by_line[test.line]
        helpers = file.helpers_of(block)
        lines = head | _lines(one for one in helpers if end_line_of(one) - line_of(one) < _MOST_LINES)
        tables = [one for one in tables_of(block) if one.type != "identifier"]
        for node in (block.statement, *map(_statement_of, tables)):
            lines |= _shortened(node, words)
        around = block.statement.parent
        while around is not None:
            if over_of(around) is not None:
                lines |= {line_of(around), end_line_of(around)}
            around = around.parent
        for suite in block.with_suites[1:]:
            body = suite.body
            first = line_of(suite.statement)
            last = first if body is None else min(line_of(body), first + _FIRST_ROWS)
            lines |= {*range(first, last + 1), end_line_of(suite.statement)}
        shown.append(frozenset(lines))
    return tuple(shown)


def _words_of(member: Member) -> frozenset[str]:
    """Return the words of the lines that a change adds or removes."""
    change = member.shown_change
    lines = (line for diff in (change.own, *change.private) for line in diff.split("\n")[1:])
    return frozenset(word for line in lines if line[:1] in {"-", "+"} for word in _WORD.findall(line))


def _statement_of(node: Node) -> Node:
    while node.parent is not None and not node.type.endswith(("_declaration", "_statement")):
        node = node.parent
    return node


def _shortened(node: Node, words: Collection[str]) -> set[int]:
    """Return the lines of a statement without those of most rows of its long tables, and only so many."""
    gone: set[int] = set()
    kept: set[int] = set()
    for table in walk(node, {"comment"}):
        if line_of(table) in gone or not is_table(table):
            continue
        rows = items_of(table)
        shown = {row.id for row in _rows_to_show(rows, words)}
        gone |= _lines(row for row in rows if row.id not in shown)
        kept |= _lines(row for row in rows if row.id in shown and line_of(row) == end_line_of(row))
        kept |= {line for row in rows if row.id in shown for line in (line_of(row), end_line_of(row))}
    lines = sorted({*range(line_of(node), end_line_of(node) + 1)} - (gone - kept))
    return {*lines[:_MOST_LINES], lines[-1]}


def _rows_to_show(rows: Sequence[Node], words: Collection[str]) -> Iterable[Node]:
    ends = [*rows[:_FIRST_ROWS], *rows[-_LAST_ROWS:]]
    shared = ((len(frozenset(_WORD.findall(text_of(row))) & frozenset(words)), row) for row in rows)
    nearest = sorted((one for one in shared if one[0]), key=lambda one: -one[0])[:_NEAREST_ROWS]
    return [*ends, *(row for _, row in nearest)]


def _lines(nodes: Iterable[Node]) -> set[int]:
    return {line for one in nodes for line in range(line_of(one), end_line_of(one) + 1)}


def sample(file: TypeScriptTestFile, name: str = "") -> str:
    """Return a part of a test file as a sample of style: its imports and a test, the first without a name."""
    first = next((one for one in file.tests if name in {"", one.name}), None)
    if first is None:
        return ""
    whole = first.with_suites[-1].statement
    node = whole if end_line_of(whole) - line_of(whole) < _MOST_LINES else first.statement
    if end_line_of(node) - line_of(node) >= _MOST_LINES:
        return ""
    heads = [text_of(one) for one in file.file.file.root.named_children if is_import(one)]
    return "\n".join([*heads, "", text_of(node)])

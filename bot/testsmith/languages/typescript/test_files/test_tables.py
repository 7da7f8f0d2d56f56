"""Tables of cases in test files: what `each` is given or a loop goes over, and lists and calls of helpers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import field, items_of, text_of, walk
from testsmith.languages.typescript.source.parsing import tokens
from testsmith.languages.typescript.test_files.test_blocks import TABLES, TestBlock

if TYPE_CHECKING:
    from tree_sitter import Node

Row = tuple[str, ...]
"""The tokens of a row."""

_CASTS = frozenset({"as_expression", "satisfies_expression", "parenthesized_expression"})
_GONE_OVER = frozenset({"variable_declarator", "for_in_statement", "member_expression"})
_OF_OBJECT = frozenset({"Object.entries", "Object.keys", "Object.values"})
_LISTS = frozenset(
    {
        *("valid", "invalid", "accepts", "rejects", "accepted", "rejected", "passing", "failing"),
        *("tests", "cases", "testCases", "examples", "fixtures", "inputs", "error", "errors"),
    }
)
"""Properties whose lists a helper or an inner loop goes over: `check({ valid: [...], invalid: [...] })`."""

_WITH_ROWS = frozenset({"array", "object"})
_LOOPS = frozenset({"forEach", "map"})
_CALLBACKS = frozenset({"arrow_function", "function_expression"})
_TESTS = frozenset({"it", "test", "specify", "describe", "context", "suite"})
_MOST_DEPTH = 200


def is_table(node: Node) -> bool:
    """Return whether an array, an object, or the calls in a test are cases that tests go over."""
    if node.type == "statement_block":
        return _is_list_of_checks(node)
    if node.type not in _WITH_ROWS:
        return False
    around = node.parent
    while around is not None and around.type in _CASTS:
        around = around.parent
    if around is None:
        return False
    called = field(around.parent, "function") if around.type == "arguments" else None
    if node.type == "array":
        is_listed = around.type == "pair" and text_of(field(around, "key")) in _LISTS
        return is_listed or around.type in _GONE_OVER or text_of(field(called, "property")) in TABLES
    return text_of(called) in _OF_OBJECT or (
        around.type == "variable_declarator" and _is_gone_over(around, text_of(field(around, "name")))
    )


def _is_gone_over(node: Node, name: str) -> bool:
    while node.parent is not None:
        node = node.parent
    uses = rf"\bObject\.(?:entries|keys|values)\(\s*{re.escape(name)}\b|\bin\s+{re.escape(name)}\b"
    return bool(name) and re.search(uses, text_of(node)) is not None


def _is_list_of_checks(body: Node) -> bool:
    """Return whether the body of a callback only has calls of one helper or kind of assertion.

    As it declares nothing, no call depends on those above it.
    """
    is_callback = body.parent is not None and body.parent.type in _CALLBACKS
    checks = {_check_in(one) for one in items_of(body)} if is_callback else set()
    return len(checks) == 1 and "" not in checks


def _check_in(statement: Node) -> str:
    """Return what a statement checks by, `check` in `check({ valid: [] })`; empty if it does more."""
    node = statement.named_children[0] if statement.type == "expression_statement" else None
    while node is not None and node.type in {"await_expression", "call_expression", "member_expression"}:
        called = field(node, "function")
        if called is not None and called.type == "identifier":
            given = items_of(arguments) if (arguments := field(node, "arguments")) else []
            is_test = text_of(called) in _TESTS and any(one.type in _CALLBACKS for one in given)
            return "" if is_test else text_of(called)
        node = called or field(node, "object") or node.named_children[0]
    return text_of(node) if text_of(node) == "assert" else ""


def row_of(node: Node) -> Row:
    """Return the tokens of a row."""
    return tuple(tokens(node))


def rows_in(node: Node) -> frozenset[Row]:
    """Return the rows of all tables in a node."""
    tables = (one for one in walk(node, {"comment"}) if is_table(one))
    return frozenset(row_of(row) for table in tables for row in items_of(table))


@dataclass(frozen=True, eq=False)
class TableGrowth:
    """A table that an edit extends.

    Attributes:
        added: The new rows.
        known: The rows that are the same as before. Others have a table of their own that is extended.
    """

    added: Sequence[Node]
    known: Sequence[Node]


def growth_of(old: Iterable[Node], new: Iterable[Node]) -> list[TableGrowth] | None:
    """Return the tables in some nodes that have new rows; None if anything else is different."""
    pairs = [*zip(old, new, strict=False)]
    found = [_growth(*pair, 0) for pair in pairs]
    return None if None in found else [one for each in found for one in each or ()]


def _growth(old: Node, new: Node, depth: int) -> list[TableGrowth] | None:
    if row_of(old) == row_of(new):
        return []
    if old.type != new.type or depth > _MOST_DEPTH:
        return None
    if is_table(old) and is_table(new):
        return _table_growth(old, new, depth)
    ours, theirs = ([one for one in node.children if one.type != "comment"] for node in (old, new))
    if not ours or len(ours) != len(theirs):
        return None
    found: list[TableGrowth] = []
    for one, other in zip(ours, theirs, strict=True):
        inner = _growth(one, other, depth + 1)
        if inner is None:
            return None
        found += inner
    return found


def _table_growth(old: Node, new: Node, depth: int) -> list[TableGrowth] | None:
    """Return the growth of a table that still has all of its rows in order, and of tables in its rows."""
    rows = items_of(new)
    words = [row_of(row) for row in rows]
    added: list[Node] = []
    known: list[Node] = []
    inner: list[TableGrowth] = []
    start = 0
    for one in items_of(old):
        wanted = row_of(one)
        place = next((at for at in range(start, len(rows)) if words[at] == wanted), None)
        if place is not None:
            known.append(rows[place])
        else:
            grown = ((at, _growth(one, rows[at], depth + 1)) for at in range(start, len(rows)))
            place, more = next(((at, more) for at, more in grown if more), (len(rows), None))
            if more is None:
                return None
            inner += more
        added += rows[start:place]
        start = place + 1
    return [TableGrowth([*added, *rows[start:]], known), *inner]


def tables_of(block: TestBlock) -> Iterator[Node]:
    """Yield the tables that a test goes over: its own, those of its suites, and those of loops around it.

    Of a table in a constant, the name is yielded if the constant is not declared around the test.
    """
    for one in block.with_suites:
        if one.table is not None:
            yield from (_meant(each) for each in items_of(one.table)[:1])
    node: Node | None = block.statement
    while node is not None:
        over = over_of(node)
        if over is not None:
            yield _meant(over)
        node = node.parent


def takes_rows(block: TestBlock) -> bool:
    """Return whether rows can be added to a test: to a table in its file, or to a list in a helper's call."""
    inside = [*walk(block.statement, {"comment"})]
    over = [*tables_of(block), *(_meant(one) for one in map(over_of, inside) if one is not None)]
    listed = (one for one in inside if one.parent is not None and one.parent.type == "pair" and is_table(one))
    return any(one.type in _WITH_ROWS for one in over) or any(listed)


def over_of(node: Node) -> Node | None:
    """Return what a loop goes over; None if a node is not a loop."""
    over = field(node, "right") if node.type == "for_in_statement" else None
    called = field(node, "function") if node.type == "call_expression" else None
    if text_of(field(called, "property")) in _LOOPS:
        over = field(called, "object")
    while over is not None and over.type in {*_CASTS, "call_expression"}:
        given = field(over, "arguments") if text_of(field(over, "function")) in _OF_OBJECT else over
        if given is None or given.type == "call_expression" or not given.named_children:
            return None
        over = given.named_children[0]
    return over


def _meant(over: Node) -> Node:
    """Return the literal that a name means, if it is declared around; otherwise the node itself."""
    while over.type in _CASTS:
        over = over.named_children[0]
    scope = over.parent if over.type == "identifier" else None
    while scope is not None:
        for statement in scope.named_children:
            inner = field(statement, "declaration") or statement
            for one in inner.named_children if inner.type.endswith("_declaration") else ():
                value = field(one, "value") if text_of(field(one, "name")) == text_of(over) else None
                while value is not None and value.type in _CASTS:
                    value = value.named_children[0]
                if value is not None and value.type in {"array", "object"}:
                    return value
        scope = scope.parent
    return over

"""Decide whether lines and branches are all of a member."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator

from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import Change, Member

_FORKS = (ast.If, ast.For, ast.AsyncFor, ast.While)


def covers(member: Member, lines: Collection[int], branches: Collection[tuple[int, int]]) -> bool:
    """Return whether all lines of a member were reached and each branch was taken both ways.

    Of a changed member, only statements that begin on a changed line count.
    """
    statements = _statements(member)
    if member.change is Change.CHANGED:
        statements = [one for one in statements if one.lineno in member.changed_lines]
    return bool(statements) and all(
        statement.lineno in lines and _is_taken_both_ways(statement, branches) for statement in statements
    )


def _statements(member: Member) -> list[ast.stmt]:
    """Return the statements of a member's body that a trace can show; none if it cannot be parsed."""
    try:
        tree = parse_untrusted(member.source)
    except CannotParse:
        return []
    ast.increment_lineno(tree, member.line - 1)
    return [found for definition in tree.body for found in _traced(definition)]


def _traced(definition: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the statements below a definition, except docstrings and statements without a runtime effect."""
    for node in ast.walk(definition):
        is_nothing = isinstance(node, ast.Global | ast.Nonlocal) or (
            isinstance(node, ast.AnnAssign) and node.value is None
        )
        is_literal = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and node is not definition and not (is_nothing or is_literal):
            yield node


def _is_taken_both_ways(statement: ast.stmt, branches: Collection[tuple[int, int]]) -> bool:
    """Return whether a branching statement was left in two ways. True for any other statement."""
    if not isinstance(statement, _FORKS):
        return True
    head = statement.test if isinstance(statement, ast.If | ast.While) else statement.iter
    if isinstance(head, ast.Constant):
        return True
    ways = Counter(before for before, _ in set(branches))
    last = head.end_lineno or statement.lineno
    return any(ways[line] > 1 for line in range(statement.lineno, last + 1))

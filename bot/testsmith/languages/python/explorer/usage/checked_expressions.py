"""Find the expressions that a project's tests check, and split them around their literals."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice

from testsmith.languages.python.explorer.render.call_text import Argument, Piece, Pieces
from testsmith.languages.python.explorer.render.expressions import Expression, unique
from testsmith.languages.python.explorer.usage.call_reader import CheckedExpression, Reading
from testsmith.languages.python.explorer.usage.scopes import rows_around
from testsmith.languages.python.explorer.usage.standalone import Resolver

MOST_CHECKED = 240
"""Maximum number of expressions returned for a module."""

_MOST_SITES = 600
_MOST_ROWS = 16


def checked_expressions(
    readings: Iterable[Reading], allowed: frozenset[str], owned: frozenset[str], words: Collection[str]
) -> list[Expression]:
    """Return distinct self-contained expressions that use the project, those with most of the words first.

    Args:
        readings: Test files, nearest first.
        allowed: Top-level modules, besides the standard library, that they may use.
        owned: The project's own modules among them.
        words: Words of the change, in lower case.
    """
    every = chain.from_iterable(reading.checked for reading in readings)
    found = unique(
        each for checked in islice(every, _MOST_SITES) for each in _resolved(checked, allowed, owned)
    )
    return sorted(found, key=lambda each: -words_in(each.text, words))[:MOST_CHECKED]


def words_in(text: str, words: Collection[str]) -> int:
    """Count the words, given in lower case, that occur in a text."""
    lower = text.lower()
    return sum(word in lower for word in words)


def _resolved(
    checked: CheckedExpression, allowed: frozenset[str], owned: frozenset[str]
) -> Iterator[Expression]:
    """Yield an expression with its names replaced by their values, for each row of the tables around it."""
    for row in rows_around(checked.node, checked.scope, _MOST_ROWS):
        resolver = Resolver(row, allowed, owned)
        found = resolver.expression(checked.node, checked.scope, checked.node.lineno)
        if found is not None and "(" in found.text and _uses(found, owned):
            yield found


def _uses(expression: Expression, owned: frozenset[str]) -> bool:
    return any(each.module.partition(".")[0] in owned for each in expression.imports)


def around_literals(text: str) -> tuple[Pieces, tuple[Argument, ...]]:
    """Split an expression into the literals that its calls are given, and the text around them.

    Args:
        text: An expression in one line.
    """
    tree = ast.parse(text, mode="eval")
    found: dict[int, tuple[ast.expr, str]] = {}
    for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
        given = [
            *((each, "") for each in call.args),
            *((each.value, each.arg or "") for each in call.keywords),
        ]
        found |= {node.col_offset: (node, name) for node, name in given if _is_literal(node)}
    data, pieces, arguments, at = text.encode(), list[Piece](), list[Argument](), 0
    for start, (node, name) in sorted(found.items()):
        end = node.end_col_offset or start
        if start < at:  # in a literal that contains it
            continue
        pieces += [data[at:start].decode(), len(arguments)]
        taken = {each.name for each in arguments}
        arguments.append(
            Argument(_unused(name or _plain_name(node), taken), Expression(data[start:end].decode()))
        )
        at = end
    return (*pieces, data[at:].decode()), tuple(arguments)


def _is_literal(node: ast.expr) -> bool:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):
        return False
    return value is not None and not isinstance(value, bool)


def _plain_name(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str() | bytes()):
            return "text"
        case ast.Constant() | ast.UnaryOp():
            return "number"
    return "value"


def _unused(name: str, taken: Collection[str]) -> str:
    names = chain([name], (f"{name}_{number}" for number in range(2, 100)))
    return next(each for each in names if each not in taken)


_TURNED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
}


def turned(expression: Expression) -> Iterator[Expression]:
    """Yield an expression with its only order comparison turned into the opposite one."""
    tree = ast.parse(expression.text, mode="eval")
    compared = [each for each in ast.walk(tree) if isinstance(each, ast.Compare)]
    if len(compared) == 1 and len(compared[0].ops) == 1 and type(compared[0].ops[0]) in _TURNED:
        compared[0].ops = [_TURNED[type(compared[0].ops[0])]()]
        yield replace(expression, text=ast.unparse(tree))

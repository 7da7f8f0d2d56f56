"""Find the expressions that a project's tests check, and split them around their literals."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from typing import NamedTuple

from testsmith.languages.python.explorer.render.call_text import Argument, Piece, Pieces
from testsmith.languages.python.explorer.render.expressions import Expression, InputSource
from testsmith.languages.python.explorer.usage.call_reader import CheckedExpression, Reading
from testsmith.languages.python.explorer.usage.scopes import rows_around
from testsmith.languages.python.explorer.usage.standalone import Resolver
from testsmith.languages.python.judge.documentation.docstring_examples import needed_statements
from testsmith.languages.python.source.definitions import last_name

MOST_CHECKED = 240
"""Maximum number of expressions returned for a module."""

_MOST_SITES = 600
_MOST_STATEMENTS = 6
_PLAIN = ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Delete | ast.Expr
_MOST_ROWS = 16


class CheckedCode(NamedTuple):
    """What a test checks, without other names than those of its imports.

    Attributes:
        setup: Statements that it needs before it; empty for none.
        expression: The expression.
    """

    setup: tuple[str, ...]
    expression: Expression

    @property
    def text(self) -> str:
        """Its complete text."""
        return "\n".join((*self.setup, self.expression.text))


def checked_expressions(
    readings: Iterable[Reading], allowed: frozenset[str], owned: frozenset[str], words: Collection[str]
) -> list[CheckedCode]:
    """Return distinct expressions that use the project, those with most of the words first.

    Args:
        readings: Test files, nearest first.
        allowed: Top-level modules, besides the standard library, that they may use.
        owned: The project's own modules among them.
        words: Words of the change, in lower case.
    """
    every = chain.from_iterable(reading.checked for reading in readings)
    found = {
        each.text: each
        for checked in islice(every, _MOST_SITES)
        for each in _resolved(checked, allowed, owned)
    }
    return sorted(found.values(), key=lambda each: -words_in(each.text, words))[:MOST_CHECKED]


def words_in(text: str, words: Collection[str]) -> int:
    """Count the words, given in lower case, that occur in a text."""
    lower = text.lower()
    return sum(word in lower for word in words)


def _resolved(
    checked: CheckedExpression, allowed: frozenset[str], owned: frozenset[str]
) -> Iterator[CheckedCode]:
    """Yield an expression with its names replaced by their values, for each row of the tables around it.

    If statements of the test change what it looks at, these come before it.
    """
    before = _changing(checked)
    for row in rows_around(checked.node, checked.scope, _MOST_ROWS, before):
        resolver = Resolver(row, allowed, owned)
        found = resolver.after(before, checked.node, checked.scope, checked.node.lineno)
        if found is not None and "(" in "".join((*found[0], found[1].text)) and _uses(found[1], owned):
            yield CheckedCode(*found)


def _changing(checked: CheckedExpression) -> list[ast.stmt]:
    """Return the statements that a checked expression needs; none if all of them only name values."""
    plain = [each for each in checked.before if isinstance(each, _PLAIN) and not _is_assertion(each)]
    needed = needed_statements(plain, checked.node)
    if all(isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name) for each in needed):
        return []
    return needed[-_MOST_STATEMENTS:]


def _is_assertion(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=function)):
            return "assert" in last_name(function).lower()
    return False


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
            Argument(
                _unused(name or _plain_name(node), taken),
                Expression(data[start:end].decode(), layer=InputSource.USED),
            )
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


def turned(checked: CheckedCode) -> Iterator[CheckedCode]:
    """Yield an expression with its only order comparison turned into the opposite one."""
    tree = ast.parse(checked.expression.text, mode="eval")
    compared = [each for each in ast.walk(tree) if isinstance(each, ast.Compare)]
    if len(compared) == 1 and len(compared[0].ops) == 1 and type(compared[0].ops[0]) in _TURNED:
        compared[0].ops = [_TURNED[type(compared[0].ops[0])]()]
        yield checked._replace(expression=replace(checked.expression, text=ast.unparse(tree)))

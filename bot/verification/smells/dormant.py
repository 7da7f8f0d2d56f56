"""Calls in a test module that were not made while it was proven: nobody has seen what they do.

A test that is to be kept runs on other machines, under conditions that did not hold here. So each call and
import that may run for it has to have been reached, but for those that say how a test fails or do no harm.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence

from bot.execution.answers import Place
from bot.languages.driver import CannotParse
from bot.languages.python.parsing import parse_untrusted
from bot.model import Member
from bot.verification.guard.questions import short
from bot.verification.reading.claims import functions_of
from bot.verification.reading.situations import Names
from bot.verification.smells.assertions import EXPECTING, FunctionNode, TestFunction, TestModule

_HARMLESS = frozenset(
    {
        *(
            "abs",
            "all",
            "any",
            "ascii",
            "bin",
            "bool",
            "bytearray",
            "bytes",
            "chr",
            "complex",
            "dict",
            "divmod",
        ),
        *("enumerate", "filter", "float", "format", "frozenset", "hash", "hex", "id", "int", "isinstance"),
        *("issubclass", "iter", "len", "list", "map", "max", "min", "next", "object", "oct", "ord", "pow"),
        *(
            "range",
            "repr",
            "reversed",
            "round",
            "set",
            "slice",
            "sorted",
            "str",
            "sum",
            "super",
            "tuple",
            "type",
        ),
        "zip",
    }
)
"""Built-in functions that only look at values."""

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Called = ast.Call | ast.Import | ast.ImportFrom
_Parents = Mapping[int, ast.AST | None]


def dormant_of(code: str, member: Member, idle: Collection[Place]) -> dict[str, str]:
    """Return why test functions are cut for a call or import that may run for them and was not reached.

    Args:
        code: The test module.
        member: The member that it is for.
        idle: Where calls and imports stand that were not reached.
    """
    try:
        tree = parse_untrusted(code) if idle else None
    except CannotParse:
        tree = None
    if tree is None:
        return {}
    waiting = {id(node) for node in _nodes_at(tree, idle)}
    names = Names.of(member, [node for node in ast.walk(tree) if isinstance(node, ast.stmt)])
    module = TestModule(tree, names)
    found = {name: _first_dormant(TestFunction(node, module), waiting) for name, node in functions_of(tree)}
    return {name: _reason(node) for name, node in found.items() if node is not None}


def _nodes_at(tree: ast.Module, idle: Collection[Place]) -> Iterator[ast.AST]:
    """Yield the calls and imports at some places; a call is known by where it ends."""
    ends = {(last, end): (line, column) for line, column, last, end in idle if column >= 0}
    lines = {line for line, column, _, _ in idle if column < 0}
    for node in ast.walk(tree):
        if not isinstance(node, _Called):
            continue
        start = ends.get((node.end_lineno or 0, node.end_col_offset or 0))
        if node.lineno in lines or (start is not None and start >= (node.lineno, node.col_offset)):
            yield node


def _first_dormant(function: TestFunction, waiting: Collection[int]) -> ast.AST | None:
    parents: _Parents = {id(node): parent for node, parent in function.reached}
    return next(
        (
            node
            for node, _ in function.reached
            if id(node) in waiting and not _may_stay(node, list(_around(node, parents)), function)
        ),
        None,
    )


def _around(node: ast.AST, parents: _Parents) -> Iterator[ast.AST]:
    """Yield the nodes around a node, the innermost first."""
    parent = parents.get(id(node))
    while parent is not None:
        yield parent
        parent = parents.get(id(parent))


def _may_stay(node: ast.AST, around: Sequence[ast.AST], function: TestFunction) -> bool:
    """Tell whether a call is one that an honest test need not reach."""
    chain = [node, *around]
    for inner, outer in zip(chain, around, strict=False):
        if isinstance(outer, ast.Raise) and inner is node:
            return True
        if isinstance(outer, ast.If) and ast.unparse(outer.test) in _NEVER_TRUE_IN_TESTS:
            return True
        if isinstance(outer, ast.With | ast.AsyncWith) and _is_behind_what_raises(inner, outer, function):
            return True
    statement = next((one for one in chain if isinstance(one, ast.stmt)), None)
    if statement is not None and function.fails(statement):
        return True
    return isinstance(node, ast.Call) and _is_harmless(node, around)


_NEVER_TRUE_IN_TESTS = ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'")


def _is_behind_what_raises(
    statement: ast.AST, block: ast.With | ast.AsyncWith, function: TestFunction
) -> bool:
    """Tell whether a plain statement stands behind the one that raises, as `pytest.raises` expects."""
    expects = any(
        isinstance(item.context_expr, ast.Call) and function.last(item.context_expr.func) in EXPECTING
        for item in block.items
    )
    is_plain = isinstance(statement, ast.Expr | ast.Assign | ast.AugAssign | ast.Assert)
    return expects and is_plain and statement in block.body[1:]


def _is_harmless(call: ast.Call, around: Sequence[ast.AST]) -> bool:
    """Tell whether a call only looks at values, or is of a method of what a helper or double was given."""
    match call.func:
        case ast.Name(id=name):
            return name in _HARMLESS or name.endswith(("Error", "Exception"))
        case ast.Attribute(value=value):
            while isinstance(value, ast.Attribute | ast.Subscript):
                value = value.value
            if isinstance(value, ast.Constant | ast.JoinedStr):
                return True
            return isinstance(value, ast.Name) and value.id in _given(around)
    return False


def _given(around: Sequence[ast.AST]) -> set[str]:
    """Return the parameters of the helpers, doubles and lambdas that a call stands in."""
    scopes = [one for one in around if isinstance(one, _Scope)]
    return {
        argument.arg
        for scope in scopes
        if not isinstance(scope, FunctionNode) or not scope.name.startswith("test")
        for argument in ast.walk(scope.args)
        if isinstance(argument, ast.arg)
    }


def _reason(node: ast.AST) -> str:
    what = "a call" if isinstance(node, ast.Call) else "an import"
    return f"has {what} that did not run while it was proven: `{short(ast.unparse(node))}`"

"""What of a function can be run at all: not what stands behind a `return`, or in a loop over nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_BLOCKS = ("body", "orelse", "finalbody")


def live_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function that can be run, decorators included, in the order of the text.

    A function inside it counts where its name is read.
    """
    read = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    waiting: list[ast.AST] = [function]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed([child for child in _live_children(node) if not _is_idle(child, read)])


def _is_idle(node: ast.AST, read: set[str]) -> bool:
    match node:
        case (
            ast.FunctionDef(name=name, decorator_list=[]) | ast.AsyncFunctionDef(name=name, decorator_list=[])
        ):
            return name not in read
    return False


def _live_children(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield value
        elif isinstance(value, list) and not (name in _BLOCKS and _is_dead(node, name)):
            parts = [part for part in value if isinstance(part, ast.AST)]
            yield from _until_end(parts) if name in _BLOCKS else parts


def _until_end(statements: Sequence[ast.AST]) -> Iterator[ast.AST]:
    for statement in statements:
        yield statement
        if isinstance(statement, _ENDS):
            return


def _is_dead(node: ast.AST, block: str) -> bool:
    """Tell whether a block of a statement is never run, as far as its head is written out."""
    match node, block:
        case ast.For(iter=iterated) | ast.AsyncFor(iter=iterated), "body":
            return _is_empty(iterated)
        case ast.While(test=test) | ast.If(test=test), "body":
            return truth_of(test) is False
        case ast.If(test=test), "orelse":
            return truth_of(test) is True
    return False


def truth_of(test: ast.expr) -> bool | None:
    """Return what a condition is, whatever happens; None where it depends."""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return False
    return False if _is_empty(test) else None


def _is_empty(node: ast.expr) -> bool:
    match node:
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]) | ast.Constant(value="" | b""):
            return True
        case ast.Call(
            func=ast.Name(id="list" | "tuple" | "dict" | "set" | "frozenset"), args=[], keywords=[]
        ):
            return True
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(end))]):
            return end <= 0
    return False

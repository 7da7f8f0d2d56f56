"""What can be changed by way of something else: a list by its bound method, or by a function that appends."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from testsmith.verification.smells.assertions import bindings_of

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def with_reachable(names: Iterable[str], nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return variables with all others whose values can be reached by way of them.

    Args:
        names: The variables.
        nodes: Those of the function that they stand in.
    """
    shares = _shares(nodes)
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= shares.get(name, set()) - found
    return frozenset(found)


def names_in(node: ast.AST) -> set[str]:
    """Return all names in a piece of code."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _shares(nodes: Iterable[ast.AST]) -> Mapping[str, set[str]]:
    """Return what can be reached by way of each variable, and by each function or class inside another."""
    shares: dict[str, set[str]] = defaultdict(set)
    for node in nodes:
        if isinstance(node, _DEFINITIONS):
            shares[node.name] |= names_in(node)
        for name, value in bindings_of(node):
            shares[name].update(_held(value))
    return shares


def _held(value: ast.expr) -> Iterator[str]:
    """Yield the names whose own values an expression holds; what a call makes of them is something else."""
    waiting: list[ast.AST] = [value]
    while waiting:
        match waiting.pop():
            case ast.Name(id=name):
                yield name
            case ast.Lambda() as function:
                yield from names_in(function)
            case ast.Attribute(value=held) | ast.Starred(value=held) | ast.Subscript(value=held):
                waiting.append(held)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.Dict(values=parts):
                waiting += parts
            case ast.IfExp(body=one, orelse=other):
                waiting += [one, other]

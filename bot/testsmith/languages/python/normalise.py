"""What Python source means, as text that two revisions can be compared by.

`meaning` leaves out what makes no difference to what a definition does: docstrings, annotations, comments,
formatting, overloads, `pass`, and what only a type checker sees. `normalised_source` leaves out only
comments, formatting and the place, for a cache key whose prompt shows docstring and annotations.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from types import MappingProxyType

from testsmith.languages.driver import CannotParse
from testsmith.languages.python.definitions import (
    TYPING_DECORATORS,
    Definition,
    Function,
    Placed,
    is_overload,
    is_type_checking,
    last_name,
    statements,
)
from testsmith.languages.python.syntax import parse
from testsmith.model import MemberKind

_MEANINGLESS_FIELDS = frozenset(
    {"annotation", "ctx", "kind", "returns", "simple", "type_comment", "type_ignores", "type_params"}
)
"""Fields of syntax nodes that hold annotations or notes of the parser."""

_FIELDS = MappingProxyType(
    {
        kind: tuple(field for field in kind._fields if field not in _MEANINGLESS_FIELDS)
        for kind in vars(ast).values()
        if isinstance(kind, type) and issubclass(kind, ast.AST)
    }
)

_SUITES = frozenset({"body", "orelse", "finalbody"})


def meaning(definition: Definition) -> str:
    """Return what a definition does; a class's methods and nested classes are not part of its own meaning."""
    if definition.kind is MemberKind.CLASS:
        return _written([_class_head(part) for part in definition.parts])
    return _written([(part.guards, list(_suite([part.statement]))) for part in definition.parts])


def meaning_of_source(source: str) -> str:
    """Return what a definition's text does; a class's methods and nested classes are part of it.

    Raises:
        CannotParse: It is no Python.
    """
    return _written(parse(source))


def normalised_source(source: str) -> str:
    """Return a member's source in one form for all formatting, without comments, at the left margin.

    Docstrings, with their indentation evened out, and annotations stay. A text that is no Python comes back
    as it is.
    """
    try:
        tree = parse(source)
        for node in ast.walk(tree):
            _even_out_docstring(node)
        return ast.unparse(tree)
    except (CannotParse, RecursionError):
        return source


def _even_out_docstring(node: ast.AST) -> None:
    if not isinstance(node, Function | ast.ClassDef):
        return
    match node.body[0]:
        case ast.Expr(value=ast.Constant(value=str(text)) as docstring):
            docstring.value = inspect.cleandoc(text)


def _class_head(part: Placed) -> object:
    """Return a class without its methods and nested classes: bases, decorators, class-level statements.

    That every class derives from `object` need not be said.
    """
    node = part.statement
    if not isinstance(node, ast.ClassDef):
        return part.guards, node
    own = [
        (inner.guards, list(_suite([inner.statement], in_class=True)))
        for inner in statements(node.body)
        if not isinstance(inner.statement, Function | ast.ClassDef) and not _is_note(inner.statement)
    ]
    bases = [base for base in node.bases if not (isinstance(base, ast.Name) and base.id == "object")]
    return part.guards, _decorators(node), bases, node.keywords, own


def _written(thing: object) -> str:
    parts: list[str] = []
    _write(thing, parts)
    return " ".join(parts)


def _write(thing: object, parts: list[str]) -> None:
    """Append a node, or what a node's field holds, so that different things give different texts."""
    if isinstance(thing, ast.AST):
        parts.append(f"({type(thing).__name__}")
        for field in _FIELDS[type(thing)]:
            _write(_value(thing, field), parts)
        parts.append(")")
    elif isinstance(thing, list | tuple):
        parts.append("[")
        for each in thing:
            _write(each, parts)
        parts.append("]")
    else:
        parts.append(repr(thing))


def _value(node: ast.AST, field: str) -> object:
    """Return what a field means."""
    value: object = getattr(node, field, None)
    if field in _SUITES and isinstance(value, list):
        return list(_suite(value, in_class=isinstance(node, ast.ClassDef)))
    if field == "decorator_list" and isinstance(node, Function | ast.ClassDef):
        return _decorators(node)
    return value


def _decorators(node: Function | ast.ClassDef) -> list[ast.expr]:
    return [each for each in node.decorator_list if last_name(each) not in TYPING_DECORATORS]


def _suite(body: Sequence[ast.stmt], *, in_class: bool = False) -> Iterator[object]:
    """Yield the statements that do something; an annotated name without a value does so in a class only."""
    for statement in body:
        match statement:
            case ast.If(test=test) if is_type_checking(test):
                yield from _suite(statement.orelse, in_class=in_class)
            case ast.AnnAssign(target=target, value=value) if in_class:
                yield ("field", target, value)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    yield ast.Assign(targets=[target], value=value)
            case _ if not _is_note(statement) and not is_overload(statement):
                yield statement


def _is_note(statement: ast.stmt) -> bool:
    """Tell whether a statement does nothing: a docstring, `...`, `pass`."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass)

"""Definitions as a caller sees them: heads, defaults, types, and the first line of the documentation."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence

from testsmith.languages.python.definitions import Definition, Function, last_name, statements
from testsmith.languages.python.references import is_private

_MOST_CHARACTERS = 300
_MOST_LINES = 40
_MOST_FIELDS = 12
_ACCESSORS = frozenset({"setter", "deleter"})


def signature(definition: Definition, *, methods: Collection[str] | None = None) -> str:
    """Return a definition's signature: lines without a blank one among them, at the left margin.

    Of a class: its head, its fields, its constructor and methods. Of a constant: its assignment, cut where it
    is long.

    Args:
        definition: What to show.
        methods: Of a class: the methods to show beside the constructor, which is shown with the fields it
            sets; None for all public ones, as one sees them who only uses the class.
    """
    statement = definition.parts[-1].statement
    if isinstance(statement, ast.ClassDef):
        return "\n".join(_cut_lines(list(_class_lines(statement, methods))))
    if isinstance(statement, Function):
        return "\n".join(_function_lines(statement))
    return "\n".join(_shortened(ast.unparse(part.statement)) for part in definition.parts[:3])


def _class_lines(node: ast.ClassDef, methods: Collection[str] | None) -> Iterator[str]:
    bases = ", ".join(map(ast.unparse, (*node.bases, *node.keywords)))
    yield from _decorators(node)
    yield f"class {node.name}({bases}):" if bases else f"class {node.name}:"
    body = [*_documentation(node), *_member_lines(node, methods)]
    yield from (f"    {line}" for line in body or ["..."])


def _member_lines(node: ast.ClassDef, methods: Collection[str] | None) -> Iterator[str]:
    inner = [placed.statement for placed in statements(node.body)]
    for statement in inner:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            yield _shortened(ast.unparse(statement))
    for statement in inner:
        if isinstance(statement, Function) and _is_shown(statement, methods):
            yield from _function_lines(statement, with_fields=methods is not None)


def _is_shown(node: Function, methods: Collection[str] | None) -> bool:
    if node.name == "__init__":
        return True
    if any(last_name(decorator) in _ACCESSORS for decorator in node.decorator_list):
        return False
    return not is_private(node.name) if methods is None else node.name in methods


def _function_lines(node: Function, *, with_fields: bool = False) -> Iterator[str]:
    yield from _decorators(node)
    prefix = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    head = f"{prefix} {node.name}({_shortened(ast.unparse(node.args))}){returns}:"
    body = [*_documentation(node), *(_fields(node) if with_fields else ())]
    yield head if body else f"{head} ..."
    yield from (f"    {line}" for line in body)


def _fields(node: Function) -> Sequence[str]:
    """Return the assignments by which a constructor sets its object's fields."""
    if node.name != "__init__":
        return ()
    assigned = [placed.statement for placed in statements(node.body)]
    fields = [each for each in assigned if isinstance(_first_target(each), ast.Attribute)]
    return [_shortened(ast.unparse(each)) for each in fields[:_MOST_FIELDS]]


def _first_target(statement: ast.stmt) -> ast.expr | None:
    match statement:
        case ast.Assign(targets=[target, *_]) | ast.AnnAssign(target=target):
            return target
    return None


def _decorators(node: Function | ast.ClassDef) -> Iterator[str]:
    return (f"@{_shortened(ast.unparse(decorator))}" for decorator in node.decorator_list)


def _documentation(node: Function | ast.ClassDef) -> Sequence[str]:
    text = (ast.get_docstring(node) or "").strip()
    first_line = text.partition("\n")[0].strip()
    return [f'"""{_shortened(first_line)}"""'] if first_line else []


def _shortened(text: str) -> str:
    """Return a text in one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]} ..."


def _cut_lines(lines: Sequence[str]) -> Sequence[str]:
    return lines if len(lines) <= _MOST_LINES else [*lines[:_MOST_LINES], "    ..."]

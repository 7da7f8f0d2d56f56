"""The text of the module under test, read by syntax tree: what a name of it stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from testsmith.generation.offline.expressions import Import

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSource:
    """A module's text.

    Attributes:
        tree: Its syntax tree.
        text: Its text, with lines that end in a line feed alone; None where that cannot be read.
        definitions: Its functions and classes by dotted name.
        constants: Expressions that are assigned to names at its top level.
        imports: Its imports by the name that they bind.
    """

    tree: ast.Module
    text: str | None = None
    definitions: dict[str, Definition] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)


def read_module(text: str, module: str, *, is_package: bool = False) -> ModuleSource:
    """Read a module's text; one that is no Python gives an empty one.

    Args:
        text: Its text.
        module: Its dotted name, against which relative imports are read.
        is_package: Whether it is the `__init__` of a package.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = ast.Module(body=[], type_ignores=[])
    package = module if is_package else module.rpartition(".")[0]
    source = ModuleSource(tree=tree)
    source.definitions.update(_definitions(tree, ""))
    for node in _top_level(tree.body):
        _note(node, package, source)
    return source


def _definitions(scope: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, Definition]]:
    for node in _top_level(scope.body):
        if isinstance(node, Definition):
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from _definitions(node, f"{prefix}{node.name}.")


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body, those under `if` and `try` included."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from _top_level([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            yield from _top_level([*node.body, *node.orelse, *(s for h in node.handlers for s in h.body)])


def _note(node: ast.stmt, package: str, source: ModuleSource) -> None:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            source.constants[name] = value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            source.constants[name] = value
        case ast.Import(names=names):
            for alias in names:
                found = Import(alias.name, "", alias.asname or "")
                source.imports[found.bound] = found
        case ast.ImportFrom(names=names):
            origin = _absolute(node, package)
            for alias in names:
                found = Import(origin, alias.name, alias.asname or "")
                source.imports[found.bound] = found


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return ".".join(part for part in (base, node.module or "") if part)


def reachable(name: str, source: ModuleSource, steps: int) -> list[Definition]:
    """Return a definition and those of the same module that it refers to, directly or in so many steps."""
    found: dict[str, Definition] = {}
    names = [name]
    for _ in range(steps + 1):
        new = [each for each in names if each in source.definitions and each not in found]
        found.update((each, source.definitions[each]) for each in new)
        names = [target for each in new for target in _references(each, source)]
    return [*found.values()]


def _references(name: str, source: ModuleSource) -> list[str]:
    owner = name.rpartition(".")[0]
    names = []
    for node in ast.walk(source.definitions[name]):
        if isinstance(node, ast.Name):
            names.append(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and owner:
            names.append(f"{owner}.{node.attr}")
    return [each for each in dict.fromkeys(names) if each in source.definitions and each != owner]


def parameter_names(node: Function) -> list[str]:
    """Return the names of a function's parameters."""
    arguments = node.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return names + [each.arg for each in (arguments.vararg, arguments.kwarg) if each is not None]


def gives_nothing(node: Definition | None) -> bool:
    """Tell whether a function never returns or yields a value: its effects are all there is to see."""
    if not isinstance(node, Function):
        return False
    return not any(
        isinstance(inner, ast.Yield | ast.YieldFrom)
        or (isinstance(inner, ast.Return) and inner.value is not None and not _is_none(inner.value))
        for inner in ast.walk(node)
    )


def is_bare(node: Definition | None) -> bool:
    """Tell whether a class says nothing beyond its name, bases and docstring."""
    if not isinstance(node, ast.ClassDef):
        return False
    return all(
        isinstance(inner, ast.Pass) or (isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant))
        for inner in node.body
    )


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None

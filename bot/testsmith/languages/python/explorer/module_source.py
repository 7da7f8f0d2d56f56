"""Read the source of the module under test, and resolve the calls in its docstrings."""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from testsmith.languages.python.explorer.render.expressions import Expression, Import, Imports, InputSource
from testsmith.languages.source import DocumentedExample
from testsmith.model import Member, MemberKind

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSource:
    """Source of a module.

    Attributes:
        tree: Syntax tree.
        text: Text with LF line ends, or None if it cannot be read.
        definitions: Functions and classes by dotted name.
        constants: Expressions assigned to top-level names.
        imports: Imports by bound name.
    """

    tree: ast.Module
    text: str | None = None
    definitions: dict[str, Definition] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)


def read_module(text: str, module: str, *, is_package: bool = False) -> ModuleSource:
    """Parse a module's source; invalid Python results in an empty one.

    Args:
        text: Source text.
        module: Dotted name, used to resolve relative imports.
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
    """Yield the statements of a body, including those under `if` and `try`."""
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
    """Return a definition and those in the same module that it refers to within `steps` references."""
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
    """Return whether a function never returns or yields a value, so that only its effects are observable."""
    if not isinstance(node, Function):
        return False
    return not any(
        isinstance(inner, ast.Yield | ast.YieldFrom)
        or (isinstance(inner, ast.Return) and inner.value is not None and not _is_none(inner.value))
        for inner in ast.walk(node)
    )


def is_bare(node: Definition | None, *, with_fields: bool = False) -> bool:
    """Return whether a class has nothing but its name, bases and docstring.

    Args:
        node: The class.
        with_fields: Whether annotated fields count as nothing.
    """
    if not isinstance(node, ast.ClassDef):
        return False
    return all(
        isinstance(inner, ast.Pass)
        or (isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant))
        or (with_fields and isinstance(inner, ast.AnnAssign))
        for inner in node.body
    )


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


_MOST_CALLS = 24


class Around(NamedTuple):
    """Text around the arguments of a member's call, for example `str(`, `slug` and `))`."""

    before: str
    function: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedCall:
    """A call shown in a docstring, ready to run.

    Attributes:
        setup: Preceding statements, without imports.
        text: Source text of the call.
        imports: Imports required by setup and call.
        example: The documented result, or None if it is not readable.
        around: Text around the arguments if there is exactly one call of the member, otherwise None.
        arguments: Arguments of that call, each with its keyword or an empty name.
        is_shortened: Whether statements before it in the docstring are left out.
    """

    setup: tuple[str, ...]
    text: str
    imports: Imports
    example: DocumentedExample | None
    is_shortened: bool = False
    around: Around | None = None
    arguments: tuple[tuple[str, Expression], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Documentation:
    """Calls in a member's docstring.

    Attributes:
        calls: The calls, in order.
        given: Arguments they give the member, by position and by name.
    """

    calls: tuple[DocumentedCall, ...] = ()
    given: Mapping[int | str, Sequence[Expression]] = field(default_factory=dict)

    def arguments_for(self, place: int, name: str) -> list[Expression]:
        """Return the documented arguments for a parameter that require nothing else from the docstring."""
        return [*self.given.get(place, ()), *self.given.get(name, ())]


@dataclass(frozen=True, slots=True)
class ShownExample:
    """A call in a docstring, and its documented result, if any.

    Attributes:
        setup: Preceding statements.
        call: The call.
        example: The documented result.
        is_shortened: Whether preceding statements are left out.
    """

    setup: tuple[str, ...]
    call: str
    example: DocumentedExample | None
    is_shortened: bool = False


def read_documentation(member: Member, source: ModuleSource, shown: Iterable[ShownExample]) -> Documentation:
    """Return the documented calls, ready to run, without those that use names of unknown origin."""
    reader = _Reader(member, source)
    calls = [call for each in shown if (call := reader.read(each)) is not None][:_MOST_CALLS]
    given: defaultdict[int | str, list[Expression]] = defaultdict(list)
    for call in calls:
        for place, (name, value) in enumerate(() if call.setup else call.arguments):
            given[name or place].append(value.at(InputSource.DOCUMENTED))
    return Documentation(calls=tuple(calls), given=given)


class _Reader:
    """Resolves the names in documented calls, and splits the calls into parts."""

    def __init__(self, member: Member, source: ModuleSource) -> None:
        self._member = member
        self._source = source
        self._top = member.name.partition(".")[0]

    def read(self, shown: ShownExample) -> DocumentedCall | None:
        """Return a call ready to run, or None if a name in it is unknown."""
        try:
            statements = [node for text in shown.setup for node in ast.parse(text).body]
            text = _one_line(shown.call)
            call = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError):
            return None
        lifted = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
        setup = [node for node in statements if not isinstance(node, ast.Import | ast.ImportFrom)]
        imports = self._resolved([*setup, call, *_expected(shown.example)], _imported(lifted))
        if imports is None:
            return None
        around, arguments = self._apart(call, imports, text)
        return DocumentedCall(
            setup=tuple(map(ast.unparse, setup)),
            text=text,
            imports=imports,
            example=shown.example,
            around=around,
            arguments=arguments,
            is_shortened=shown.is_shortened,
        )

    def _resolved(self, nodes: Sequence[ast.AST], own: Mapping[str, Import]) -> Imports | None:
        """Return the imports of all free names, or None if one is unknown."""
        found = [self._origin(name, own) for name in _free_names(nodes)]
        known = [each for each in found if each is not None]
        return frozenset(known) if len(known) == len(found) else None

    def _origin(self, name: str, own: Mapping[str, Import]) -> Import | None:
        if name == self._top:
            return Import(self._member.module, name)
        if name in own or name in self._source.imports:
            return own.get(name) or self._source.imports[name]
        if name in self._source.definitions or name in self._source.constants:
            return Import(self._member.module, name)
        package = self._member.module.partition(".")[0]
        return Import(package) if name == package else None

    def _apart(
        self, call: ast.expr, imports: Imports, text: str
    ) -> tuple[Around | None, tuple[tuple[str, Expression], ...]]:
        """Split the only call of the member into parts; if there are several or none, return nothing."""
        calls = [node for node in ast.walk(call) if isinstance(node, ast.Call) and self._is_member(node.func)]
        if len(calls) != 1 or "\n" in text:
            return None, ()
        (found,) = calls
        starred = any(isinstance(node, ast.Starred) for node in found.args)
        if starred or any(not keyword.arg for keyword in found.keywords):
            return None, ()
        pairs = [("", node) for node in found.args]
        pairs += [(each.arg or "", each.value) for each in found.keywords]
        return _around(found, text), tuple((name, _expression(node, imports, text)) for name, node in pairs)

    def _is_member(self, function: ast.expr) -> bool:
        """Return whether a call's function is the member: by name, through a module, or on an object."""
        if self._member.kind in {MemberKind.METHOD, MemberKind.CLASS_METHOD, MemberKind.STATIC_METHOD}:
            return isinstance(function, ast.Attribute) and function.attr == self._member.plain_name
        modules = ("", f"{self._member.module}.", f"{self._member.module.partition('.')[0]}.")
        return ast.unparse(function) in {module + self._member.name for module in modules}


def _one_line(text: str) -> str:
    return text if "\n" not in text else ast.unparse(ast.parse(text, mode="eval"))


def _expected(example: DocumentedExample | None) -> list[ast.AST]:
    if example is None or example.expected is None:
        return []
    return [ast.parse(f"({example.expected}\n)", mode="eval")]


def _around(call: ast.Call, text: str) -> Around:
    """Split a text at its call; syntax tree offsets count bytes."""
    data = text.encode()
    start, end = call.func.col_offset, call.func.end_col_offset or 0
    last = (call.end_col_offset or len(data)) - 1
    return Around(data[:start].decode(), data[start:end].decode(), data[last:].decode())


def _imported(nodes: Sequence[ast.Import | ast.ImportFrom]) -> dict[str, Import]:
    found: dict[str, Import] = {}
    for node in nodes:
        for alias in node.names:
            if isinstance(node, ast.Import):
                each = Import(alias.name, "", alias.asname or "")
            else:
                each = Import(node.module or "", alias.name, alias.asname or "")
            found[each.bound] = each
    return found


def _expression(node: ast.expr, imports: Imports, text: str) -> Expression:
    names = _free_names([node])
    return Expression(
        ast.get_source_segment(text, node) or ast.unparse(node),
        frozenset(each for each in imports if each.bound in names),
    )


def _free_names(nodes: Sequence[ast.AST]) -> list[str]:
    """Return names that are read but neither bound here nor built in, in order."""
    read: dict[str, None] = {}
    bound: set[str] = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read.setdefault(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
    return [name for name in read if name not in bound and not hasattr(builtins, name)]

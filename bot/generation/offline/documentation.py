"""Documented examples as something to run: names resolved, imports lifted out, plain calls taken apart."""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.generation.offline.expressions import Expression, Import, Imports, Layer
from bot.generation.offline.sources import ModuleSource
from bot.languages.driver import DocumentedExample
from bot.model import Member

_MOST_EXAMPLES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedCall:
    """One call that a docstring shows, ready to run.

    Attributes:
        setup: Statements before it, without imports.
        call: Its text.
        imports: What all of it needs.
        example: What the docstring says of it, where that can be read; else None.
        arguments: Where it is a plain call of the member and nothing else: its arguments, each with the name
            it is given by, or an empty one; None otherwise.
    """

    setup: tuple[str, ...]
    call: str
    imports: Imports
    example: DocumentedExample | None
    arguments: tuple[tuple[str, Expression], ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Documentation:
    """What a member's docstring shows.

    Attributes:
        calls: Its calls, in order.
        given: Arguments that they give the member: by place, and by name.
    """

    calls: tuple[DocumentedCall, ...] = ()
    given: Mapping[int | str, Sequence[Expression]] = field(default_factory=dict)

    def arguments_for(self, place: int, name: str) -> list[Expression]:
        """Return what the docstring gives for a parameter."""
        return [*self.given.get(place, ()), *self.given.get(name, ())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A call in a docstring as its reader gives it, with what is documented of it, if anything."""

    setup: tuple[str, ...]
    call: str
    example: DocumentedExample | None


def read_documentation(member: Member, source: ModuleSource, shown: Iterable[Shown]) -> Documentation:
    """Make documented calls ready to run; one that uses a name of unknown origin is left out."""
    reader = _Reader(member, source)
    calls = [call for each in shown if (call := reader.read(each)) is not None][:_MOST_EXAMPLES]
    given: defaultdict[int | str, list[Expression]] = defaultdict(list)
    for call in calls:
        for place, (name, value) in enumerate(call.arguments or ()):
            given[name or place].append(value.at(Layer.DOCUMENTED))
    return Documentation(calls=tuple(calls), given=given)


class _Reader:
    """Resolves the names of documented calls."""

    def __init__(self, member: Member, source: ModuleSource) -> None:
        self._member = member
        self._source = source
        self._top = member.name.partition(".")[0]

    def read(self, shown: Shown) -> DocumentedCall | None:
        """Return a call ready to run, or None where a name of it is unknown."""
        try:
            statements = [node for text in shown.setup for node in ast.parse(text).body]
            call = ast.parse(shown.call, mode="eval").body
        except (SyntaxError, ValueError):
            return None
        lifted = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
        setup = [node for node in statements if not isinstance(node, ast.Import | ast.ImportFrom)]
        own = _imported(lifted)
        expected = shown.example.expected if shown.example else None
        parts: list[ast.AST] = [*setup, call, *([ast.parse(f"({expected})")] if expected else [])]
        imports = self._resolved(_free_names(parts), own)
        if imports is None:
            return None
        return DocumentedCall(
            setup=tuple(ast.unparse(node) for node in setup),
            call=shown.call,
            imports=imports,
            example=shown.example,
            arguments=None if setup else self._arguments(call, imports, shown.call),
        )

    def _resolved(self, names: Sequence[str], own: Mapping[str, Import]) -> Imports | None:
        found = [self._origin(name, own) for name in names]
        known = [each for each in found if each is not None]
        return frozenset(known) if len(known) == len(found) else None

    def _origin(self, name: str, own: Mapping[str, Import]) -> Import | None:
        """Return where a name of the docstring comes from."""
        if name == self._top:
            return Import(self._member.module, name)
        if name in own or name in self._source.imports:
            return own.get(name) or self._source.imports[name]
        if name in self._source.definitions or name in self._source.constants:
            return Import(self._member.module, name)
        package = self._member.module.partition(".")[0]
        return Import(package) if name == package else None

    def _arguments(
        self, call: ast.expr, imports: Imports, text: str
    ) -> tuple[tuple[str, Expression], ...] | None:
        if not isinstance(call, ast.Call) or not self._is_member(call.func):
            return None
        if any(isinstance(node, ast.Starred) for node in call.args) or any(not k.arg for k in call.keywords):
            return None
        pairs = [("", node) for node in call.args] + [(k.arg or "", k.value) for k in call.keywords]
        return tuple((name, _expression(node, imports, text)) for name, node in pairs)

    def _is_member(self, function: ast.expr) -> bool:
        """Tell whether a function's text names the member: plainly, or by modules before it."""
        text = ast.unparse(function)
        return text == self._member.name or text in {
            f"{self._member.module}.{self._member.name}",
            f"{self._member.module.partition('.')[0]}.{self._member.name}",
        }


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
    """Return the names that are read and neither bound here nor built in, in order."""
    read: dict[str, None] = {}
    bound: set[str] = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read.setdefault(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
    return [name for name in read if name not in bound and not hasattr(builtins, name)]

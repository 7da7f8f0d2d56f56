"""What is known about a member before it is run: its description, source, documentation and usage.

Descriptions come from a process that ran project code, so they are untrusted: invalid values become
"unknown", and invalid names are rejected.
"""

from __future__ import annotations

import ast
import builtins
import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from testsmith.languages.python.explorer.inputs.static_hints import Hints
from testsmith.languages.python.explorer.module_source import Documentation, ModuleSource, gives_nothing
from testsmith.languages.python.explorer.render.expressions import Expression, Import, InputSource
from testsmith.languages.python.explorer.usage.usage_calls import MemberUsage
from testsmith.model import Member

# Descriptions by the explorer.

_DEEPEST = 8
_MOST_PARTS = 40
_LONGEST_TEXT = 500


class NotUnderstood(ValueError):
    """An explorer's answer does not have the expected format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a class is imported from."""

    module: str
    path: str

    @property
    def imported(self) -> Import:
        """Import of the class."""
        return Import(self.module, self.path.partition(".")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a parameter accepts; kinds are defined in the explorer's `shapes`.

    Attributes:
        kind: The kind.
        home: The class, if it is one.
        parts: Shapes of contained items or union members.
        values: Source texts of literals, or names of an enum's members.
        parameters: Parameters of the class's constructor, or keys of a typed dict.
    """

    kind: str
    home: Home | None = None
    parts: tuple[Shape, ...] = ()
    values: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter.

    Attributes:
        name: Its name.
        mode: `positional`, `either`, `keyword`, `rest` for `*names` or `keywords` for `**names`.
        required: Whether it has no default.
        default: Default value, if it has a source text.
        shape: What it accepts.
    """

    name: str
    mode: str = "either"
    required: bool = True
    default: Expression | None = None
    shape: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """A callable.

    Attributes:
        name: Plain name.
        parameters: Its parameters, or None if unknown.
        returns: Its annotated return type.
        generator: Whether it yields.
    """

    name: str
    parameters: tuple[Parameter, ...] | None
    returns: Shape
    generator: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A class: the member itself or its enclosing class.

    Attributes:
        path: Qualified name.
        kind: `class`, `enum` or `exception`.
        abstract: Whether it cannot be instantiated.
        members: Names of an enum's members.
        builtin: Nearest built-in base class; empty for none.
        parameters: Parameters of the constructor, or None if unknown.
        methods: Public synchronous methods.
        awaited: Public methods that are coroutine functions.
        asynchronous: Whether it has asynchronous operations.
        special: Names of its special methods that are used by statements.
        factories: Class and static methods that return an instance.
    """

    path: str
    kind: str = "class"
    abstract: bool = False
    members: tuple[str, ...] = ()
    builtin: str = ""
    parameters: tuple[Parameter, ...] | None = ()
    methods: tuple[Callee, ...] = ()
    awaited: tuple[Callee, ...] = ()
    asynchronous: bool = False
    special: tuple[str, ...] = ()
    factories: tuple[Callee, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """An explorer's description of a member.

    Attributes:
        name: Dotted name.
        problem: Why it is not available, or None.
        callee: What to call.
        owner: Its enclosing class, or itself.
        set_to: What a property may be set to, or None if it cannot be set.
    """

    name: str
    problem: str | None
    callee: Callee
    owner: Owner | None = None
    set_to: Parameter | None = None


UNKNOWN = Shape(kind="unknown")


def read_description(data: Mapping[str, Any]) -> Description:
    """Decode a description.

    Raises:
        NotUnderstood: It does not have the expected format.
    """
    try:
        owner = data.get("owner")
        return Description(
            name=str(data["name"]),
            problem=None if data["problem"] is None else str(data["problem"])[:_LONGEST_TEXT],
            callee=_callee(data),
            owner=None if owner is None else _owner(owner),
            set_to=next(iter(_parameters(data.get("set_to")) or ()), None),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotUnderstood(str(error)) from error


def _callee(data: Mapping[str, Any]) -> Callee:
    return Callee(
        name=str(data["name"]),
        parameters=_parameters(data.get("parameters")),
        returns=_shape(data.get("returns"), 0),
        generator=bool(data.get("generator")),
    )


def _owner(data: Mapping[str, Any]) -> Owner:
    return Owner(
        path=_dotted(data["home"][1]),
        kind=str(data["kind"]),
        abstract=bool(data["abstract"]),
        members=_names(data["members"]),
        builtin=str(data["builtin"] or ""),
        parameters=_parameters(data["parameters"]),
        methods=tuple(map(_callee, data["methods"][:_MOST_PARTS])),
        awaited=tuple(map(_callee, data["awaited"][:_MOST_PARTS])),
        asynchronous=bool(data["asynchronous"]),
        special=_names(data["special"]),
        factories=tuple(map(_callee, data["factories"][:_MOST_PARTS])),
    )


def _names(data: Any) -> tuple[str, ...]:
    return tuple(map(_dotted, data[:_MOST_PARTS]))


def _parameters(
    data: Any, depth: int = 0, read_name: Callable[[Any], str] | None = None
) -> tuple[Parameter, ...] | None:
    if data is None:
        return None
    return tuple(_parameter(entry, depth, read_name or _dotted) for entry in data[:_MOST_PARTS])


def _parameter(data: Mapping[str, Any], depth: int, read_name: Callable[[Any], str]) -> Parameter:
    default = data.get("default")
    return Parameter(
        name=read_name(data["name"]),
        mode=str(data.get("mode", "keyword")),
        required=bool(data["required"]),
        default=None if default is None else read_expression(default).at(InputSource.ORDINARY),
        shape=_shape(data["shape"], depth + 1),
    )


def _shape(data: Any, depth: int) -> Shape:
    if not isinstance(data, Mapping) or depth > _DEEPEST:
        return UNKNOWN
    home = data.get("home")
    if home is None and data["kind"] in {"instance", "enum"}:
        return UNKNOWN
    kind = str(data["kind"])
    values = tuple(map(str, data.get("values", ())))[:_MOST_PARTS]
    read_name = _key if kind == "typed dict" else _dotted
    return Shape(
        kind=kind,
        home=None if home is None else Home(module=_dotted(home[0]), path=_dotted(home[1])),
        parts=tuple(_shape(part, depth + 1) for part in data.get("parts", ())[:_MOST_PARTS]),
        values=tuple(map(_dotted if kind == "enum" else _literal, values)),
        parameters=_parameters(data.get("parameters"), depth + 1, read_name) or (),
    )


def read_expression(data: Mapping[str, Any]) -> Expression:
    """Decode a source expression with its imports.

    Raises:
        ValueError: It is not an expression, or its imports are invalid.
    """
    return Expression(_literal(str(data["text"])), read_imports(data["imports"]))


def read_imports(data: Any) -> frozenset[Import]:
    """Decode imports, each a module and a name.

    Raises:
        ValueError: They are invalid.
    """
    return frozenset(Import(_dotted(module), _dotted(name) if name else "") for module, name in data)


def _key(text: Any) -> str:
    """Return the key of a typed dict, which need not be a name."""
    if len(str(text)) > _LONGEST_TEXT:
        raise ValueError(f"{str(text)[:80]!r} is too long for a key")
    return str(text)


def _literal(text: str) -> str:
    ast.parse(text, mode="eval")
    return text


def _dotted(text: Any) -> str:
    """Return a validated dotted name."""
    name = str(text)
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split(".")):
        raise ValueError(f"{name[:80]!r} is not a name")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Everything known about a member before it is run.

    Attributes:
        member: The member.
        description: The explorer's description.
        source: Source of its module.
        hints: Input hints in that source.
        documentation: Examples in its docstring.
        usage: How the project calls it.
        company: Number of members of its module that are explored, including itself.
    """

    member: Member
    description: Description
    source: ModuleSource
    hints: Hints
    documentation: Documentation
    usage: MemberUsage = field(default_factory=MemberUsage)
    company: int = 1

    def share(self, of_all: int, fewest: int, most: int) -> int:
        """Return the member's share of a budget, which shrinks with the number of members, for large modules.

        Args:
            of_all: Budget for all members.
            fewest: Minimum share.
            most: Maximum share.
        """
        return max(fewest, min(most, of_all // self.company))

    @property
    def callee(self) -> Callee:
        """What to call."""
        return self.description.callee

    @property
    def owner(self) -> Owner | None:
        """Its enclosing class, or itself."""
        return self.description.owner

    @property
    def parameters(self) -> Sequence[Parameter]:
        """Its parameters; empty if unknown."""
        return self.callee.parameters or ()

    @property
    def gives_nothing(self) -> bool:
        """Whether it never returns a value, so that only its effects are observable."""
        return gives_nothing(self.source.definitions.get(self.member.name))

    @property
    def changed_raises(self) -> frozenset[int]:
        """First lines of the `raise` statements in its module that the change adds or modifies."""
        raises = (node for node in ast.walk(self.source.tree) if isinstance(node, ast.Raise))
        changed = self.member.lines_of_change
        return frozenset(
            node.lineno
            for node in raises
            if not changed.isdisjoint(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        )

    def method_gives_nothing(self, name: str) -> bool:
        """Return the same for another method of its class."""
        owner = self.member.name.rpartition(".")[0]
        return gives_nothing(self.source.definitions.get(f"{owner}.{name}"))


def reference(name: str, public_module: str) -> tuple[str, Import]:
    """Return how a test refers to a member's function or class, and the import for it.

    A name that would shadow a built-in, or that pytest would collect as a test, is accessed through its
    module.
    """
    top = name.partition(".")[0]
    if not hasattr(builtins, top) and not top.lower().startswith("test"):
        return top, Import(public_module, top)
    package, _, module = public_module.rpartition(".")
    return f"{module}.{top}", Import(package, module) if package else Import(module)

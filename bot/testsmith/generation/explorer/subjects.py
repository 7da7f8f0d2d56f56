"""What is known of a member before it is run."""

from __future__ import annotations

import ast
import builtins
import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from testsmith.generation.explorer.inputs.static_hints import Hints
from testsmith.generation.explorer.module_source import Documentation, ModuleSource, gives_nothing
from testsmith.generation.explorer.render.expressions import Expression, Import, InputSource
from testsmith.generation.explorer.usage.usage_calls import MemberUsage
from testsmith.model import Member

# What the explorer says of a member: its parameters, and the class around it.
#
# It comes out of a process that has run code of the project, so it may be anything: what has not the
# right shape becomes "unknown", and names that are none are refused.

_DEEPEST = 8
_MOST_PARTS = 40
_LONGEST_TEXT = 500


class NotUnderstood(ValueError):
    """What came back has not the shape of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a class is imported from."""

    module: str
    path: str

    @property
    def imported(self) -> Import:
        """The import that brings it."""
        return Import(self.module, self.path.partition(".")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a parameter may be given; the kinds are those of the explorer's `shapes`.

    Attributes:
        kind: The kind.
        home: The class, where it is one.
        parts: The shapes of what it holds, or of what it may be.
        values: Source texts of literals, or names of an enum's members.
        parameters: Of the class's constructor, or the keys of a typed dict.
    """

    kind: str
    home: Home | None = None
    parts: tuple[Shape, ...] = ()
    values: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter.

    Attributes:
        name: Its name.
        mode: `positional`, `either`, `keyword`, `rest` for `*names` or `keywords` for `**names`.
        required: Whether a call must give it.
        default: Its default value, where that can be written.
        shape: What it may be given.
    """

    name: str
    mode: str = "either"
    required: bool = True
    default: Expression | None = None
    shape: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """Something that can be called.

    Attributes:
        name: Its plain name.
        parameters: What it takes; None if it does not tell.
        returns: What it says that it returns.
        generator: Whether it yields.
    """

    name: str
    parameters: tuple[Parameter, ...] | None
    returns: Shape
    generator: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A class: the member itself, or the one around it.

    Attributes:
        path: Its qualified name.
        kind: `class`, `enum` or `exception`.
        abstract: Whether no object of it can be made.
        members: Names of an enum's members.
        builtin: The nearest built-in class that it derives from; empty for none.
        parameters: Of its constructor; None if it tells none.
        methods: Its public plain methods.
        awaited: Its public methods that are coroutine functions.
        asynchronous: Whether some of what it does is awaited.
        special: Names of special methods that it has, of those that work by a statement.
        factories: Class and static methods that return an object of it.
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
    """What the explorer found of one member.

    Attributes:
        name: The member's dotted name.
        problem: Why it cannot be had; None if it can.
        callee: What is called.
        owner: The class around it, or itself.
        set_to: What it may be set to, where it is a property; None if it cannot be set.
    """

    name: str
    problem: str | None
    callee: Callee
    owner: Owner | None = None
    set_to: Parameter | None = None


UNKNOWN = Shape(kind="unknown")


def read_description(data: Mapping[str, Any]) -> Description:
    """Read one description.

    Raises:
        NotUnderstood: It has not the shape of one.
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


def _parameters(data: Any, depth: int = 0) -> tuple[Parameter, ...] | None:
    return None if data is None else tuple(_parameter(entry, depth) for entry in data[:_MOST_PARTS])


def _parameter(data: Mapping[str, Any], depth: int) -> Parameter:
    default = data.get("default")
    return Parameter(
        name=_dotted(data["name"]),
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
    return Shape(
        kind=kind,
        home=None if home is None else Home(module=_dotted(home[0]), path=_dotted(home[1])),
        parts=tuple(_shape(part, depth + 1) for part in data.get("parts", ())[:_MOST_PARTS]),
        values=tuple(map(_dotted if kind == "enum" else _literal, values)),
        parameters=_parameters(data.get("parameters"), depth + 1) or (),
    )


def read_expression(data: Mapping[str, Any]) -> Expression:
    """Read a source text with its imports.

    Raises:
        ValueError: It is no expression, or its imports are none.
    """
    return Expression(_literal(str(data["text"])), read_imports(data["imports"]))


def read_imports(data: Any) -> frozenset[Import]:
    """Read imports, each a module and a name.

    Raises:
        ValueError: They are none.
    """
    return frozenset(Import(_dotted(module), _dotted(name) if name else "") for module, name in data)


def _literal(text: str) -> str:
    ast.parse(text, mode="eval")
    return text


def _dotted(text: Any) -> str:
    """Return a dotted name, or refuse what is none."""
    name = str(text)
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split(".")):
        raise ValueError(f"{name[:80]!r} is no name")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """All that is known of a member before it is run.

    Attributes:
        member: The member.
        description: What the explorer says of it.
        source: Its module's text.
        hints: What that text says of its inputs.
        documentation: The examples of its docstring.
        partners: Functions of its module that may undo or check it.
        usage: How the project calls it.
        company: How many members of its module are looked at, itself included.
    """

    member: Member
    description: Description
    source: ModuleSource
    hints: Hints
    documentation: Documentation
    partners: Sequence[Callee] = ()
    usage: MemberUsage = field(default_factory=MemberUsage)
    company: int = 1

    def share(self, of_all: int, fewest: int, most: int) -> int:
        """Return how much it may have of something: less beside more members, for large modules' sake.

        Args:
            of_all: What there is for all of them.
            fewest: As much it has in any case.
            most: More it never has.
        """
        return max(fewest, min(most, of_all // self.company))

    @property
    def callee(self) -> Callee:
        """What is called."""
        return self.description.callee

    @property
    def owner(self) -> Owner | None:
        """The class around it, or itself."""
        return self.description.owner

    @property
    def parameters(self) -> Sequence[Parameter]:
        """What it takes; nothing where it does not tell."""
        return self.callee.parameters or ()

    @property
    def gives_nothing(self) -> bool:
        """Whether it never gives a value, so that its effects are all there is to see."""
        return gives_nothing(self.source.definitions.get(self.member.name))

    def method_gives_nothing(self, name: str) -> bool:
        """Tell the same of another method of its class."""
        owner = self.member.name.rpartition(".")[0]
        return gives_nothing(self.source.definitions.get(f"{owner}.{name}"))


def reference(name: str, public_module: str) -> tuple[str, Import]:
    """Return how a test names a member's function or class, and the import for it.

    A name that would hide a built-in one, or that pytest would take for a test, is reached by its module.
    """
    top = name.partition(".")[0]
    if not hasattr(builtins, top) and not top.lower().startswith("test"):
        return top, Import(public_module, top)
    package, _, module = public_module.rpartition(".")
    return f"{module}.{top}", Import(package, module) if package else Import(module)

"""What is run of one member: calls as source text, planned from its description, text and examples."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

from bot.generation.offline.calls import (
    BINARY,
    COMPARISONS,
    CONSTRUCTORS,
    Argument,
    Pieces,
    Slot,
    call_text,
    method_pieces,
    variable_for,
)
from bot.generation.offline.description import Callee, Description, Home, Owner, Parameter
from bot.generation.offline.documentation import Documentation, DocumentedCall
from bot.generation.offline.expressions import NONE, Expression, Import, Imports, Layer, unique
from bot.generation.offline.hints import Hints
from bot.generation.offline.inputs import inputs, shape_of
from bot.generation.offline.sources import ModuleSource, gives_nothing
from bot.generation.offline.values import FIRST_KEY, accepts_text_keys, constructions
from bot.languages.driver import DocumentedExample
from bot.model import Member, MemberKind

MOST_TRIALS = 64
"""How many trials are planned for one member, beside those of its documentation."""

_MOST_OBJECTS = 4
_MOST_PRIORS = 3
_MOST_PROBES = 3
_MOST_OPTIONAL = 4
_MOST_DRAWS = 200
_OPTIONAL_SHARE = 0.3

_MAKING = frozenset(
    {"add", "append", "put", "push", "set", "insert", "update", "extend", "register", "load", "feed", "write"}
)
"""Methods that bring something into an object, by the first word of their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One call, with all that it needs.

    Attributes:
        imports: What its text needs.
        setup: Statements before the call; the first makes the object, where there is one.
        pieces: The call's text around its object and arguments.
        receiver: The object's name; empty where there is none.
        arguments: The call's arguments.
        watched: Names of objects that are looked at afterwards.
        probes: Expressions that are looked at afterwards.
        layer: Where its inputs come from.
        example: The documented example that it is; None for all others.
        priors: Names of the methods that were called before.
    """

    imports: Imports
    setup: tuple[str, ...] = ()
    pieces: Pieces
    receiver: str = ""
    arguments: tuple[Argument, ...] = ()
    watched: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    layer: Layer = Layer.ORDINARY
    example: DocumentedExample | None = None
    priors: tuple[str, ...] = ()

    @property
    def call(self) -> str:
        """The call's text."""
        return call_text(self.pieces, self.receiver, [argument.text() for argument in self.arguments])

    @property
    def text(self) -> str:
        """The whole trial's text, by which equal ones are known."""
        return "\n".join((*self.setup, self.call))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """All that is known of a member before it is run.

    Attributes:
        member: The member.
        description: What the explorer says of it.
        source: Its module's text.
        hints: What that text says of its inputs.
        documentation: The examples of its docstring.
    """

    member: Member
    description: Description
    source: ModuleSource
    hints: Hints
    documentation: Documentation


def reference(member: Member) -> tuple[str, Import]:
    """Return how a test names the member's function or class, and the import for it.

    A name that would hide a built-in one, or that pytest would take for a test, is reached by its module.
    """
    top = member.name.partition(".")[0]
    if not hasattr(builtins, top) and not top.lower().startswith("test"):
        return top, Import(member.module, top)
    package, _, module = member.module.rpartition(".")
    return f"{module}.{top}", Import(package, module) if package else Import(module)


def plan(subject: Subject, seed: int) -> list[Trial]:
    """Return the trials of a member, those of its documentation first, each text once."""
    documented = [_documented(subject, call) for call in subject.documentation.calls]
    found = {trial.text: trial for trial in documented}
    most = MOST_TRIALS + len(found)
    for trial in _Planner(subject, Random(f"{seed}:{subject.member.id}")).trials():  # noqa: S311 - no secret
        if len(found) >= most:
            break
        found.setdefault(trial.text, trial)
    return [*found.values()]


def _documented(subject: Subject, call: DocumentedCall) -> Trial:
    """Return a documented call as a trial: taken apart where it is a plain call of a function."""
    example = call.example
    arguments = call.arguments
    if arguments is None or subject.member.kind is not MemberKind.FUNCTION:
        pieces: Pieces = (call.call,)
        return Trial(
            imports=call.imports, setup=call.setup, pieces=pieces, layer=Layer.DOCUMENTED, example=example
        )
    name, imported = reference(subject.member)
    own = subject.member.name.partition(".")[0]
    others = {each for argument in arguments for each in argument[1].imports if each.bound != own}
    return Trial(
        imports=frozenset({imported, *others}),
        pieces=(f"{name}(", Slot.ALL, ")"),
        arguments=tuple(
            _documented_argument(subject, at, *argument) for at, argument in enumerate(arguments)
        ),
        layer=Layer.DOCUMENTED,
        example=example,
    )


def _documented_argument(subject: Subject, place: int, name: str, value: Expression) -> Argument:
    parameters = subject.description.callee.parameters or ()
    return Argument(
        name or (parameters[place].name if place < len(parameters) else "value"), value, bool(name)
    )


class _Planner:
    """Plans the trials of one member."""

    def __init__(self, subject: Subject, random: Random) -> None:
        self._subject = subject
        self._random = random
        self._member = subject.member
        self._name, self._import = reference(subject.member)
        self._path = self._name + self._member.name.removeprefix(self._member.name.partition(".")[0])
        self._columns: dict[str, list[Expression]] = {}

    def trials(self) -> Iterator[Trial]:
        """Yield all trials, the simplest first; their number is for the caller to limit."""
        owner = self._subject.description.owner
        if self._member.kind is MemberKind.CLASS and owner is not None and owner.kind == "enum":
            return self._enum_trials(owner)
        if self._member.kind is MemberKind.CLASS or self._member.plain_name in CONSTRUCTORS:
            return self._construction_trials()
        if self._member.kind in {MemberKind.METHOD, MemberKind.PROPERTY}:
            return self._object_trials()
        return self._calls(Trial(imports=frozenset({self._import}), pieces=(f"{self._path}(", Slot.ALL, ")")))

    def _enum_trials(self, owner: Owner) -> Iterator[Trial]:
        plain = Trial(imports=frozenset({self._import}), pieces=())
        yield replace(plain, pieces=(f"[member.name for member in {self._path}]",))
        for name in owner.members[:_MOST_OBJECTS]:
            yield replace(plain, pieces=(f"{self._path}.{name}.value",))

    def _construction_trials(self) -> Iterator[Trial]:
        path = self._path if self._member.kind is MemberKind.CLASS else self._path.rpartition(".")[0]
        for made in self._objects(path):
            yield Trial(imports=made.imports, pieces=(made.text,), layer=made.layer)
        yield from self._calls(Trial(imports=frozenset({self._import}), pieces=(f"{path}(", Slot.ALL, ")")))

    def _object_trials(self) -> Iterator[Trial]:
        """Yield calls on objects: plain ones, then after other methods, then on other objects."""
        path = self._path.rpartition(".")[0]
        objects = self._objects(path)
        if not objects:
            return
        variable = variable_for(path, {self._import.bound})
        is_property = self._member.kind is MemberKind.PROPERTY
        pieces = (
            (Slot.RECEIVER, f".{self._member.plain_name}")
            if is_property
            else method_pieces(self._member.plain_name)
        )
        bare = [self._on(made, variable, pieces) for made in objects]
        after = list(self._after_others(bare[0]))
        yield from islice(self._calls(bare[0]), MOST_TRIALS // 2)
        for trial in (*after, *bare[1:]):
            yield from islice(self._calls(trial), MOST_TRIALS // 8)
        for trial in bare[:1]:
            yield from self._calls(trial)

    def _on(self, made: Expression, variable: str, pieces: Pieces) -> Trial:
        return Trial(
            imports=made.imports,
            setup=(f"{variable} = {made.text}",),
            pieces=pieces,
            receiver=variable,
            watched=(variable,),
            probes=self._probes(variable),
            layer=made.layer,
        )

    def _after_others(self, trial: Trial) -> Iterator[Trial]:
        """Yield a trial with other methods of the object called before, or the member itself."""
        calls = [*self._priors(trial.receiver), *self._again(trial)]
        for name, text, imports in calls:
            yield replace(
                trial,
                imports=trial.imports | imports,
                setup=(*trial.setup, text),
                priors=(*trial.priors, name),
            )

    def _again(self, trial: Trial) -> Iterator[tuple[str, str, Imports]]:
        arguments = self._base()
        if self._member.kind is MemberKind.METHOD and arguments is not None:
            text = call_text(trial.pieces, trial.receiver, [argument.text() for argument in arguments])
            yield self._member.plain_name, text, _imports_of(arguments)

    def _priors(self, variable: str) -> Iterator[tuple[str, str, Imports]]:
        """Yield calls of methods that bring something into the object."""
        owner = self._subject.description.owner
        methods = [method for method in (owner.methods if owner else ()) if self._brings(method)]
        methods.sort(key=lambda method: method.name.split("_")[0] not in _MAKING)
        found = [(method, self._arguments_of(method)) for method in methods]
        for method, arguments in [each for each in found if each[1] is not None][:_MOST_PRIORS]:
            assert arguments is not None  # noqa: S101 - sorted out above
            texts = ", ".join(argument.text() for argument in arguments)
            yield method.name, f"{variable}.{method.name}({texts})", _imports_of(arguments)

    def _brings(self, method: Callee) -> bool:
        if method.name == self._member.plain_name or not method.parameters:
            return False
        return method.name.split("_")[0] in _MAKING or self._gives_nothing(method.name)

    def _gives_nothing(self, name: str) -> bool:
        owner = self._member.name.rpartition(".")[0]
        return gives_nothing(self._subject.source.definitions.get(f"{owner}.{name}"))

    def _arguments_of(self, method: Callee) -> list[Argument] | None:
        """Return the arguments that another method must be given; None where a value is not known."""
        found = []
        for parameter in method.parameters or ():
            if not parameter.required:
                continue
            column = self._column(parameter)
            if not column:
                return None
            found.append(Argument(parameter.name, column[0], parameter.mode == "keyword"))
        return found

    def _probes(self, variable: str) -> tuple[str, ...]:
        """Return calls of methods that only look, with arguments that the member is given as well."""
        if self._member.kind is not MemberKind.METHOD:
            return ()
        owner = self._subject.description.owner
        own = {parameter.name for parameter in self._subject.description.callee.parameters or ()}
        found = []
        for method in owner.methods if owner else ():
            needed = [parameter for parameter in method.parameters or () if parameter.required]
            looks = (
                method.returns.kind != "none"
                and not self._brings(method)
                and not self._gives_nothing(method.name)
            )
            if (
                method.name == self._member.plain_name
                or not looks
                or not {each.name for each in needed} <= own
            ):
                continue
            arguments = self._arguments_of(method)
            if arguments is not None and not method.generator and not _imports_of(arguments):
                found.append(f"{variable}.{method.name}({', '.join(each.text() for each in arguments)})")
        return tuple(found[:_MOST_PROBES])

    def _objects(self, path: str) -> list[Expression]:
        """Return objects of a class: from its constructor, the fewest arguments first, or its factories."""
        owner = self._subject.description.owner
        if owner is None or owner.abstract:
            return []
        if owner.kind == "enum":
            return [
                Expression(f"{path}.{name}", frozenset({self._import}))
                for name in owner.members[:_MOST_OBJECTS]
            ]
        home = Home(module=self._import.module, path=path)
        made = constructions(home, self._typed(owner.parameters or ()))
        made = [replace(each, imports=(each.imports - {home.imported}) | {self._import}) for each in made]
        filled = [
            Expression(f"{path}({text})", frozenset({self._import}))
            for text in _CONTENTS.get(owner.builtin, ())
        ]
        first = [each.at(Layer.ORDINARY) for each in (*made[:1], *filled[:1])]
        return unique([*first, *made[1:], *filled[1:], *self._from_factories(path, owner)])[:_MOST_OBJECTS]

    def _from_factories(self, path: str, owner: Owner) -> Iterator[Expression]:
        for factory in owner.factories:
            arguments = self._arguments_of(factory)
            if arguments is not None:
                texts = ", ".join(argument.text() for argument in arguments)
                yield Expression(f"{path}.{factory.name}({texts})", _imports_of(arguments) | {self._import})

    def _typed(self, parameters: Iterable[Parameter]) -> list[Parameter]:
        return [replace(each, shape=shape_of(each, self._subject.hints)) for each in parameters]

    def _column(self, parameter: Parameter) -> list[Expression]:
        """Return the values to try for a parameter of the member, or of another method."""
        if parameter.name not in self._columns:
            own = [each.name for each in self._parameters()]
            place = own.index(parameter.name) if parameter.name in own else -1
            documented = self._subject.documentation.arguments_for(place, parameter.name)
            found = inputs(parameter, self._subject.hints, documented)
            self._columns[parameter.name] = unique([*self._keys_for(parameter), *found]) if found else []
        return self._columns[parameter.name]

    def _keys_for(self, parameter: Parameter) -> list[Expression]:
        """Return a key of a mapping that the member is given as well, for a text that may be one."""
        shapes = [shape_of(each, self._subject.hints) for each in self._parameters()]
        has_texts = any(shape.kind == "dict" and accepts_text_keys(shape) for shape in shapes)
        is_text = shape_of(parameter, self._subject.hints).kind == "str"
        return [Expression(FIRST_KEY, layer=Layer.ORDINARY)] if has_texts and is_text else []

    def _parameters(self) -> Sequence[Parameter]:
        return self._subject.description.callee.parameters or ()

    def _base(self) -> list[Argument] | None:
        """Return the most ordinary arguments; None where a value is not known."""
        return self._arguments_of(self._subject.description.callee)

    def _calls(self, trial: Trial) -> Iterator[Trial]:
        """Yield a trial with arguments: ordinary ones, then one exchanged at a time, then drawn ones."""
        base = self._base()
        if base is None:
            return
        if self._member.plain_name in COMPARISONS or (self._member.plain_name in BINARY and not base):
            base = [Argument("other", Expression(trial.setup[0].partition(" = ")[2], trial.imports))]
        yield self._with(trial, base)
        if not self._parameters():
            return
        yield from self._exchanged(trial, base)
        for _ in range(_MOST_DRAWS):
            yield self._with(trial, self._drawn())

    def _exchanged(self, trial: Trial, base: list[Argument]) -> Iterator[Trial]:
        """Exchange one required argument or give one optional one, by turns."""
        rows: list[list[list[Argument]]] = []
        for parameter in self._parameters():
            column = self._column(parameter)
            if parameter.required:
                rows.append([_exchange(base, parameter.name, value) for value in column[1:]])
            else:
                rows.append([[*base, _given(parameter, value)] for value in self._optional(parameter)])
        for rank in range(max(map(len, rows), default=0)):
            for row in rows:
                if rank < len(row):
                    yield self._with(trial, row[rank])

    def _optional(self, parameter: Parameter) -> list[Expression]:
        default = parameter.default.text if parameter.default else ""
        return [value for value in self._column(parameter) if value.text != default][:_MOST_OPTIONAL]

    def _drawn(self) -> list[Argument]:
        found = []
        for parameter in self._parameters():
            column = self._column(parameter) if parameter.required else self._optional(parameter)
            wanted = parameter.required or self._random.random() < _OPTIONAL_SHARE
            if column and wanted:
                found.append(_given(parameter, self._random.choice(column)))
        return found

    def _with(self, trial: Trial, arguments: Sequence[Argument]) -> Trial:
        ordered = _ordered(arguments)
        layers = [argument.value.layer for argument in ordered]
        return replace(
            self._with_variables(trial, ordered) or replace(trial, arguments=tuple(ordered)),
            imports=trial.imports | _imports_of(ordered),
            layer=max([trial.layer, *layers]),
        )

    def _with_variables(self, trial: Trial, arguments: Sequence[Argument]) -> Trial | None:
        """Give lists and the like as variables, to be looked at later, where the member gives nothing."""
        if trial.receiver or not gives_nothing(self._subject.source.definitions.get(self._member.name)):
            return None
        held = [each for each in arguments if each.value.text[:1] in {"[", "{"}]
        names = {each: variable_for(each.name, {self._import.bound}) for each in held}
        return replace(
            trial,
            setup=tuple(f"{names[each]} = {each.value.text}" for each in held),
            arguments=tuple(
                replace(each, value=Expression(names[each])) if each in names else each for each in arguments
            ),
            watched=tuple(names.values()),
        )


_CONTENTS = {
    "dict": ('[("a", 1), ("b", 2)]', '{"a": 1}'),
    "list": ("[3, 1, 2]", "[1, 1]"),
    "set": ("[3, 1, 2]",),
    "frozenset": ("[3, 1, 2]",),
    "tuple": ("[3, 1, 2]",),
    "str": ('"hello world"',),
    "bytes": ('b"hello"',),
    "int": ("5",),
    "float": ("2.5",),
}
"""What an object is made from whose class derives from a built-in one."""


def _given(parameter: Parameter, value: Expression) -> Argument:
    return Argument(parameter.name, value, parameter.mode == "keyword" or not parameter.required)


def _exchange(base: Sequence[Argument], name: str, value: Expression) -> list[Argument]:
    return [replace(argument, value=value) if argument.name == name else argument for argument in base]


def _ordered(arguments: Iterable[Argument]) -> list[Argument]:
    return sorted(arguments, key=lambda argument: argument.by_keyword)


def _imports_of(arguments: Iterable[Argument]) -> Imports:
    return NONE.union(*(argument.value.imports for argument in arguments))

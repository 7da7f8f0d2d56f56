"""Plan the trials of a member from its description, source, examples and usage."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, zip_longest
from random import Random

from testsmith.languages.python.explorer.inputs.argument_pool import Columns, imports_of
from testsmith.languages.python.explorer.inputs.determinism import with_stillness
from testsmith.languages.python.explorer.inputs.objects import Objects, Prior, file_trials
from testsmith.languages.python.explorer.inputs.parameter_values import inputs
from testsmith.languages.python.explorer.inputs.static_hints import Hints
from testsmith.languages.python.explorer.module_source import DocumentedCall
from testsmith.languages.python.explorer.render.call_text import (
    CONSTRUCTORS,
    Argument,
    Pieces,
    Slot,
    imports_for,
    method_pieces,
    variable_for,
)
from testsmith.languages.python.explorer.render.expressions import Expression, InputSource
from testsmith.languages.python.explorer.render.value_words import value_words
from testsmith.languages.python.explorer.subjects import Parameter, Subject, reference
from testsmith.languages.python.explorer.trial import Trial
from testsmith.languages.python.explorer.usage.checked_expressions import CheckedCode, around_literals, turned
from testsmith.languages.python.explorer.usage.usage_calls import UsedCall, Where
from testsmith.languages.python.source.definitions import last_name
from testsmith.model import Change, MemberKind

_MOST_SET = 6
_MOST_ITERATED = 3

_INITIALIZERS = frozenset({"__init__", "__post_init__"})
_HEADS = {"__enter__": "with ", "__exit__": "with ", "__aenter__": "async with ", "__aexit__": "async with "}
_ITERATED = {"__aiter__": ("[item async for item in ", "]"), "__anext__": ("await ", ".__anext__()")}

MOST_TRIALS = 56
"""Number of trials planned for one member, in addition to documented ones."""

_FEWEST_TRIALS = 32
_MOST_OF_A_MODULE = 1700

_TIMES_FOR_CHANGED = 2
"""Factor for members that also exist on base, where differences are worth a longer search."""

_MOST_DRAWS = 200
_MOST_ROWS = 16
_MOST_USED = 12
_MOST_CROSSED = 4


def plan(subject: Subject, seed: int) -> list[Trial]:
    """Return the distinct trials of a member, those from its documentation and usage first."""
    planner = _Planner(subject, Random(f"{seed}:{subject.member.id}"))  # noqa: S311 - not used for security
    documented = [_documented(subject, call) for call in subject.documentation.calls]
    found = {trial.key: trial for trial in documented}
    for trial in with_stillness(subject, planner.used()):
        found.setdefault(trial.key, trial)
    room = subject.share(_MOST_OF_A_MODULE, _FEWEST_TRIALS, MOST_TRIALS)
    most = len(found) + room * (1 if subject.member.change is Change.ADDED else _TIMES_FOR_CHANGED)
    repeated = {trial.call for trial in found.values() if trial.layer is InputSource.REPEATED}
    for trial in with_stillness(subject, planner.trials()):
        if len(found) >= most:
            break
        again = trial.call in repeated and subject.member.plain_name in trial.priors
        found.setdefault(trial.key, replace(trial, layer=InputSource.REPEATED) if again else trial)
    return [*found.values()]


def trials_through(checked: Iterable[CheckedCode]) -> list[Trial]:
    """Return what tests check as trials whose literals may be varied."""
    found = []
    for each in dict.fromkeys(made for one in checked for made in (one, *turned(one))):
        pieces, arguments = around_literals(each.expression.text)
        found.append(
            Trial(
                imports=each.expression.imports,
                setup=each.setup,
                pieces=pieces,
                arguments=arguments,
                through=_called(each.expression.text),
                layer=InputSource.REPEATED,
            )
        )
    return found


def _called(text: str) -> str:
    """Return the name of the outermost function in an expression that is not built in."""
    called = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    own = (each for each in called if not (isinstance(each, ast.Name) and hasattr(builtins, each.id)))
    return next(filter(None, map(last_name, own)), "")


def _documented(subject: Subject, call: DocumentedCall) -> Trial:
    """Return a documented call as a trial, split into parts if it contains one plain call of the member."""
    plain = Trial(
        imports=call.imports,
        setup=call.setup,
        pieces=(call.text,),
        layer=InputSource.DOCUMENTED,
        is_shortened=call.is_shortened,
    )
    if call.around is None:
        return replace(plain, example=call.example)
    name, imported = reference(subject.member.name, subject.member.module)
    own = subject.member.name.partition(".")[0]
    is_function = subject.member.kind is MemberKind.FUNCTION
    function = name if is_function else call.around.function
    imports = {each for each in call.imports if each.bound != own or not is_function}
    return replace(
        plain,
        imports=frozenset(imports | {imported} if is_function else imports),
        pieces=(f"{call.around.before}{function}(", Slot.ALL, call.around.after),
        arguments=tuple(_documented_argument(subject, at, *each) for at, each in enumerate(call.arguments)),
        example=call.example,
    )


def _documented_argument(subject: Subject, place: int, name: str, value: Expression) -> Argument:
    parameters = subject.parameters
    by_place = parameters[place].name if place < len(parameters) else "value"
    return Argument(name or by_place, value, bool(name))


class _Planner:
    """Plans the trials of one member."""

    def __init__(self, subject: Subject, random: Random) -> None:
        self._subject = subject
        self._random = random
        self._member = subject.member
        self._columns = Columns(subject)
        name, self._import = reference(subject.member.name, subject.member.module)
        self._path = name + self._member.name.removeprefix(self._member.name.partition(".")[0])

    def trials(self) -> Iterator[Trial]:
        """Yield all trials, simplest first; the caller limits their number."""
        owner = self._subject.owner
        if self._member.kind is MemberKind.CLASS and owner is not None and owner.kind == "enum":
            return self._enum_trials()
        if self._member.kind is MemberKind.CLASS or self._member.plain_name in CONSTRUCTORS:
            return self._construction_trials()
        if self._member.kind in {MemberKind.METHOD, MemberKind.PROPERTY}:
            return self._object_trials()
        return self._function_trials()

    def used(self) -> Iterator[Trial]:
        """Yield the project's own calls of a function or method."""
        if self._member.kind is MemberKind.PROPERTY or self._member.plain_name.startswith("__"):
            return
        for call in self._subject.usage.calls[:_MOST_USED]:
            arguments = self._columns.used(call)
            if arguments is not None and (call.is_whole or call.arguments):
                trial = self._used_on(call)
                if trial is not None:
                    repeated = call.is_whole and call.where is Where.TESTS
                    yield self._with(
                        replace(trial, layer=InputSource.REPEATED if repeated else InputSource.USED),
                        arguments,
                    )
        yield from self._documented_elsewhere()

    def _documented_elsewhere(self) -> Iterator[Trial]:
        """Yield calls of a method with documented arguments, on an object whose state is known."""
        calls = [call for call in self._subject.documentation.calls if call.around and not call.setup]
        if self._member.kind is not MemberKind.METHOD:
            return
        for call in calls:
            trial = self._used_on(UsedCall(arguments=()))
            if trial is not None:
                arguments = [
                    _documented_argument(self._subject, at, *each) for at, each in enumerate(call.arguments)
                ]
                yield self._with(replace(trial, layer=InputSource.USED), arguments)

    def _used_on(self, call: UsedCall) -> Trial | None:
        """Return the trial for a project's call, or None if its object is unknown."""
        if self._member.kind is not MemberKind.METHOD:
            plain = Trial(imports=frozenset({self._import}), pieces=(f"{self._path}(", Slot.ALL, ")"))
            return replace(plain, inside=self._member.kind is MemberKind.CLASS)
        path = self._path.rpartition(".")[0]
        objects = Objects(self._subject, self._columns, path, self._import)
        made = [call.receiver] if call.receiver else objects.made()[:1]
        variable = variable_for(path, {self._import.bound})
        pieces, probes = method_pieces(self._member.plain_name), objects.probes(variable)
        return next((_on(each, variable, pieces, probes) for each in made), None)

    def _enum_trials(self) -> Iterator[Trial]:
        pieces = (f"{{member.name: member.value for member in {self._path}}}",)
        yield Trial(imports=frozenset({self._import}), pieces=pieces)

    def _construction_trials(self) -> Iterator[Trial]:
        path = self._path if self._member.kind is MemberKind.CLASS else self._path.rpartition(".")[0]
        pieces = (f"{path}(", Slot.ALL, ")")
        plain = Trial(imports=frozenset({self._import}), pieces=pieces, inside=True)
        is_own = self._member.kind is MemberKind.CLASS or self._member.plain_name in _INITIALIZERS
        yield from islice(self._calls(plain) if is_own else (), MOST_TRIALS // 2)
        objects = Objects(self._subject, self._columns, path, self._import).made()
        if self._member.kind is MemberKind.CLASS:
            yield from self._entering_trials(path, objects)
        for made in objects:
            yield replace(plain, imports=made.imports, pieces=(made.text,), layer=made.layer)
        yield from self._calls(plain) if is_own else ()

    def _entering_trials(self, path: str, objects: Sequence[Expression]) -> Iterator[Trial]:
        """Yield trials of the class's special methods that are used by statements."""
        variable = variable_for(path, {self._import.bound})
        for name in self._subject.owner.special if self._subject.owner else ():
            if is_entered(name):
                yield from entering_trials(name, [_on(each, variable, (), ()) for each in objects])

    def _function_trials(self) -> Iterator[Trial]:
        trial = Trial(imports=frozenset({self._import}), pieces=(f"{self._path}(", Slot.ALL, ")"))
        yield from self._with_files(trial)
        yield from self._calls(trial)

    def _with_files(self, trial: Trial) -> Iterator[Trial]:
        """Yield calls on files, for a member that takes a file name."""
        base = self._columns.ordinary(self._subject.callee)
        rows = [] if base is None else [base, *islice(self._columns.exchanged(base), _MOST_ROWS)]
        return file_trials(trial, rows, self._member.source)

    def _object_trials(self) -> Iterator[Trial]:
        """Yield calls on objects: plain ones, then after other methods, then on other objects."""
        path, plain_name = self._path.rpartition(".")[0], self._member.plain_name
        objects = Objects(self._subject, self._columns, path, self._import)
        made = objects.made()
        if not made:
            return
        variable = variable_for(path, {self._import.bound})
        is_property = self._member.kind is MemberKind.PROPERTY
        pieces = (Slot.RECEIVER, f".{plain_name}") if is_property else method_pieces(plain_name)
        probes = () if is_property else objects.probes(variable)
        needed = imports_for(pieces)
        bare = [_on(replace(each, imports=each.imports | needed), variable, pieces, probes) for each in made]
        if plain_name == "__hash__":
            yield from _alike(made, bare)
            return
        yield from self._operand_trials(objects, made, bare)
        if is_entered(plain_name):
            yield from entering_trials(plain_name, bare)
            return
        set_to = self._subject.description.set_to
        if set_to is not None:
            yield from setting_trials(bare[0], set_to, plain_name, self._subject.hints)
        yield from self._with_files(bare[0])
        priors = objects.priors(variable) + ([] if is_property else list(objects.again(variable)))
        yield from islice(self._calls(bare[0]), MOST_TRIALS // 2)
        within = () if is_property else self._within(bare[0])
        for trial in (*within, *_sequences(bare[0], priors), *bare[1:]):
            yield from islice(self._calls(trial), MOST_TRIALS // 8)
        if self._subject.owner is not None and self._subject.owner.asynchronous:
            inside = replace(bare[0], in_loop=True)
            awaited = [*objects.priors(variable, in_loop=True), *objects.again(variable, in_loop=True)]
            for trial in (inside, *_sequences(inside, awaited)):
                yield from islice(self._calls(trial), MOST_TRIALS // 8)
        yield from self._calls(bare[0])

    def _within(self, trial: Trial) -> Iterator[Trial]:
        """Yield a call of a changed method inside each context manager that its object gives."""
        owner = self._member.name.rpartition(".")[0]
        for name, definition in self._subject.source.definitions.items():
            around, _, plain = name.rpartition(".")
            if around != owner or self._member.change is Change.ADDED or plain.startswith("_"):
                continue
            if "contextmanager" in map(last_name, getattr(definition, "decorator_list", ())):
                pieces = ("with ", Slot.RECEIVER, f".{plain}():\n    ", *trial.pieces)
                yield replace(trial, pieces=pieces, about=f"within_{plain}")

    def _operand_trials(
        self, objects: Objects, made: Sequence[Expression], bare: Sequence[Trial]
    ) -> Iterator[Trial]:
        for each, trial in zip(made, bare, strict=True):
            for operand in objects.operands(each):
                yield self._with(trial, [operand])

    def _calls(self, trial: Trial) -> Iterator[Trial]:
        """Yield a trial with ordinary arguments, then with one replaced at a time, then with random ones."""
        base = self._columns.ordinary(self._subject.callee)
        if base is None:
            return
        yield self._with(trial, base)
        if not self._subject.parameters:
            return
        for arguments in self._exchanged(base):
            yield self._with(trial, arguments)
        for _ in range(_MOST_DRAWS):
            yield self._with(trial, self._columns.drawn(self._random))

    def _exchanged(self, base: Sequence[Argument]) -> Iterator[list[Argument]]:
        """Yield arguments with one replaced, from the first call and the project's calls in turn."""
        used = [self._columns.used(call) for call in self._subject.usage.calls[:_MOST_CROSSED]]
        rows = [row for row in used if row is not None and row != base]
        columns = [self._columns.exchanged(row) for row in (base, *rows)]
        yield from (each for turn in zip_longest(*columns) for each in turn if each is not None)

    def _with(self, trial: Trial, arguments: Sequence[Argument]) -> Trial:
        ordered = sorted(arguments, key=lambda argument: argument.by_keyword)
        return replace(
            self._with_variables(trial, ordered) or replace(trial, arguments=tuple(ordered)),
            imports=trial.imports | imports_of(ordered),
            layer=max([trial.layer, *(argument.value.layer for argument in ordered)]),
        )

    def _with_variables(self, trial: Trial, arguments: Sequence[Argument]) -> Trial | None:
        """Assign mutable arguments to variables to observe later, if the member returns nothing."""
        held = [each for each in arguments if each.value.text[:1] in {"[", "{"}]
        if trial.receiver or trial.setup or not held or not self._subject.gives_nothing:
            return None
        names = {each: variable_for(each.name, {self._import.bound}) for each in held}
        by_name = {each: replace(each, value=Expression(name)) for each, name in names.items()}
        return replace(
            trial,
            setup=tuple(f"{names[each]} = {each.value.text}" for each in held),
            arguments=tuple(by_name.get(each, each) for each in arguments),
            watched=tuple(names.values()),
        )


def _alike(made: Sequence[Expression], bare: Sequence[Trial]) -> Iterator[Trial]:
    """Yield trials of `__hash__`: two equal objects are one element of a set."""
    for each, trial in zip(made, bare, strict=True):
        pieces = ("len({", Slot.RECEIVER, f", {each.text}}}) == 1")
        yield replace(
            trial, pieces=pieces, watched=(), probes=(), about="is_the_same_of_equal_objects", must_hold=True
        )


def _on(made: Expression, variable: str, pieces: Pieces, probes: tuple[str, ...]) -> Trial:
    """Return a call on an object created in the setup."""
    return Trial(
        imports=made.imports,
        setup=(f"{variable} = {made.text}",),
        pieces=pieces,
        receiver=variable,
        watched=(variable,),
        probes=probes,
        layer=made.layer,
    )


def _sequences(trial: Trial, priors: Sequence[Prior]) -> list[Trial]:
    """Return a trial after each of several calls of other methods, and after the first two of them."""
    one = [_after(trial, prior) for prior in priors]
    return one if len(priors) < 2 else [*one, _after(one[0], priors[1])]  # noqa: PLR2004 - a pair


def _after(trial: Trial, prior: Prior) -> Trial:
    """Return a trial with another method called on the object before."""
    return replace(
        trial,
        imports=trial.imports | prior.imports,
        setup=(*trial.setup, prior.text),
        priors=(*trial.priors, prior.name),
    )


def is_entered(name: str) -> bool:
    """Return whether a special method is used by one of these statements."""
    return name in _HEADS or name in _ITERATED


def entering_trials(name: str, bare: Sequence[Trial]) -> Iterator[Trial]:
    """Yield trials that exercise a special method.

    Args:
        name: Name of the method.
        bare: Its calls on several objects.
    """
    for trial in bare[: _MOST_ITERATED if name in _ITERATED else 1]:
        if name in _ITERATED:
            before, after = _ITERATED[name]
            pieces = (before, Slot.RECEIVER, after)
            yield replace(trial, pieces=pieces, in_loop=True, about="gives_its_items")
            continue
        head, in_loop = _HEADS[name], name.startswith("__a")
        entered = replace(trial, in_loop=in_loop, layer=InputSource.ORDINARY)
        if name.endswith("enter__"):
            yield replace(entered, pieces=(Slot.RECEIVER,), enters=True, inside=True, about="when_entered")
        yield replace(entered, pieces=(head, Slot.RECEIVER, ":\n    pass"), about="after_it_is_left")
        raises = ':\n    raise ValueError("no luck")'
        failing = replace(entered, layer=InputSource.BOUNDARY, about="when_something_fails_inside")
        yield replace(failing, pieces=(head, Slot.RECEIVER, raises))


def setting_trials(trial: Trial, parameter: Parameter, name: str, hints: Hints) -> Iterator[Trial]:
    """Yield assignments to a property.

    Args:
        trial: A trial on the object.
        parameter: What the property accepts.
        name: Name of the property.
        hints: Hints in the source of its class.
    """
    for value in inputs(parameter, hints, ())[:_MOST_SET]:
        given = Argument(name, value)
        yield replace(
            trial,
            pieces=(Slot.RECEIVER, f".{name} = ", Slot.FIRST),
            arguments=(given,),
            about="_".join(filter(None, ("set_to", value_words(value.text, name)))),
            imports=trial.imports | imports_of([given]),
            layer=max(trial.layer, value.layer),
        )

"""Trials with their observed outcomes; input to selection, naming and rendering."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from testsmith.decode import decode_lines
from testsmith.languages.python.explorer.render.call_text import call_text
from testsmith.languages.python.explorer.render.expressions import Expression, InputSource, is_opaque
from testsmith.languages.python.explorer.subjects import (
    Description,
    Home,
    read_description,
    read_expression,
    read_imports,
)
from testsmith.languages.python.explorer.trial import NAPS, Trial

_MOST_REACHED = 20_000
_LONGEST_REASON = 300
_MOST_COMPARED = 100
_LONGEST_EMPTY = 3

_INVENTED = frozenset({InputSource.ORDINARY, InputSource.TYPED})
_MADE_UP = _INVENTED | {InputSource.SEARCHED}
_OF_PROJECT = frozenset({InputSource.DOCUMENTED, InputSource.USED, InputSource.REPEATED})

Arc = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An observable property of an object.

    Attributes:
        of: Expression that is observed; for an object returned by a call, with `{}` instead of the object.
        value: Its value.
        before: Source text of its value before the call, or None if it was not observed.
    """

    of: str
    value: Expression
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """Result of one call.

    Attributes:
        kind: `value`, `object`, `raised`, `printed` or `none`.
        form: How the value was obtained from what the call returned, for example `awaited`.
        relation: How the value is compared: `==`, `is` or `nan`.
        value: The value, or the printed text.
        facts: Properties of an object without source text.
        home: Class of the object or exception.
        message: Message of the exception, if it is raised by the project.
        line: Line of the `raise`.
        reason: Why nothing can be asserted.
        error: Class name of the exception if the call raised and nothing can be asserted.
        agrees: Whether the result matches the documented one, or None if nothing is documented or it is
            unknown.
    """

    kind: str
    form: str = "plain"
    relation: str = "=="
    value: Expression | None = None
    facts: tuple[Fact, ...] = ()
    home: Home | None = None
    message: str | None = None
    line: int | None = None
    reason: str = ""
    error: str = ""
    agrees: bool | None = None

    @property
    def is_exit(self) -> bool:
        """Whether the call ended the program; the message is then the status."""
        return self.kind == "raised" and self.home is not None and self.home.path == "SystemExit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Observation of one trial.

    Attributes:
        outcome: Result of the call.
        state: State of involved objects and files after the call.
        writes: Whether its folder contained files after the call.
        warned: Whether it emitted a warning, which a project may treat as an error.
        lines: Covered lines of the file.
        branches: Line-to-line arcs taken from lines with more than one successor.
        notices: Numbers of mutants that change the result.
        notices_state: Numbers of mutants that change the resulting state.
        compared: Source texts of values that were compared with each other.
    """

    outcome: CallResult
    state: tuple[Fact, ...] = ()
    writes: bool = False
    warned: bool = False
    lines: frozenset[int] = frozenset()
    branches: frozenset[Arc] = frozenset()
    notices: frozenset[int] = frozenset()
    notices_state: frozenset[int] = frozenset()
    compared: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplorerAnswer:
    """Complete output of one explorer process.

    Attributes:
        loaded: Whether it got as far as loading the module.
        problem: Why the module cannot be loaded, or None.
        missing: Module that was not found, if that is the reason.
        descriptions: Descriptions by member name.
        observations: Observations by trial number.
    """

    loaded: bool = False
    problem: str | None = None
    missing: str | None = None
    descriptions: Mapping[str, Description]
    observations: Mapping[int, Observation]


def read_told(output: bytes) -> ExplorerAnswer:
    """Parse an explorer's complete output, ignoring invalid records."""
    descriptions: dict[str, Description] = {}
    observations: dict[int, Observation] = {}
    greeting: dict[str, Any] = {}

    def take(line: dict[str, Any]) -> None:
        if "problem" in line:
            greeting.clear()
            greeting.update(line)
        elif "description" in line:
            description = read_description(line["description"])
            descriptions[description.name] = description
        elif "noticed" in line:
            _add_noticed(observations, line["noticed"])
        elif "compared" in line:
            _add_compared(observations, line)
        else:
            observations[int(line["number"])] = _observation(line)

    for line in decode_lines(dict[str, Any], output)[0]:
        with suppress(Exception):  # a line that does not have the expected form counts for nothing
            take(line)
    return ExplorerAnswer(
        loaded=bool(greeting),
        problem=_text(greeting, "problem"),
        missing=_text(greeting, "missing"),
        descriptions=descriptions,
        observations=observations,
    )


def _add_noticed(observations: dict[int, Observation], data: Mapping[str, Any]) -> None:
    """Add a mutant to the observations of the trials that kill it."""
    change = frozenset({int(data["change"])})
    found = dict(observations)
    for number in map(int, data["outcome"]):
        found[number] = replace(found[number], notices=found[number].notices | change)
    for number in map(int, data["state"]):
        found[number] = replace(found[number], notices_state=found[number].notices_state | change)
    observations.update(found)


def _add_compared(observations: dict[int, Observation], data: Mapping[str, Any]) -> None:
    """Add the values compared in a trial."""
    number = int(data["compared"])
    pairs = tuple((str(one), str(other)) for one, other in data["pairs"][:_MOST_COMPARED])
    observations[number] = replace(observations[number], compared=pairs)


def _text(data: Mapping[str, Any], name: str) -> str | None:
    text = data.get(name)
    return None if text is None else str(text)[:_LONGEST_REASON]


def _observation(data: Mapping[str, Any]) -> Observation:
    return Observation(
        outcome=_outcome(data["outcome"]),
        state=tuple(map(_fact, data["state"])),
        writes=bool(data.get("writes")),
        warned=bool(data.get("warned")),
        lines=frozenset(map(int, data["lines"][:_MOST_REACHED])),
        branches=frozenset((int(before), int(after)) for before, after in data["branches"][:_MOST_REACHED]),
    )


def _outcome(data: Mapping[str, Any]) -> CallResult:
    home = data.get("home")
    line = data.get("line")
    message = data.get("message")
    return CallResult(
        kind=str(data["kind"]),
        form=str(data.get("form", "plain")),
        relation=str(data.get("relation", "==")),
        value=_value(data),
        facts=tuple(map(_fact, data.get("facts", ()))),
        home=None if home is None else _home(home),
        message=None if message is None else str(message),
        line=None if line is None else int(line),
        reason=str(data.get("reason", ""))[:_LONGEST_REASON],
        error=str(data.get("error", "")),
        agrees=None if data.get("agrees") is None else bool(data["agrees"]),
    )


def _value(data: Mapping[str, Any]) -> Expression | None:
    if not data.get("text"):
        return None
    return read_expression({"imports": (), **data})


def _home(data: Any) -> Home:
    ((module, path),) = [(found.module, found.name) for found in read_imports([data])]
    return Home(module=module, path=path)


def _fact(data: Mapping[str, Any]) -> Fact:
    before = data.get("before")
    return Fact(
        of=str(data["of"]),
        value=read_expression(data),
        before=None if before is None else str(before),
    )


MOST_CHANGES = 2
"""Maximum number of object changes that one test asserts."""

MOST_FACTS = 3
"""Maximum number of facts about a returned object that one test asserts."""

_EMPTY = frozenset({"None", "[]", "()", "{}", "set()", "frozenset()", "''", '""', "b''", 'b""'})
_OF_WRONG_CALLS = frozenset({"TypeError", "AttributeError"})
_NEW_ARGUMENT = re.compile(r"unexpected keyword argument|takes .* positional arguments? but")
_STATABLE = frozenset({"value", "object", "raised", "printed"})
_ABSENT = "its setup raises"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A trial and its observation, identical in every setting.

    Attributes:
        trial: The trial.
        seen: Observation on head.
        base: Result on base, or None if base was not run or has no such member.
        with_state: Whether the test also asserts the resulting state.
    """

    trial: Trial
    seen: Observation
    base: Observation | None = None
    with_state: bool = False

    @property
    def outcome(self) -> CallResult:
        """Result of the call on head."""
        return self.seen.outcome

    @property
    def contradicts(self) -> bool:
        """Whether the result contradicts the documentation."""
        return self.outcome.agrees is False

    @property
    def is_documented(self) -> bool:
        """Whether the result is documented."""
        return self.outcome.agrees is not None

    @property
    def is_soup(self) -> bool:
        """Whether its value is unreadable."""
        shown = [self.outcome.value, *(fact.value for fact in self.outcome.facts)]
        return any(value is not None and is_opaque(value.text) for value in shown)

    @property
    def invented(self) -> int:
        """Number of texts, containers and objects among its arguments that do not come from the project."""
        values = [argument.value for argument in self.trial.arguments]
        return sum(each.layer in _INVENTED and _has_content(each.text) for each in values)

    @property
    def is_of_project(self) -> bool:
        """Whether a value comes from the project's calls, and no text, container or object was invented."""
        return not self.invented and any(
            argument.value.layer in _OF_PROJECT for argument in self.trial.arguments
        )

    @property
    def changes(self) -> tuple[Fact, ...]:
        """Changes that the call made to its objects."""
        return tuple(fact for fact in self.seen.state if self._is_change(fact))

    def _is_change(self, fact: Fact) -> bool:
        """Return whether the call caused a fact; recorded calls always count."""
        is_other = fact.before is not None and fact.before != fact.value.text
        return is_other or fact.of in self.trial.noted

    @property
    def shown_changes(self) -> tuple[Fact, ...]:
        """Changes that a test asserts: few, and not an object's text if its state is visible otherwise."""
        found: dict[str, Fact] = {}
        before = {fact.of: fact.value.text for fact in self.base.state} if self.base else {}
        for fact in sorted(self.changes, key=lambda fact: before.get(fact.of) == fact.value.text):
            found.setdefault(fact.value.text.strip("[](){}"), fact)  # not a list and its only item
        return telling(found.values())[:MOST_CHANGES]

    @property
    def states_changes(self) -> bool:
        """Whether the test asserts the resulting state."""
        return (self.with_state or bool(self.trial.noted)) and bool(self.changes)

    @property
    def gives_none(self) -> bool:
        """Whether the call returned None or is a statement."""
        value = self.outcome.value
        return self.outcome.kind == "value" and value is not None and value.text == "None"

    @property
    def differs_in_state(self) -> bool:
        """Whether base has the same result but a different resulting state."""
        return self.is_witness and self.base is not None and is_same(self.base.outcome, self.outcome)

    @property
    def has_another_class(self) -> bool:
        """Whether base returns an object of another class."""
        if self.base is None or self.base.outcome.kind != "object" or self.outcome.kind != "object":
            return False
        return self.base.outcome.home != self.outcome.home

    @property
    def base_failed(self) -> bool:
        """Whether base rejects the call, which is less informative than a different value."""
        return self.base is not None and (bool(self.base.outcome.error) or self.base.outcome.kind == "raised")

    @property
    def is_witness(self) -> bool:
        """Whether base behaves differently."""
        if self.base is None:
            return False
        raised = self.outcome.home.path if self.outcome.home else ""
        if raised and raised == self.base.outcome.error:
            message, reason = self.outcome.message, self.base.outcome.reason
            return message is not None and reason.startswith(f"{raised}: ") and message not in reason
        before = {fact.of: fact.value.text for fact in self.base.state}
        changed = any(before.get(fact.of, fact.value.text) != fact.value.text for fact in self.seen.state)
        return changed or not is_same(self.base.outcome, self.outcome)

    @property
    def is_uninformative(self) -> bool:
        """Whether it says nothing about the member that helps to test a change of it.

        That is so of empty arguments and, if base does the same, of invented ones and of an empty result. A
        call is wrong if it raises a `TypeError` or `AttributeError` of the interpreter, and probably wrong if
        it raises another exception of the interpreter on base as well.
        """
        if self.is_witness or self.is_documented or self.changes:
            return False
        is_on_base = self.base is not None
        if self.outcome.kind == "raised":
            name = self.outcome.home.path if self.outcome.home else ""
            is_wrong = self.outcome.message is None and (is_on_base or name in _OF_WRONG_CALLS)
        else:
            given = [argument.value.text for argument in self.trial.arguments]
            is_wrong = bool(given) and _EMPTY.issuperset(given)
        return is_wrong or (is_on_base and (self.has_made_up_values or self._is_empty))

    @property
    def has_made_up_values(self) -> bool:
        """Whether a text, container or object among its arguments is not of the project or its source."""
        values = [argument.value for argument in self.trial.arguments]
        return any(each.layer in _MADE_UP and _has_content(each.text) for each in values)

    def is_needlessly_empty(self, other: Case) -> bool:
        """Return whether it has invented empty values, and another case with content there says as much.

        The change is then not about emptiness.
        """
        own, theirs = self.trial, other.trial
        given, instead = ({each.name: each.value for each in trial.arguments} for trial in (own, theirs))
        is_alike = (own.setup, own.pieces, given.keys()) == (theirs.setup, theirs.pieces, instead.keys())
        differing = [name for name in given if is_alike and given[name] != instead[name]]
        return (
            bool(differing)
            and self.difference == other.difference
            and all(
                given[name].layer in _MADE_UP
                and given[name].text in _EMPTY
                and instead[name].text not in _EMPTY
                for name in differing
            )
        )

    @property
    def _is_empty(self) -> bool:
        return self.outcome.value is not None and self.outcome.value.text in _EMPTY

    @property
    def has_new_arguments(self) -> bool:
        """Whether base does not accept the arguments, which says nothing of what it does."""
        reason = self.base.outcome.reason if self.base else ""
        return reason.startswith("TypeError: ") and _NEW_ARGUMENT.search(reason) is not None

    @property
    def differs_in_message(self) -> bool:
        """Whether base raises the same exception with another message."""
        if self.base is None or self.outcome.kind != "raised" or not self.is_witness:
            return False
        raised, before = self.outcome.home, self.base.outcome
        if self.outcome.is_exit:  # the status is what it is about
            return False
        return raised is not None and (raised == before.home or raised.path == before.error)

    @property
    def shows_no_more_than_success(self) -> bool:
        """Whether base raises for arguments with content, and what is asserted has nothing to do with them.

        That is so of an empty value, and of attributes none of which repeats something from the call.
        """
        given = any(_has_content(argument.value.text) for argument in self.trial.arguments)
        if not self.base_failed or not given or self.changes:
            return False
        if self.outcome.kind == "value" and self.outcome.value is not None:
            return self._is_empty
        return self.has_unrelated_facts

    @property
    def has_unrelated_facts(self) -> bool:
        """Whether the result is an object of which no fact repeats something from the call."""
        repeated = (fact.value.text.strip("'\"") for fact in self.outcome.facts)
        return self.outcome.kind == "object" and not any(
            len(text) > 1 and text in self.trial.text for text in repeated
        )

    @property
    def difference(self) -> tuple[object, ...] | None:
        """What it shows of the change, regardless of texts that the results repeat; None if nothing."""
        if not self.is_witness or self.base is None:
            return None
        given = [each.value.text for each in self.trial.arguments if each.value.text[:1] in {'"', "'"}]
        texts = sorted(filter(None, (text[1:-1] for text in given)), key=len, reverse=True)
        shown = repr((signature(self.outcome), signature(self.base.outcome)))
        return (re.sub("|".join(map(re.escape, texts)), "", shown) if texts else shown, self.changes)

    @property
    def repeats_input(self) -> bool:
        """Whether its result is a text that is also in the call."""
        value = self.outcome.value
        text = value.text.strip("'\"") if value is not None and value.text[:1] in {"'", '"'} else ""
        return len(text) > 1 and text in self.trial.text

    @property
    def shown_facts(self) -> tuple[Fact, ...]:
        """Facts that a test asserts about the returned object: few, first those that differ on base.

        Of the others, those that repeat something from the call come first.
        """
        before = {fact.of: fact.value.text for fact in self.base.outcome.facts} if self.base else {}
        same = [before.get(fact.of, fact.value.text) == fact.value.text for fact in self.outcome.facts]
        echoes = [
            _has_content(fact.value.text) and fact.value.text in self.trial.text
            for fact in self.outcome.facts
        ]
        rows = zip(same, echoes, self.outcome.facts, strict=True)
        ordered = sorted(rows, key=lambda row: (row[0], not row[1]))
        return telling(fact for _, _, fact in ordered)[:MOST_FACTS]

    @property
    def in_folder(self) -> bool:
        """Whether it works on files and needs a temporary folder."""
        return self.seen.writes

    @property
    def expression(self) -> str:
        """The call with its object inserted, for descriptions."""
        trial = self.trial
        arguments = [argument.text() for argument in trial.arguments]
        return call_text(trial.pieces, trial.made or trial.receiver, arguments)


def telling(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Return facts without an object's texts if its state is visible otherwise."""
    found = tuple(facts)
    return tuple(fact for fact in found if not fact.of.startswith(("str(", "repr("))) or found


def signature(outcome: CallResult) -> tuple[object, ...]:
    """Return a key that is equal for outcomes that are the same to a test."""
    return (
        outcome.kind,
        outcome.form,
        outcome.value.text if outcome.value else "",
        tuple((fact.of, fact.value.text) for fact in outcome.facts),
        outcome.home.path if outcome.home else "",
        outcome.message,
        outcome.error,
    )


def is_same(base: CallResult, head: CallResult) -> bool:
    """Return whether base and head have the same result; for objects, only common facts are compared."""
    if base.kind != "object" or head.kind != "object":
        return signature(base) == signature(head)
    before = {fact.of: fact.value.text for fact in base.facts}
    common = [fact for fact in head.facts if fact.of in before]
    differs = any(before[fact.of] != fact.value.text for fact in common) or not common
    return base.home == head.home and not differs


def stable_case(trial: Trial, first: Observation, second: Observation | None) -> Case | None:
    """Return a trial as a case if both settings observed the same assertable result, otherwise None."""
    if second is None or replace(first.outcome, line=None) != replace(second.outcome, line=None):
        return None
    trial, first = _awake(trial, first)
    if trial.only_refusals and first.outcome.kind != "raised":
        return None
    if trial.must_hold and (first.outcome.value is None or first.outcome.value.text != "True"):
        return None
    if first.outcome.kind not in _STATABLE and first.outcome.agrees is None:
        return None
    state = tuple(fact for fact in first.state if fact in second.state)
    return Case(trial=trial, seen=replace(first, state=state))


def _awake(trial: Trial, seen: Observation) -> tuple[Trial, Observation]:
    """Return a trial and its observation without the sleep patch if it would not sleep."""
    slept = next((fact.value.text for fact in seen.state if fact.of == NAPS), "")
    if slept != "[]":
        return trial, seen
    still = tuple(statement for statement in trial.still if NAPS not in statement)
    watched = tuple(name for name in trial.watched if name != NAPS)
    state = tuple(fact for fact in seen.state if fact.of != NAPS)
    return replace(trial, still=still, watched=watched), replace(seen, state=state)


def with_base(case: Case, base: Observation | None) -> Case:
    """Return a case with its result on base, if comparable."""
    if base is None or base.outcome.reason.startswith(_ABSENT):
        return case
    if base.outcome.kind == "none" and not base.outcome.error:
        return case
    return replace(case, base=base)


def says_something(case: Case, *, member_gives_nothing: bool) -> bool:
    """Return whether a test of this case would assert more than that nothing was returned."""
    nothing = member_gives_nothing or case.trial.is_statement
    return not case.gives_none or bool(case.changes) or not nothing


def _has_content(text: str) -> bool:
    """Return whether a value is more than a number, a name or something empty."""
    return len(text) > _LONGEST_EMPTY and not text.replace("_", "").replace(".", "").lstrip("-").isalnum()

"""A trial with what was seen of it: the one thing that choice, names and texts are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from testsmith.execution.sandbox.interface import read_lines
from testsmith.generation.explorer.render.call_text import call_text
from testsmith.generation.explorer.render.expressions import Expression, is_opaque
from testsmith.generation.explorer.subjects import (
    Description,
    Home,
    read_description,
    read_expression,
    read_imports,
)
from testsmith.generation.explorer.trial import NAPS, Trial

_MOST_REACHED = 20_000
_LONGEST_REASON = 300
_MOST_COMPARED = 100

Arc = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that can be said of an object.

    Attributes:
        of: The expression that is looked at; for an object that a call gives, with `{}` in its place.
        value: What it is.
        before: The text of what it was before the call; None if it was not seen.
    """

    of: str
    value: Expression
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """What came of one call.

    Attributes:
        kind: `value`, `object`, `raised`, `printed` or `none`.
        form: How the value was brought out of what the call gave, such as `awaited`.
        relation: How a value compares: `==`, `is` or `nan`.
        value: The value, or the printed text.
        facts: What can be said of an object that has no source text.
        home: The class of the object or the exception.
        message: The exception's message, where it is the project's own.
        line: The line of the `raise`.
        reason: Why there is nothing to state.
        error: The name of the exception's class, where the call raised and there is nothing to state.
        agrees: Whether a documented example's outcome is the documented one; None if nothing is documented
            or where that cannot be said.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen of one trial.

    Attributes:
        outcome: What came of the call.
        state: What the objects around it, and files, show afterwards.
        writes: Whether there were files in its folder afterwards.
        warned: Whether it gave a warning, which a project may take for an error.
        lines: The lines of the file that it reached.
        branches: The line-to-line arcs that it took from lines with more than one way on.
        notices: The numbers of the changes of the module with which something else comes of the call.
        notices_state: Those with which it leaves something else behind.
        compared: Texts of what was compared with each other on its way.
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
    """All that one explorer told.

    Attributes:
        loaded: Whether it came so far as to load the module.
        problem: Why the module cannot be loaded; None if it can.
        missing: The module that is not there, where that is why.
        descriptions: By member name.
        observations: By trial number.
    """

    loaded: bool = False
    problem: str | None = None
    missing: str | None = None
    descriptions: Mapping[str, Description]
    observations: Mapping[int, Observation]


def read_told(output: bytes) -> ExplorerAnswer:
    """Read an explorer's whole output; what has not the right shape does not count."""
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

    read_lines(output, take)
    return ExplorerAnswer(
        loaded=bool(greeting),
        problem=_text(greeting, "problem"),
        missing=_text(greeting, "missing"),
        descriptions=descriptions,
        observations=observations,
    )


def _add_noticed(observations: dict[int, Observation], data: Mapping[str, Any]) -> None:
    """Add a change to what the trials that notice it have seen."""
    change = frozenset({int(data["change"])})
    found = dict(observations)
    for number in map(int, data["outcome"]):
        found[number] = replace(found[number], notices=found[number].notices | change)
    for number in map(int, data["state"]):
        found[number] = replace(found[number], notices_state=found[number].notices_state | change)
    observations.update(found)


def _add_compared(observations: dict[int, Observation], data: Mapping[str, Any]) -> None:
    """Add what a trial was compared with."""
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
"""How many changes of its object one test states at most."""

MOST_FACTS = 3
"""How many facts of an object that is given one test states at most."""

_STATABLE = frozenset({"value", "object", "raised", "printed"})
_ABSENT = "its setup raises"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One trial and what was seen of it, the same in every setting.

    Attributes:
        trial: What was run.
        seen: What was seen on head.
        base: What came of it on base; None if base was not run or has no such member.
        with_state: Whether the test also states what the call leaves behind.
    """

    trial: Trial
    seen: Observation
    base: Observation | None = None
    with_state: bool = False

    @property
    def outcome(self) -> CallResult:
        """What came of the call on head."""
        return self.seen.outcome

    @property
    def contradicts(self) -> bool:
        """Whether the documentation says otherwise."""
        return self.outcome.agrees is False

    @property
    def is_documented(self) -> bool:
        """Whether the documentation says what comes of it."""
        return self.outcome.agrees is not None

    @property
    def is_soup(self) -> bool:
        """Whether what it gives is past reading."""
        shown = [self.outcome.value, *(fact.value for fact in self.outcome.facts)]
        return any(value is not None and is_opaque(value.text) for value in shown)

    @property
    def holds(self) -> bool:
        """Whether what a relation's call states is true."""
        return self.outcome.value is not None and self.outcome.value.text == "True"

    @property
    def is_idle(self) -> bool:
        """Whether its relation shows nothing, since the member leaves the input as it is."""
        relation = self.trial.relation
        return relation is not None and any(
            fact.of == relation.idle and fact.value.text == "True" for fact in self.seen.state
        )

    @property
    def changes(self) -> tuple[Fact, ...]:
        """What the call has changed of the objects it was made on."""
        return tuple(fact for fact in self.seen.state if self._is_change(fact))

    def _is_change(self, fact: Fact) -> bool:
        """Return whether a fact is one that the call has brought about; what is recorded always is."""
        is_other = fact.before is not None and fact.before != fact.value.text
        return is_other or fact.of in self.trial.noted

    @property
    def shown_changes(self) -> tuple[Fact, ...]:
        """The changes that a test states: few, and no text of the object where it shows itself otherwise."""
        found: dict[str, Fact] = {}
        before = {fact.of: fact.value.text for fact in self.base.state} if self.base else {}
        for fact in sorted(self.changes, key=lambda fact: before.get(fact.of) == fact.value.text):
            found.setdefault(fact.value.text.strip("[](){}"), fact)  # not twice, as a list and in a list
        return telling(found.values())[:MOST_CHANGES]

    @property
    def states_changes(self) -> bool:
        """Whether the test states what the call leaves behind."""
        return (self.with_state or bool(self.trial.noted)) and bool(self.changes)

    @property
    def gives_none(self) -> bool:
        """Whether the call gave None, or is a statement."""
        value = self.outcome.value
        return self.outcome.kind == "value" and value is not None and value.text == "None"

    @property
    def differs_in_state(self) -> bool:
        """Whether base gives the same, but leaves something else behind."""
        return self.is_witness and self.base is not None and is_same(self.base.outcome, self.outcome)

    @property
    def is_witness(self) -> bool:
        """Whether base does something else."""
        if self.base is None:
            return False
        raised = self.outcome.home.path if self.outcome.home else ""
        if raised and raised == self.base.outcome.error:
            return False
        before = {fact.of: fact.value.text for fact in self.base.state}
        changed = any(before.get(fact.of, fact.value.text) != fact.value.text for fact in self.seen.state)
        return changed or not is_same(self.base.outcome, self.outcome)

    @property
    def shown_facts(self) -> tuple[Fact, ...]:
        """What a test states of the object that is given: few facts, what base shows otherwise first."""
        before = {fact.of: fact.value.text for fact in self.base.outcome.facts} if self.base else {}
        same = [before.get(fact.of, fact.value.text) == fact.value.text for fact in self.outcome.facts]
        ordered = sorted(zip(same, self.outcome.facts, strict=True), key=lambda pair: pair[0])
        return telling(fact for _, fact in ordered)[:MOST_FACTS]

    @property
    def in_folder(self) -> bool:
        """Whether it works on files, and so needs a folder of its own."""
        return self.seen.writes

    @property
    def expression(self) -> str:
        """The call with its object in place, as it is told in words."""
        trial = self.trial
        arguments = [argument.text() for argument in trial.arguments]
        return call_text(trial.pieces, trial.made or trial.receiver, arguments)


def telling(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Return facts without the texts of an object, where it shows itself otherwise."""
    found = tuple(facts)
    return tuple(fact for fact in found if not fact.of.startswith(("str(", "repr("))) or found


def signature(outcome: CallResult) -> tuple[object, ...]:
    """Return what makes two outcomes the same to a test."""
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
    """Return whether base and head give the same; of objects only what both show is compared."""
    if base.kind != "object" or head.kind != "object":
        return signature(base) == signature(head)
    before = {fact.of: fact.value.text for fact in base.facts}
    common = [fact for fact in head.facts if fact.of in before]
    differs = any(before[fact.of] != fact.value.text for fact in common) or not common
    return base.home == head.home and not differs


def stable_case(trial: Trial, first: Observation, second: Observation | None) -> Case | None:
    """Return a trial as a case where both settings saw the same that a test can state; else None."""
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
    """Return a trial and what was seen without what keeps it from sleeping, where it would not sleep."""
    slept = next((fact.value.text for fact in seen.state if fact.of == NAPS), "")
    if slept != "[]":
        return trial, seen
    still = tuple(statement for statement in trial.still if NAPS not in statement)
    watched = tuple(name for name in trial.watched if name != NAPS)
    state = tuple(fact for fact in seen.state if fact.of != NAPS)
    return replace(trial, still=still, watched=watched), replace(seen, state=state)


def with_base(case: Case, base: Observation | None) -> Case:
    """Return a case with what base did, where base can be compared with."""
    if base is None or base.outcome.reason.startswith(_ABSENT):
        return case
    if base.outcome.kind == "none" and not base.outcome.error:
        return case
    if case.trial.relation is not None:
        base = replace(base, state=())
    return replace(case, base=base)


def says_something(case: Case, *, member_gives_nothing: bool) -> bool:
    """Return whether a test of this case would state more than that nothing came of it."""
    nothing = member_gives_nothing or case.trial.is_statement
    return not case.gives_none or bool(case.changes) or not nothing

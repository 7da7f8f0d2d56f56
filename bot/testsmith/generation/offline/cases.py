"""A trial with what was seen of it: the one thing that choice, names and texts are made from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from testsmith.generation.offline.calls import call_text
from testsmith.generation.offline.observations import Fact, Observation, Outcome
from testsmith.generation.offline.soup import is_soup
from testsmith.generation.offline.trial import NAPS, Trial

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
        base: What came of it on base; None where base was not run or has no such member.
        with_state: Whether the test also states what the call leaves behind.
    """

    trial: Trial
    seen: Observation
    base: Observation | None = None
    with_state: bool = False

    @property
    def outcome(self) -> Outcome:
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
        return any(value is not None and is_soup(value.text) for value in shown)

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
        """Tell whether a fact is one that the call has brought about; what is recorded always is."""
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


def signature(outcome: Outcome) -> tuple[object, ...]:
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


def is_same(base: Outcome, head: Outcome) -> bool:
    """Tell whether base and head give the same; of objects only what both show is compared."""
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
    """Tell whether a test of this case would state more than that nothing came of it."""
    nothing = member_gives_nothing or case.trial.is_statement
    return not case.gives_none or bool(case.changes) or not nothing

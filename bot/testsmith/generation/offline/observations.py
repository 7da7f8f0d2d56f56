"""What the explorer says came of the trials, read with the same distrust as its descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from testsmith.execution.output_lines import read_lines
from testsmith.generation.offline.description import (
    Description,
    Home,
    read_description,
    read_expression,
    read_imports,
)
from testsmith.generation.offline.expressions import Expression

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
        before: The text of what it was before the call; None where it was not seen.
    """

    of: str
    value: Expression
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one call.

    Attributes:
        kind: `value`, `object`, `raised`, `printed` or `none`.
        form: How the value was brought out of what the call gave, as `awaited`.
        relation: How a value compares: `==`, `is` or `nan`.
        value: The value, or the printed text.
        facts: What can be said of an object that has no source text.
        home: The class of the object or the exception.
        message: The exception's message, where it is the project's own.
        line: The line of the `raise`.
        reason: Why there is nothing to state.
        error: The name of the exception's class, where the call raised and there is nothing to state.
        agrees: Whether a documented example's outcome is the documented one; None where nothing is documented
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

    outcome: Outcome
    state: tuple[Fact, ...] = ()
    writes: bool = False
    warned: bool = False
    lines: frozenset[int] = frozenset()
    branches: frozenset[Arc] = frozenset()
    notices: frozenset[int] = frozenset()
    notices_state: frozenset[int] = frozenset()
    compared: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """All that one explorer told.

    Attributes:
        loaded: Whether it came so far as to load the module.
        problem: Why the module cannot be loaded; None where it can.
        missing: The module that is not there, where that is why.
        descriptions: By member name.
        observations: By trial number.
    """

    loaded: bool = False
    problem: str | None = None
    missing: str | None = None
    descriptions: Mapping[str, Description]
    observations: Mapping[int, Observation]


def read_told(output: bytes) -> Told:
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
    return Told(
        loaded=bool(greeting),
        problem=_text(greeting, "problem"),
        missing=_text(greeting, "missing"),
        descriptions=descriptions,
        observations=observations,
    )


def _add_noticed(observations: dict[int, Observation], told: Mapping[str, Any]) -> None:
    """Add a change to what the trials that notice it have seen."""
    change = frozenset({int(told["change"])})
    found = dict(observations)
    for number in map(int, told["outcome"]):
        found[number] = replace(found[number], notices=found[number].notices | change)
    for number in map(int, told["state"]):
        found[number] = replace(found[number], notices_state=found[number].notices_state | change)
    observations.update(found)


def _add_compared(observations: dict[int, Observation], told: Mapping[str, Any]) -> None:
    """Add what a trial was compared with."""
    number = int(told["compared"])
    pairs = tuple((str(one), str(other)) for one, other in told["pairs"][:_MOST_COMPARED])
    observations[number] = replace(observations[number], compared=pairs)


def _text(told: Mapping[str, Any], name: str) -> str | None:
    text = told.get(name)
    return None if text is None else str(text)[:_LONGEST_REASON]


def _observation(told: Mapping[str, Any]) -> Observation:
    return Observation(
        outcome=_outcome(told["outcome"]),
        state=tuple(map(_fact, told["state"])),
        writes=bool(told.get("writes")),
        warned=bool(told.get("warned")),
        lines=frozenset(map(int, told["lines"][:_MOST_REACHED])),
        branches=frozenset((int(before), int(after)) for before, after in told["branches"][:_MOST_REACHED]),
    )


def _outcome(told: Mapping[str, Any]) -> Outcome:
    home = told.get("home")
    line = told.get("line")
    message = told.get("message")
    return Outcome(
        kind=str(told["kind"]),
        form=str(told.get("form", "plain")),
        relation=str(told.get("relation", "==")),
        value=_value(told),
        facts=tuple(map(_fact, told.get("facts", ()))),
        home=None if home is None else _home(home),
        message=None if message is None else str(message),
        line=None if line is None else int(line),
        reason=str(told.get("reason", ""))[:_LONGEST_REASON],
        error=str(told.get("error", "")),
        agrees=None if told.get("agrees") is None else bool(told["agrees"]),
    )


def _value(told: Mapping[str, Any]) -> Expression | None:
    if not told.get("text"):
        return None
    return read_expression({"imports": (), **told})


def _home(told: Any) -> Home:
    ((module, path),) = [(found.module, found.name) for found in read_imports([told])]
    return Home(module=module, path=path)


def _fact(told: Mapping[str, Any]) -> Fact:
    before = told.get("before")
    return Fact(
        of=str(told["of"]),
        value=read_expression(told),
        before=None if before is None else str(before),
    )

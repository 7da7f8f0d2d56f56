"""Group cases into tests, and describe in words what they show."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from testsmith.languages.python.explorer.cases import CallResult, Case, Fact, is_same
from testsmith.languages.python.explorer.render.expressions import quoted
from testsmith.languages.python.explorer.render.value_words import size_of
from testsmith.model import TestDescription

MOST_TESTS = 8
"""Maximum number of tests per member; beyond six, each must show something new."""

FEWEST_ROWS = 3
"""Minimum number of cases of one shape for a table."""


@dataclass(frozen=True, slots=True)
class Test:
    """A test function to write: one case, or the rows of a table."""

    cases: tuple[Case, ...]

    @property
    def is_table(self) -> bool:
        """Whether it is parametrized."""
        return len(self.cases) > 1

    @property
    def first(self) -> Case:
        """Its only case or first row."""
        return self.cases[0]


def tests_of(cases: Sequence[Case]) -> list[Test]:
    """Return the tests for selected cases, given most valuable first, leaving out what is too much.

    Tests are ordered for readers: changed or documented behavior, then values, then exceptions; ordinary
    before unusual. Unreadable values come last.
    """
    groups: dict[Hashable, list[Case]] = {}
    for number, case in enumerate(cases):
        own = shape(case)
        groups.setdefault(number if own is None else own, []).append(case)
    tests = [test for group in groups.values() for test in _tests(group)]
    return sorted(tests[:MOST_TESTS], key=_place)


def _place(test: Test) -> tuple[bool, bool, bool, bool, int]:
    first = test.first
    is_described = first.is_witness or first.is_documented
    is_soup = not is_described and first.is_soup
    layer = 0 if is_described else first.trial.layer
    return not first.is_witness, not is_described, is_soup, first.outcome.kind == "raised", layer


def _tests(group: Sequence[Case]) -> list[Test]:
    if len(group) < FEWEST_ROWS:
        return [Test((case,)) for case in group]
    return [Test(tuple(_in_order(group)))]


def _in_order(group: Sequence[Case]) -> Sequence[Case]:
    """Return rows sorted by size if they differ only in a number or duration.

    Other values, for example None, come last.
    """
    names = [argument.name for argument in group[0].trial.arguments]
    columns = {name: [_value_of(case, name) for case in group] for name in names}
    (varying, *others) = [name for name in names if len(set(columns[name])) > 1] or [""]
    sizes = [size_of(text) for text in columns.get(varying, ())]
    if others or len(sizes) - sizes.count(None) < FEWEST_ROWS:
        return group
    pairs = sorted(zip(sizes, group, strict=True), key=lambda pair: math.inf if pair[0] is None else pair[0])
    return [case for _, case in pairs]


def _value_of(case: Case, name: str) -> str:
    return next(argument.value.text for argument in case.trial.arguments if argument.name == name)


def shape(case: Case) -> Hashable | None:
    """Return what the rows of a table have in common, or None for a case with a test of its own."""
    trial, outcome = case.trial, case.outcome
    on_variables = (bool(trial.watched) and not trial.receiver) or case.in_folder
    on_variables = on_variables or any(each.value.text.startswith("iter(") for each in trial.arguments)
    made = case.is_witness and outcome.value is not None and bool(outcome.value.imports)
    alone = case.contradicts or case.with_state or case.gives_none or on_variables or not trial.arguments
    alone = alone or made  # in a table, what base cannot create would keep the module from loading there
    alone = alone or outcome.is_exit
    if alone or trial.stands_alone or outcome.kind not in {"value", "raised"} or outcome.relation == "nan":
        return None
    names = tuple((argument.name, argument.by_keyword) for argument in trial.arguments)
    before = (*trial.still, *trial.setup)
    return (outcome.kind, outcome.form, before, trial.pieces, trial.receiver, names, outcome.home)


_LONGEST = 120
_SHORT = 50
_MOST_FACTS = 8
_LONGEST_FACT = 2 * _LONGEST

_FORM_WORDS = {
    "awaited": " (awaited)",
    "listed": " (as a list)",
    "begun": " (its first items, as a list)",
    "async listed": " (as a list)",
    "entered": " (once entered)",
    "async entered": " (once entered)",
}
"""Descriptions of how a value was obtained from a call, if it is not the value itself."""


def described_tests(cases: Sequence[Case], tests: Sequence[tuple[str, Test]]) -> tuple[TestDescription, ...]:
    """Return descriptions of the cases that can be described briefly, most informative first.

    Args:
        cases: The cases, most informative first.
        tests: Tests that contain them, with their names.
    """
    places = {
        case: TestDescription(test=name, row=row if test.is_table else None)
        for name, test in tests
        for row, case in enumerate(test.cases)
    }
    data = [
        replace(places[case], shows=_shows(case), witness=_witness(case)) for case in cases if case in places
    ]
    return tuple(dict.fromkeys(saying for saying in data if saying.shows or saying.witness))


def facts(cases: Sequence[Case]) -> tuple[str, ...]:
    """Return the results of cases that can be described briefly, those on which base differs first.

    Results that contradict the documentation are unreliable and left out, as are cases that work on files
    and those that say nothing.
    """
    data = [case for case in cases if not (case.contradicts or case.in_folder or case.outcome.kind == "none")]
    informative = (case for case in data if not case.is_uninformative)
    ordered = sorted(informative, key=lambda case: not case.is_witness)
    return tuple(dict.fromkeys(text for text in map(_fact, ordered) if text))[:_MOST_FACTS]


def in_words(case: Case) -> str:
    """Return the result of a case with its whole text, and whether base had the same."""
    text = f"`{'; '.join((*case.trial.setup, case.trial.call))}`"
    witness = _witness(case)
    if witness is not None:
        return witness.replace(_called(case), text, 1)
    as_before = ", as before this change" if case.base is not None else ""
    return f"{text} {_does(case, case.changes)}{_FORM_WORDS.get(case.outcome.form, '')}{as_before}"


def _fact(case: Case) -> str:
    """Return the result of a case, and of base if different; empty if it is long."""
    if case.trial.setup and not case.trial.receiver:
        return ""
    text = _witness(case) or f"{_called(case)} {_does(case, case.changes)}"
    text += _FORM_WORDS.get(case.outcome.form, "")
    return text if len(text) <= _LONGEST_FACT else ""


def _shows(case: Case) -> str:
    """Return a clause about a case; empty if there is no short one."""
    if case.contradicts or (case.trial.setup and not case.trial.receiver):
        return ""
    text = f"{_called(case)} {_does(case, case.changes)}"
    return text if len(text) <= _LONGEST else ""


def _witness(case: Case) -> str | None:
    """Return a sentence about what a case shows of the change, or None if it is not a witness."""
    if not case.is_witness or case.contradicts or case.base is None:
        return None
    before = Case(trial=case.trial, seen=case.base)
    did = _did(before, _differing(case.base.state, case.seen.state), case.outcome)
    does = _does(case, _differing(case.seen.state, case.base.state), before.outcome)
    return f"{_called(case)} {did} before this change and {does} now."


def _differing(facts: Sequence[Fact], others: Sequence[Fact]) -> tuple[Fact, ...]:
    known = {fact.of: fact.value.text for fact in others}
    return tuple(fact for fact in facts if known.get(fact.of, fact.value.text) != fact.value.text)


def _called(case: Case) -> str:
    """Return the call in words, with previous calls."""
    after = case.trial.setup[1:] if case.trial.receiver else ()
    before = f" after {' and '.join(f'`{statement}`' for statement in after)}" if after else ""
    return f"`{case.expression}`{before}"


def _does(case: Case, changed: Sequence[Fact], other: CallResult | None = None) -> str:
    return _comparison(case, changed, other, ("gives", "raises", "prints", "leaves"))


def _did(case: Case, changed: Sequence[Fact], other: CallResult | None = None) -> str:
    return _comparison(case, changed, other, ("gave", "raised", "printed", "left"))


def _comparison(
    case: Case, changed: Sequence[Fact], other: CallResult | None, verbs: tuple[str, str, str, str]
) -> str:
    """Return a result in words, starting with what differs from another result."""
    outcome = case.outcome
    gives, raises, prints, leaves = verbs
    value = outcome.value.text if outcome.value else ""
    if outcome.kind == "raised" or outcome.error:
        return f"{raises} `{_exception(outcome)}`"
    if outcome.kind == "printed":
        return f"{prints} `{value}`"
    if outcome.kind == "object":
        return f"{gives} {_object(outcome, other)}"
    same = other is not None and is_same(other, outcome)
    if changed and (value == "None" or same):
        return f"{leaves} `{changed[0].of}` as `{changed[0].value.text}`"
    return f"{gives} `{value or 'nan'}`"


def _exception(outcome: CallResult) -> str:
    name = outcome.home.path if outcome.home else outcome.error
    message = outcome.message or ""
    return f"{name}({quoted(message)})" if 0 < len(message) <= _SHORT else name


def _object(outcome: CallResult, other: CallResult | None) -> str:
    """Return an object in words, by what distinguishes it from the other one."""
    name = outcome.home.path if outcome.home else "object"
    fact = (*_differing(outcome.facts, other.facts if other else ()), *outcome.facts)[0]
    article = "an" if name[:1] in "AEIOUaeiou" else "a"
    return f"{article} `{name}` with `{fact.of.replace('{}', 'it')}` equal to `{fact.value.text}`"

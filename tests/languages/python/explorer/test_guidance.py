from __future__ import annotations

from dataclasses import replace

from fakes.cases import call, gives
from fakes.workspaces import function_member
from testsmith.languages.python.explorer.cases import CallResult, Case, Observation
from testsmith.languages.python.explorer.guidance import MOST_FURTHER, SearchState, further
from testsmith.languages.python.explorer.inputs.static_hints import Hints
from testsmith.languages.python.explorer.module_source import Documentation, read_module
from testsmith.languages.python.explorer.render.call_text import Argument
from testsmith.languages.python.explorer.render.expressions import Expression
from testsmith.languages.python.explorer.subjects import Callee, Description, Parameter, Shape, Subject
from testsmith.languages.python.explorer.trial import Trial
from testsmith.languages.python.mutation.mutants import mutants_of

SOURCE = """\
def f(a):
    if a > 100:
        return "many"
    return "few"
"""
MUTANTS = mutants_of(SOURCE, function_member(SOURCE, "f"), 10)
BOUNDARY = next(number for number, mutant in enumerate(MUTANTS) if "`>` to `>=`" in mutant.words)
FEW = Observation(outcome=gives('"few"'), lines=frozenset({2, 4}), compared=(("5", "100"),))


def known(*seen: tuple[Trial, Observation]) -> SearchState:
    trials = dict(enumerate(trial for trial, _ in seen))
    observations = dict(enumerate(observation for _, observation in seen))
    cases = {
        number: Case(trial=trials[number], seen=observation)
        for number, observation in observations.items()
        if observation.outcome.kind == "value"
    }
    return SearchState(subject=_subject(), trials=trials, seen=observations, cases=cases, mutants=MUTANTS)


def _subject() -> Subject:
    plain = Shape(kind="any")
    callee = Callee(name="f", parameters=(Parameter(name="a", shape=plain),), returns=plain)
    return Subject(
        member=function_member(SOURCE, "f"),
        description=Description(name="f", problem=None, callee=callee),
        source=read_module(SOURCE, "shop"),
        hints=Hints(),
        documentation=Documentation(),
    )


def texts(trials: list[Trial]) -> list[str]:
    return [trial.call for trial in trials]


def test_alive__is_what_no_case_notices() -> None:
    seen = replace(FEW, notices=frozenset({BOUNDARY}))

    assert MUTANTS[BOUNDARY] in known((call("5"), FEW)).alive
    assert MUTANTS[BOUNDARY] not in known((call("5"), seen)).alive


def test_alive__counts_what_is_left_behind_as_well() -> None:
    seen = replace(FEW, notices_state=frozenset({BOUNDARY}))

    assert MUTANTS[BOUNDARY] not in known((call("5"), seen)).alive


def test_further__tries_the_boundary_that_an_input_was_compared_with() -> None:
    assert texts(further(known((call("5"), FEW)), wants_witness=False))[:1] == ["f(100)"]


def test_further__tries_nothing_twice() -> None:
    first = known((call("5"), FEW), (call("100"), FEW))

    made = texts(further(first, wants_witness=False))

    assert "f(100)" not in made
    assert len(made) == len(set(made)) <= MOST_FURTHER


def test_further__is_nothing_where_all_is_noticed() -> None:
    seen = replace(FEW, notices=frozenset(range(len(MUTANTS))))

    assert further(known((call("5"), seen)), wants_witness=False) == []
    assert further(known((call("5"), seen)), wants_witness=True) != []


def test_further__starts_from_what_comes_nearest_to_a_line_that_none_reaches() -> None:
    refused = Observation(outcome=CallResult(kind="none", error="TypeError"), lines=frozenset({2}))
    far = Observation(outcome=gives("0"), lines=frozenset())

    made = texts(further(known((call('"x"'), far), (call("5"), refused)), wants_witness=False))

    assert made
    assert not any(each.startswith('f("') for each in made)


def test_further__tries_what_its_text_compares_with_while_base_does_the_same() -> None:
    hints = Hints(numbers=[7])
    hints.near["a"].append([Expression("250"), Expression("249")])
    start = known((call("5"), replace(FEW, compared=())))
    start = replace(start, subject=replace(start.subject, hints=hints))

    wanted = {"f(250)", "f(249)", "f(7)", "f(8)"}
    assert wanted <= {*texts(further(start, wants_witness=True))}
    assert not wanted - {"f(7)", "f(8)"} & {*texts(further(start, wants_witness=False))}


def test_further__tries_what_has_told_of_a_difference_in_another_member() -> None:
    start = known((call("5"), replace(FEW, compared=())))
    telling = [Argument("a", Expression("8128")), Argument("z", Expression("496"))]

    assert "f(8128)" in texts(further(start, wants_witness=True, telling=telling))
    assert "f(496)" not in texts(further(start, wants_witness=True, telling=telling))
    assert "f(8128)" not in texts(further(start, wants_witness=False, telling=telling))

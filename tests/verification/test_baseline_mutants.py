from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from fakes.mutants import a_mutant
from fakes.workspaces import CountingProgress, function_member, small_workspace
from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import ChangedModules, Reached
from testsmith.languages.mutants import Mutant, Mutator
from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.languages.python.test_files.test_modules import test_functions as names_of_tests
from testsmith.languages.thresholds import DEFAULTS
from testsmith.model import BaselineStatus, Candidate, Member, Origin
from testsmith.settings import VerificationSettings
from testsmith.verification.baseline_mutants import OwnTests, own_tests_reaching
from testsmith.verification.evidence import RunSubject, gather_evidence
from testsmith.verification.gains import OwnEvidence
from testsmith.verification.mutation import Mutation, gather_mutants

FEE = """\
def fee(amount, limit):
    if amount < limit:
        return 5
    if amount > 100:
        return 1
    return 2
"""
MEMBER = function_member(FEE, "fee")
OWN_TESTS = """\
from shop import fee


def test_low():
    assert fee(1, 10) == 5


def test_inside():
    assert fee(50, 10) is not None
"""
CANDIDATE = """\
from shop import fee


def test_all():
    assert [fee(amount, 10) for amount in (9, 10, 100, 101)] == [5, 2, 2, 1]
"""
LOW, INSIDE = "tests/test_shop.py::test_low", "tests/test_shop.py::test_inside"
BASELINE = MemberBaseline(
    reached=Reached(lines=frozenset({2, 3, 4, 6})),
    tests={2: (LOW, INSIDE), 3: (LOW,), 4: (INSIDE,), 6: (INSIDE,)},
)


@pytest.mark.parametrize(
    ("mutant", "tests"),
    [
        (a_mutant(2), {LOW, INSIDE}),
        (a_mutant(3), {LOW}),
        (a_mutant(5), set()),
        (replace(a_mutant(3), statement=(3, 4)), {LOW, INSIDE}),
        (a_mutant(1, loaded=True), {LOW, INSIDE}),
    ],
)
def test_own_tests_reaching__those_of_the_statement_or_of_the_whole_member(
    mutant: Mutant, tests: set[str]
) -> None:
    assert own_tests_reaching(mutant, BASELINE) == tests


def learnt(
    folder: Path,
    own_suite: OwnSuite,
    seconds: float = 60.0,
    progress: CountingProgress | None = None,
    own_tests: str = OWN_TESTS,
) -> tuple[Mutation, OwnEvidence, OwnEvidence]:
    """Return what a candidate kills, and what is known of the own tests before and after they were asked."""
    progress = progress or CountingProgress()
    candidate = Candidate(member=MEMBER.id, code=CANDIDATE, origin=Origin.OFFLINE)

    async def scenario() -> tuple[Mutation, OwnEvidence, OwnEvidence]:
        files = {"shop.py": FEE, "tests/test_shop.py": own_tests}
        async with small_workspace(folder, files) as workspace:
            proofs = await gather_evidence(
                [RunSubject(member=MEMBER, candidate=candidate)],
                PythonRunner(workspace=workspace),
                names_of_tests,
                VerificationSettings(runs=1),
                CountingProgress(),
            )
            mutations = await gather_mutants(
                proofs, PYTHON, PythonRunner(workspace=workspace), DEFAULTS, CountingProgress()
            )
            runner = PythonRunner(workspace=workspace)
            own = OwnTests(own_suite, {"python": PYTHON.mutator}, runner, progress)
            before = own.of(MEMBER)
            await own.learn(list(zip(proofs, mutations, strict=True)), seconds)
            return mutations[0], before, own.of(MEMBER)

    return asyncio.run(scenario())


def test_learn__asks_the_own_tests_about_what_is_killed_and_reached(tmp_path: Path) -> None:
    progress = CountingProgress()
    mutation, before, after = learnt(tmp_path, OwnSuite(members={MEMBER.id: BASELINE}), progress=progress)
    assert (progress.phases, progress.steps) == ([("running mutants with your tests", 8)], 8)
    assert before.noticed == {}
    assert {mutant.words: noticed for mutant, noticed in after.noticed.items()} == {
        "`<` to `<=` on line 2": False,
        "`<` to `>=` on line 2": True,
        "`5` to `6` on line 3": True,
        "`return 5` to `return None` on line 3": True,
        "`>` to `>=` on line 4": False,
        "`>` to `<=` on line 4": False,
        "`2` to `3` on line 6": False,
        "`return 2` to `return None` on line 6": True,
    }
    assert {mutant.words for mutant in mutation.killed if after.leaves_alive(mutant)} == {
        "`<` to `<=` on line 2",
        "`>` to `>=` on line 4",
        "`>` to `<=` on line 4",
        "`1` to `2` on line 5",
        "`return 1` to `return None` on line 5",
        "`2` to `3` on line 6",
    }


def test_learn__of_a_member_that_is_partly_known_only_what_is_noticed_counts(tmp_path: Path) -> None:
    mutation, before, after = learnt(tmp_path, OwnSuite(partly={MEMBER.id: BASELINE}))
    assert (before.baseline, after.baseline) == (None, None)
    assert {mutant.words for mutant in mutation.killed if after.leaves_alive(mutant) is False} == {
        "`<` to `>=` on line 2",
        "`5` to `6` on line 3",
        "`return 5` to `return None` on line 3",
        "`return 2` to `return None` on line 6",
    }
    assert not any(after.leaves_alive(mutant) for mutant in mutation.killed)


def test_learn__of_a_member_that_is_partly_known_a_failing_test_tells_nothing(tmp_path: Path) -> None:
    failing = f"{OWN_TESTS}\n\ndef test_fails():\n    assert fee(1, 10) == 7\n"
    reached = {**BASELINE.tests, 6: (INSIDE, "tests/test_shop.py::test_fails")}
    partly = OwnSuite(partly={MEMBER.id: replace(BASELINE, tests=reached)})
    mutation, _, after = learnt(tmp_path, partly, own_tests=failing)
    assert {mutant.words: after.leaves_alive(mutant) for mutant in mutation.killed if mutant.line == 6} == {
        "`2` to `3` on line 6": None,
        "`return 2` to `return None` on line 6": False,
    }


@pytest.mark.parametrize(
    ("own_suite", "seconds"),
    [
        (OwnSuite(), 60.0),
        (OwnSuite(members={MEMBER.id: MemberBaseline(reached=BASELINE.reached)}), 60.0),
        (OwnSuite(members={MEMBER.id: BASELINE}), 0.0),
    ],
)
def test_learn__nothing_where_there_is_nobody_to_ask_or_no_time(
    tmp_path: Path, own_suite: OwnSuite, seconds: float
) -> None:
    mutation, _, after = learnt(tmp_path, own_suite, seconds)
    assert len(mutation.killed) == 10
    assert after.noticed == {}


WHOLE = OwnSuite(status=BaselineStatus.MEASURED, tests=2, members={MEMBER.id: BASELINE})
PART = replace(WHOLE, status=BaselineStatus.PARTLY, members={MEMBER.id: replace(BASELINE, is_whole=False)})
CHANGED = replace(MEMBER, changed_lines=frozenset({2, 5, 6}))


class CountingRunner(PythonRunner):
    """Counts the mutants that the project's tests are run against."""

    tried: ClassVar[list[int]] = []

    async def own_changed(
        self, changed: Mapping[str, ChangedModules], seconds: float
    ) -> Mapping[str, Mapping[int, bool]]:
        self.tried.append(sum(len(one.changes) for one in changed.values()))
        return await super().own_changed(changed, seconds)


@pytest.mark.parametrize(
    ("part", "every", "count", "is_kept"),
    [
        (PART, WHOLE, 1, True),
        (replace(PART, members={}, partly=PART.members), WHOLE, 1, True),
        (PART, replace(WHOLE, members={}, partly={MEMBER.id: BASELINE}), 1, True),
        (PART, OwnSuite(status=BaselineStatus.FAILED), 1, False),
        (replace(PART, is_cut_short=True), WHOLE, 0, False),
        (replace(WHOLE, tests=1), WHOLE, 0, False),
    ],
    ids=["all", "partly known", "partly known in the end", "not run", "had no time", "nothing left out"],
)
def test_complete__what_was_left_out_is_run_once(
    tmp_path: Path, part: OwnSuite, every: OwnSuite, count: int, is_kept: bool
) -> None:
    runs = []

    async def measure_all() -> OwnSuite:
        runs.append(every)
        return every

    async def scenario() -> OwnSuite:
        async with small_workspace(tmp_path, {"shop.py": FEE}) as workspace:
            runner, mutators = PythonRunner(workspace=workspace), {"python": PYTHON.mutator}
            own = OwnTests(part, mutators, runner, CountingProgress(), measure_all=measure_all)
            await own.complete()
            await own.complete()
            return own.suite

    assert asyncio.run(scenario()) == (every if is_kept else part)
    assert len(runs) == count


def test_goals__a_line_that_is_there_twice_is_named_by_the_one_above(tmp_path: Path) -> None:
    files = {"shop.py": FEE.replace("return 5", "return 1"), "tests/test_shop.py": OWN_TESTS}

    async def scenario() -> tuple[str, ...]:
        async with small_workspace(tmp_path, files) as workspace:
            runner, mutators = PythonRunner(workspace=workspace), {"python": PYTHON.mutator}
            return OwnTests(WHOLE, mutators, runner, CountingProgress()).goals(CHANGED)

    assert asyncio.run(scenario())[0] == ("line 5, below `if amount > 100:`: `return 1` becomes `return 2`")


def test_try_changed__what_no_test_kills_is_a_goal_and_is_tried_once(tmp_path: Path) -> None:
    CountingRunner.tried.clear()

    async def scenario() -> list[tuple[str, ...]]:
        async with small_workspace(tmp_path, {"shop.py": FEE, "tests/test_shop.py": OWN_TESTS}) as workspace:
            runner, mutators = CountingRunner(workspace=workspace), {"python": PYTHON.mutator}
            own = OwnTests(WHOLE, mutators, runner, CountingProgress())
            before = own.goals(CHANGED)
            await own.try_changed([CHANGED], 60.0)
            await own.try_changed([CHANGED], 60.0)
            killed = [one for one in own.mutants_of_change(CHANGED) if one.line == 5]
            return [before, own.goals(CHANGED), own.goals(CHANGED, killed)]

    before, after, left = asyncio.run(scenario())
    unreached = "line 5: `return 1` becomes `return 2`", "line 5: `return 1` becomes `return None`"
    assert before == unreached
    assert set(after) == {
        *unreached,
        "line 2: `if amount < limit:` becomes `if (amount <= limit):`",
        "line 6: `return 2` becomes `return 3`",
    }
    assert CountingRunner.tried == [4]
    assert set(left) == set(after) - {*unreached}


@pytest.mark.parametrize(
    "suite",
    [
        OwnSuite(),
        replace(WHOLE, members={MEMBER.id: replace(BASELINE, is_whole=False)}),
        replace(WHOLE, tests=None),
        replace(WHOLE, members={}, partly={MEMBER.id: BASELINE}),
    ],
    ids=["not measured", "not whole", "not run", "partly"],
)
def test_goals__nothing_is_said_of_tests_that_did_not_all_run(tmp_path: Path, suite: OwnSuite) -> None:
    async def scenario() -> tuple[str, ...]:
        async with small_workspace(tmp_path, {"shop.py": FEE, "tests/test_shop.py": OWN_TESTS}) as workspace:
            runner, mutators = PythonRunner(workspace=workspace), {"python": PYTHON.mutator}
            own = OwnTests(suite, mutators, runner, CountingProgress())
            await own.try_changed([CHANGED], 60.0)
            return own.goals(CHANGED)

    assert asyncio.run(scenario()) == ()


class FaultyMutator(Mutator):
    """Has an internal error."""

    def mutants(
        self,
        text: str,  # noqa: ARG002
        member: Member,  # noqa: ARG002
        most: int,  # noqa: ARG002
        per_line: int = 2,  # noqa: ARG002
    ) -> tuple[Mutant, ...]:
        raise ZeroDivisionError


def test_goals__an_internal_error_costs_no_more_than_the_goals(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, ...]:
        async with small_workspace(tmp_path, {"shop.py": FEE}) as workspace:
            runner = PythonRunner(workspace=workspace)
            own = OwnTests(WHOLE, {"python": FaultyMutator()}, runner, CountingProgress())
            await own.try_changed([CHANGED], 60.0)
            return own.goals(CHANGED)

    assert asyncio.run(scenario()) == ()

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fakes.git_repository import GitRepository
from fakes.sweep_tools import idle_tools
from testsmith.deadline import Deadline
from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import Reached
from testsmith.execution.runner import TestRunner
from testsmith.generation.interface import OwnTestFacts
from testsmith.pipeline import time_budget
from testsmith.pipeline.prepare import PendingFacts, measure_own_tests
from testsmith.pipeline.select import select
from testsmith.pipeline.state import RunOptions, RunState
from testsmith.settings import SettingsSources, parse

BROKEN = frozenset({"tests/test_shop.py::test_total"})
GOALS = {"shop.py::total": ("line 2: `+` becomes `-`",)}


def test_pending_facts__are_those_known_when_the_first_request_cannot_wait_any_longer() -> None:
    async def known(minutes: float) -> OwnTestFacts:
        facts = PendingFacts(Deadline.after(minutes, time.monotonic))
        facts.set_broken(BROKEN)
        return await facts.known()

    assert asyncio.run(known(0.01)) == OwnTestFacts(broken=BROKEN)


def test_pending_facts__are_complete_with_the_goals() -> None:
    async def known() -> OwnTestFacts:
        facts = PendingFacts(Deadline.after(10, time.monotonic))
        waiting = asyncio.create_task(facts.known())
        await asyncio.sleep(0)
        facts.set_broken(BROKEN)
        facts.set_goals(GOALS)
        return await waiting

    assert asyncio.run(known()) == OwnTestFacts(goals=GOALS, broken=BROKEN)


class _Asked:
    """Notes the limits that it is asked to keep to, and whether the facts are known before base is run."""

    def __init__(self, folder: Path, suite: OwnSuite | None = None) -> None:
        self.limits: list[object] = []
        self.suite = suite or OwnSuite()
        self.facts: PendingFacts | None = None
        self.known_early = False
        self.workspace = SimpleNamespace(head=SimpleNamespace(root=folder))

    async def own_tests(self, *given: object) -> OwnSuite:
        self.limits.append(given[-1])
        return self.suite

    async def own_on_base(self, suite: OwnSuite, *given: object) -> OwnSuite:
        self.limits.append(given[-1])
        if self.facts is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.facts.known(), 0.01)
                self.known_early = True
        return suite


def changed(folder: Path) -> RunState:
    project = GitRepository.create(folder)
    project.commit({"fees.py": "def fee(amount):\n    return 2\n"})
    project.write({"fees.py": "def fee(amount):\n    return 3\n"})
    given = {"base": "HEAD", "provider": "offline"}
    settings = parse(project.folder, SettingsSources(arguments=given, file={}, environment={}))
    return select(settings, idle_tools().run, RunOptions())


@pytest.mark.parametrize(
    ("is_audited", "is_change", "limit"),
    [(False, True, time_budget.OTHER_TESTS), (True, True, None), (False, False, None)],
    ids=["suggest", "audit", "sweep"],
)
def test_measure_own_tests__all_only_if_all_count(
    tmp_path: Path, is_audited: bool, is_change: bool, limit: float | None
) -> None:
    run, runner = changed(tmp_path / "project"), _Asked(tmp_path / "project")
    if not is_change:
        run = replace(run, search=replace(run.search, base_tree=None))
    facts = PendingFacts(run.deadline)
    asyncio.run(measure_own_tests(run, cast(TestRunner, runner), facts, is_audited=is_audited))
    assert runner.limits == [limit, limit]


FEE = "fees.py::fee"
PART = MemberBaseline(
    reached=Reached(lines=frozenset({2})), tests={2: ("test_fees.py::test_fee",)}, is_whole=False
)
WHOLE = replace(PART, is_whole=True)
PASSED = frozenset({"test_fees.py::test_fee"})


@pytest.mark.parametrize(
    ("suite", "early"),
    [
        (OwnSuite(members={FEE: PART}, passed=PASSED), True),
        (OwnSuite(members={FEE: WHOLE}, passed=PASSED), False),
        (OwnSuite(members={FEE: PART}), False),
        (OwnSuite(partly={FEE: PART}, blamed={FEE: PASSED}), False),
    ],
    ids=["a part ran", "all ran", "one does not pass", "one is to blame"],
)
def test_measure_own_tests__a_model_waits_for_base_only_if_it_can_tell_something(
    tmp_path: Path, suite: OwnSuite, *, early: bool
) -> None:
    run, runner = changed(tmp_path / "project"), _Asked(tmp_path / "project", suite)
    runner.facts = PendingFacts(run.deadline)
    asyncio.run(measure_own_tests(run, cast(TestRunner, runner), runner.facts, is_audited=False))
    assert runner.known_early is early

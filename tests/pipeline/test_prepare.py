from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fakes.git_repository import GitRepository
from fakes.sweep_tools import idle_tools
from testsmith.deadline import Deadline
from testsmith.execution.baseline import OwnSuite
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
    """Notes the limits that it is asked to keep to."""

    def __init__(self, folder: Path) -> None:
        self.limits: list[object] = []
        self.workspace = SimpleNamespace(head=SimpleNamespace(root=folder))

    async def own_tests(self, *given: object) -> OwnSuite:
        self.limits.append(given[-1])
        return OwnSuite()

    async def own_on_base(self, suite: OwnSuite, *given: object) -> OwnSuite:
        self.limits.append(given[-1])
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

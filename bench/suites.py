"""How long it takes to measure what a project's own tests reach."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.clock import PROCESSORS, Stopwatch
from bench.figures import Figure
from bench.places import order_for
from bench.pulls import PAIRS, pull_request
from bench.subjects import NotToBeHad
from testsmith.changes.members import find_members
from testsmith.execution.baseline import OwnSuite
from testsmith.git.repository import Repository
from testsmith.languages.python.running.project_tests.suite import measure_project_tests
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.languages.registry import languages
from testsmith.settings import SelectionSettings, VerificationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Took:
    """What was measured, of how many members, and how long that took."""

    suite: OwnSuite
    members: int
    watch: Stopwatch


def measure_suites(folder: Path) -> Iterator[Figure]:
    """Measure the own tests of each pull request's project, once and without anything kept."""
    for name, old, new in PAIRS:
        try:
            repository = Repository.open(pull_request(folder / name, name, old, new))
        except NotToBeHad as reason:
            print(f"not measured: the own tests of {name}: {reason}")
            continue
        took = asyncio.run(_measured(repository))
        for note in took.suite.notes:
            print(f"{name}: {note}", flush=True)
        what = f"{name} {new}, own tests on {len(took.suite.members)} of {took.members} members"
        yield Figure(name=what, value=took.watch.seconds, unit="s")
        yield Figure(
            name=f"{what}, {PROCESSORS} processors' time", value=took.watch.busy / PROCESSORS, unit="s"
        )


async def _measured(repository: Repository) -> _Took:
    settings = VerificationSettings()
    search = find_members(repository, SelectionSettings(base="main", head="change"), languages())
    async with open_workspace(order_for(repository, search, settings)) as workspace:
        with Stopwatch() as watch:
            suite = await measure_project_tests(workspace, search.members, settings)
    return _Took(suite=suite, members=len(search.members), watch=watch)

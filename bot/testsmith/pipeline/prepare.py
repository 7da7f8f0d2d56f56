"""Open the workspace, leave out what cannot be loaded, and measure the project's own tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from testsmith.changes.members import MemberSearch
from testsmith.deadline import Deadline, TimeIsOver
from testsmith.execution.baseline import OwnSuite
from testsmith.execution.runner import TestRunner
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.faults import fault_in_words
from testsmith.generation.interface import OwnTestFacts
from testsmith.git.repository import Repository
from testsmith.languages.thresholds import GateTable
from testsmith.model import BaselineStatus, Skipped, SkipStage
from testsmith.pipeline import time_budget
from testsmith.pipeline.state import RunDependencies, RunState
from testsmith.settings import Settings
from testsmith.verification.baseline_mutants import OwnTests, changed_elsewhere, users_of_changes

T = TypeVar("T")


@asynccontextmanager
async def runner_of(run: RunState, language: str) -> AsyncIterator[TestRunner]:
    """Open a runner in the sandbox that the settings require, or use the given one."""
    if language in run.options.runners:
        yield run.options.runners[language]
        return
    if run.settings.verification.installs:
        run.progress.phase(f"installing {run.repository.project or 'the project'}", 1, 0.1)
    order = workspace_order(run.settings, run.clients, run.repository, run.search)
    opening = run.clients.toolchains[language].open(order)
    async with AsyncExitStack() as stack:
        yield await run.deadline.within(stack.enter_async_context(opening))


def workspace_order(
    settings: Settings, tools: RunDependencies, repository: Repository, search: MemberSearch
) -> WorkspaceOrder:
    """Return what is needed to open a workspace in the sandbox that the settings require."""
    return WorkspaceOrder(
        repository=repository,
        head=search.head_tree,
        base=search.base_tree,
        settings=settings.verification,
        build_sandbox=partial(tools.build_sandbox, settings.verification.sandbox),
        environment=tools.environment,
        environments=tools.environments,
        opened=search.projects.opened,
    )


async def members_not_loading(run: RunState, runner: TestRunner) -> dict[str, Skipped]:
    """Return members that cannot be loaded as skipped, before any model call is paid for."""
    reasons = await runner.not_loading(run.members)
    return {
        member.id: Skipped.of(member, SkipStage.ENVIRONMENT, reasons[member.id])
        for member in run.members
        if member.id in reasons
    }


async def measure_own_suite(
    run: RunState, runner: TestRunner, *, in_part: bool = False, facts: PendingFacts | None = None
) -> OwnSuite:
    """Measure the project's own tests, on base as well, while candidates are generated.

    Args:
        run: The run's state.
        runner: Runs the tests.
        in_part: Whether tests that do not seem to be about a member may be left out if there are many.
        facts: Completed as soon as it is known that nothing else will be known.
    """
    others_until = time_budget.OTHER_TESTS if in_part else None
    settings = run.with_suite_seconds(time_budget.GENERATION)
    causes = {cause.id: cause for member in run.members for cause in member.causes}
    users = users_of_changes(run.members, run.search.found)
    measured = {one.id: one for one in (*changed_elsewhere(users), *users, *run.members)}
    members = list({**causes, **measured}.values())
    measuring = runner.own_tests(members, settings, run.clients.measurements, others_until)
    suite = await _attempt(run, measuring, time_budget.BASELINE, "the project's tests were {}measured")
    if isinstance(suite, str):
        return OwnSuite(status=BaselineStatus.FAILED, notes=(suite,))
    if suite.notes and settings.suite_seconds != run.settings.verification.suite_seconds:
        limit = f"{settings.suite_seconds:.0f} seconds"
        note = f"the project's tests had {limit}: raise the limit with --max-minutes"
        suite = replace(suite, notes=(*suite.notes, note))
    if facts is not None and _leaves_no_facts(suite):
        facts.set_goals({})
    seconds = run.with_suite_seconds(time_budget.OWN_TESTS).suite_seconds
    running = runner.own_on_base(suite, members, seconds, others_until)
    both = await _attempt(
        run, running, time_budget.BASELINE_ON_BASE, "the project's tests were {}run on the merge base"
    )
    return replace(suite, notes=(*suite.notes, both)) if isinstance(both, str) else both


def _leaves_no_facts(suite: OwnSuite) -> bool:
    """Return whether no test can turn out to be broken by the change, and no mutant to survive all tests."""
    is_broken = bool(suite.blamed) or not suite.reaching <= suite.passed
    return not is_broken and not any(one.is_whole for one in suite.members.values())


class PendingFacts:
    """What the project's own tests show, for a model's prompts, as it becomes known.

    Args:
        deadline: Deadline of the whole run.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._facts = OwnTestFacts()
        self._is_complete = asyncio.Event()

    def set_broken(self, tests: frozenset[str]) -> None:
        """Set the tests that the change breaks."""
        self._facts = replace(self._facts, broken=tests)

    def set_goals(self, goals: Mapping[str, tuple[str, ...]]) -> None:
        """Set the mutants that no test kills, by member id. They are known last."""
        self._facts = replace(self._facts, goals=goals)
        self._is_complete.set()

    async def known(self) -> OwnTestFacts:
        """Return all, or what is known if the rest takes too long for the first request to wait."""
        with suppress(TimeIsOver):
            await self._deadline.within(self._is_complete.wait(), time_budget.GOALS)
        return self._facts


async def measure_own_tests(
    run: RunState, runner: TestRunner, facts: PendingFacts, *, is_audited: bool
) -> OwnTests:
    """Measure the project's own tests; for a model, also which mutants of changed lines they leave alive.

    Args:
        run: The run's state.
        runner: Runs the tests.
        facts: Receives what they show.
        is_audited: Whether tests of the change are judged, for which all tests of the project count.
    """
    is_sweep = run.search.base_tree is None
    in_part = not (is_audited or is_sweep)
    suite = await measure_own_suite(run, runner, in_part=in_part, facts=facts)
    facts.set_broken(suite.broken)
    elsewhere = changed_elsewhere(users_of_changes(run.members, run.search.found), suite)
    own_tests = OwnTests(
        suite,
        {language.name: language.mutator for language in run.clients.languages},
        runner,
        run.progress,
        table=GateTable.of(run.settings.verification),
        elsewhere=[one for one in elsewhere if one.id not in run.requests],
        measure_all=partial(measure_own_suite, run, runner) if in_part else None,
    )
    if run.clients.model is not None:
        seconds = run.with_suite_seconds(time_budget.OWN_TESTS).suite_seconds
        if not is_audited:
            seconds = min(seconds, time_budget.MUTANTS_FOR_MODEL)
        trying = own_tests.try_changed((*run.members, *own_tests.elsewhere), seconds)
        await _attempt(run, trying, time_budget.BASELINE_ON_BASE, "mutants of changed lines were {}tried")
    facts.set_goals({member.id: own_tests.goals(member) for member in run.members})
    return own_tests


async def broaden(run: RunState, runner: TestRunner) -> TestRunner:
    """Look for what else runs can vary, for example another interpreter, while tests are generated."""
    looking = runner.broadened(run.members)
    found = await _attempt(run, looking, time_budget.GENERATION, "another interpreter was {}searched for")
    return runner if isinstance(found, str) else found


async def _attempt(run: RunState, work: Awaitable[T], share: float, sentence: str) -> T | str:
    """Await work that the run can do without, and return its result, or why there is none.

    Args:
        run: The run's state.
        work: The work to await.
        share: Fraction of the time left that it may use.
        sentence: What was done, with `{}` where a "not " would be.
    """
    try:
        return await run.deadline.within(work, share)
    except TimeIsOver:
        return run.deadline.reason(sentence.format(""))
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        run.warn_of_fault(sentence.format("not "), error)
        return f"{sentence.format('not ')}: {fault_in_words(error)}"

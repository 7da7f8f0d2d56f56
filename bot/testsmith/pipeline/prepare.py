"""Open the workspace, leave out what cannot be imported, and measure the project's own tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from testsmith.changes.members import MemberSearch
from testsmith.deadline import TimeIsOver
from testsmith.execution.baseline import OwnSuite
from testsmith.faults import fault_in_words
from testsmith.git.repository import Repository
from testsmith.languages.python.running.import_check import (
    could_not_import,
    does_not_exist,
    members_that_do_not_exist,
    modules_that_do_not_load,
)
from testsmith.languages.python.running.interpreter import choose_interpreter, tracks_environment
from testsmith.languages.python.running.project_tests.suite import measure_project_tests, with_base
from testsmith.languages.python.running.python_version import (
    OtherPythonOrder,
    requires_python,
    with_other_python,
)
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.running.workspace_builder import WorkspaceOrder, open_workspace
from testsmith.model import BaselineStatus, Member, Skipped, SkipStage
from testsmith.pipeline import time_budget
from testsmith.pipeline.state import RunDependencies, RunState
from testsmith.settings import Settings

T = TypeVar("T")


@asynccontextmanager
async def workspace_of(run: RunState) -> AsyncIterator[PythonWorkspace]:
    """Open a workspace in the sandbox that the settings require, or use the given one."""
    if run.options.workspace is not None:
        yield run.options.workspace
        return
    order = await workspace_order(run.settings, run.clients, run.repository, run.search)
    async with AsyncExitStack() as stack:
        yield await run.deadline.within(stack.enter_async_context(open_workspace(order)))


async def workspace_order(
    settings: Settings, tools: RunDependencies, repository: Repository, search: MemberSearch
) -> WorkspaceOrder:
    """Return what is needed to open a workspace in the sandbox that the settings require.

    Raises:
        CannotIsolate: The required sandbox is not available here.
        UsageFailure: The interpreter that the user named does not exist.
    """
    verification, folder = settings.verification, repository.root / repository.project
    interpreter = choose_interpreter(
        verification.python,
        tools.environment,
        folder,
        installs=verification.installs,
        is_tracked=tracks_environment(repository),
    )
    sandbox = await tools.build_sandbox(verification.sandbox, interpreter.path)
    if verification.installs:
        tools.progress.phase("installing the project", 1)
    return WorkspaceOrder(
        repository=repository,
        head=search.head_tree,
        base=search.base_tree,
        settings=verification,
        sandbox=sandbox,
        environment=tools.environment,
    )


async def members_not_importable(run: RunState, workspace: PythonWorkspace) -> dict[str, Skipped]:
    """Return members that cannot be imported as skipped, before any model call is paid for."""
    members = run.members
    problems = await modules_that_do_not_load(workspace, {member.module for member in members})
    loaded = [member for member in members if member.module not in problems]
    conditional = [member for member in loaded if _is_conditional(run, member)]
    absent = await members_that_do_not_exist(workspace, conditional)
    installs = run.settings.verification.installs
    reasons = {one.id: does_not_exist(one, workspace) for one in conditional if one.id in absent}
    reasons |= {
        one.id: could_not_import(one.module, problems[one.module], workspace.owned_modules, installs=installs)
        for one in members
        if one.module in problems
    }
    return {
        member.id: Skipped.of(member, SkipStage.ENVIRONMENT, reasons[member.id])
        for member in members
        if member.id in reasons
    }


def _is_conditional(run: RunState, member: Member) -> bool:
    data = run.search.head_tree.read(member.path)
    return data is not None and run.language_of(member.id).source.is_conditional(data, member)


async def measure_own_suite(run: RunState, workspace: PythonWorkspace) -> OwnSuite:
    """Measure the project's own tests, on base as well, while candidates are generated."""
    settings = run.with_suite_seconds(time_budget.GENERATION)
    measuring = measure_project_tests(workspace, run.members, settings, run.clients.measurements)
    suite = await _attempt(run, measuring, time_budget.BASELINE, "own tests were {}measured")
    if isinstance(suite, str):
        return OwnSuite(status=BaselineStatus.FAILED, notes=(suite,))
    if suite.notes and settings.suite_seconds != run.settings.verification.suite_seconds:
        note = f"own tests had {settings.suite_seconds:.0f} seconds: --max-minutes allows more"
        suite = replace(suite, notes=(*suite.notes, note))
    seconds = run.with_suite_seconds(time_budget.OWN_TESTS).suite_seconds
    running = with_base(workspace, suite, seconds)
    both = await _attempt(
        run, running, time_budget.BASELINE_ON_BASE, "own tests were {}run on the merge base"
    )
    return replace(suite, notes=(*suite.notes, both)) if isinstance(both, str) else both


async def look_for_other_python(run: RunState, workspace: PythonWorkspace) -> PythonWorkspace:
    """Look for another interpreter to run the tests on, while candidates are generated."""
    order = OtherPythonOrder(
        environment=run.clients.environment,
        requires=requires_python(run.search.head_tree, run.repository.project),
        modules=sorted({member.module for member in run.members}),
    )
    looking = with_other_python(workspace, order)
    found = await _attempt(run, looking, time_budget.GENERATION, "another Python was {}looked for")
    return workspace if isinstance(found, str) else found


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

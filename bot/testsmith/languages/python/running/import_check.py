"""Check that the project's modules can be imported before spending anything on their members."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

from testsmith.execution.jobs import FAILED, PASSED, TestJob, batches_of
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.workspace import NotInstalled
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.run_settings import PLAIN
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.source.coverable import is_conditional
from testsmith.model import Member
from testsmith.settings import VerificationSettings
from testsmith.tasks import gather, in_thread

_SECONDS = 20.0
_MOST_FILES = 20_000
"""Files among which a test file of the project is looked for."""

_WITHOUT_METADATA = re.compile(r"(?:importlib\.metadata\.)?PackageNotFoundError: .*", re.DOTALL)
_MISSING = re.compile(r"ModuleNotFoundError: No module named '(?P<name>(?P<top>\w+)[\w.]*)'.*", re.DOTALL)


def could_not_import(module: str, problem: str, owned: Collection[str], *, installs: bool) -> str:
    """Return an error message: the module that could not be imported, why, and what to do.

    Args:
        module: Dotted name.
        problem: Reason from `modules_that_do_not_load`.
        owned: The project's own top-level modules, which no installation provides.
        installs: Whether the project was installed.
    """
    missing = _MISSING.fullmatch(problem)
    advice = ""
    if may_be_installed(problem) and not installs:
        advice = " Run again with --install."
    elif missing is not None and missing["top"] not in owned:
        advice = (
            " It was not installed with the project: add it to the project's dependencies, or install it "
            "with --setup-command."
        )
    return f"{_what_failed(module, problem)}{advice}"


def _what_failed(module: str, problem: str) -> str:
    missing = _MISSING.fullmatch(problem)
    reason = problem if missing is None else f"no module named '{missing['name']}'"
    return f"could not import {module} ({reason})."


def may_be_installed(problem: str) -> bool:
    """Return whether installing the project may fix an import.

    A missing module of the project itself counts, because the build may write it.
    """
    return any(pattern.fullmatch(problem) for pattern in (_MISSING, _WITHOUT_METADATA))


async def members_that_do_not_load(
    workspace: PythonWorkspace, members: Sequence[Member], settings: VerificationSettings
) -> dict[str, str]:
    """Return why members cannot be imported or do not exist, by member id.

    Args:
        workspace: Workspace to import in.
        members: The members.
        settings: Whether the project was installed, and whether to offer that.

    Raises:
        CannotRun: The sandbox could not start a process.
        NotInstalled: Installing the project may help, and is offered.
    """
    problems = await modules_that_do_not_load(workspace, {member.module for member in members})
    fixable = [module for module, problem in problems.items() if may_be_installed(problem)]
    if settings.offer_install and fixable:
        raise NotInstalled(_what_failed(fixable[0], problems[fixable[0]]))
    problems = await _not_in_session(workspace, problems)
    loaded = [member for member in members if member.module not in problems]
    conditional = await in_thread(lambda: [one for one in loaded if _is_conditional(workspace, one)])
    absent = await members_that_do_not_exist(workspace, conditional)
    reasons = {one.id: does_not_exist(one, workspace) for one in conditional if one.id in absent}
    return reasons | {
        one.id: could_not_import(
            one.module, problems[one.module], workspace.owned_modules, installs=settings.installs
        )
        for one in members
        if one.module in problems
    }


def _is_conditional(workspace: PythonWorkspace, member: Member) -> bool:
    try:
        data = (workspace.head.root / member.path).read_bytes()
    except OSError:
        return False
    return is_conditional(data, member)


async def modules_that_do_not_load(workspace: PythonWorkspace, modules: Iterable[str]) -> dict[str, str]:
    """Import modules of head, each in its own process, and return the reason for each that fails.

    Args:
        workspace: PythonWorkspace to import in.
        modules: Dotted names.
    """
    names = sorted(set(modules))
    jobs = [TestJob(number=at, code=name, seconds=_SECONDS, is_import=True) for at, name in enumerate(names)]
    batches = batches_of(jobs, 1, workspace.parallel)
    slots = asyncio.Semaphore(workspace.parallel)

    async def reasons(batch: Sequence[TestJob]) -> dict[str, str]:
        async with slots:
            try:
                results = await run_jobs(workspace, PLAIN, batch)
            except CannotRun as error:
                return {job.code: str(error) for job in batch}
        return {names[at]: result.problem for at, result in results.items() if result.problem}

    found = await gather(*map(reasons, batches))
    return {name: reason for part in found for name, reason in part.items()}


async def _not_in_session(workspace: PythonWorkspace, problems: Mapping[str, str]) -> dict[str, str]:
    """Return the problems of modules that cannot be imported after the project's setup for tests, either.

    Modules of Django and its extensions need settings, which a `conftest.py` or a plugin of pytest makes.
    """
    others = {module: problem for module, problem in problems.items() if not may_be_installed(problem)}
    path = await in_thread(_test_path, workspace) if others else None
    if path is None:
        return dict(problems)
    jobs = [
        TestJob(number=number, code=_IMPORT.format(module), seconds=_SECONDS, in_project=True, test_path=path)
        for number, module in enumerate(others)
    ]
    results = await run_jobs(workspace, PLAIN, jobs)
    loaded = {
        module
        for number, module in enumerate(others)
        if [one.status for one in results[number].functions.values()] == [PASSED]
    }
    return {module: problem for module, problem in problems.items() if module not in loaded}


_IMPORT = """\
import importlib


def test_import():
    importlib.import_module({!r})
"""


def _test_path(workspace: PythonWorkspace) -> str | None:
    """Return where a test file could be: by the outermost `conftest.py`, or by a test; None if nowhere."""
    root, folder = workspace.head.root, workspace.head.source_roots[0]
    files = [path.relative_to(root) for path in islice(folder.rglob("*.py"), _MOST_FILES)]
    tests = [path for path in files if workspace.test_file_names.is_test_module(path.as_posix())]
    near = [path for path in files if path.name == "conftest.py"] or tests
    nearest = min(near, key=lambda path: (len(path.parts), path), default=None)
    return None if nearest is None else nearest.with_name("test_import_of_module.py").as_posix()


async def members_that_do_not_exist(workspace: PythonWorkspace, members: Sequence[Member]) -> frozenset[str]:
    """Return the ids of members whose name is missing or refers to something other than their definition.

    Args:
        workspace: PythonWorkspace to check in.
        members: Members defined under a condition, in modules that load.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    jobs = [
        TestJob(number=number, code=_lookup(member), seconds=_SECONDS)
        for number, member in enumerate(members)
    ]
    results = await run_jobs(workspace, PLAIN, jobs)
    return frozenset(
        members[number].id
        for number, result in results.items()
        if [one.status for one in result.functions.values()] == [FAILED]
    )


_LOOKUP = """\
import inspect

import {module}


def test_lookup():
    found = {module}
    for name in {names!r}:
        assert hasattr(found, name)
        found = inspect.getattr_static(found, name, None) or getattr(found, name)
    found = getattr(found, "fget", None) or getattr(found, "__func__", found)
    assert not inspect.isbuiltin(found)
    if inspect.isclass(found):
        assert found.__module__ != "builtins" and inspect.getsourcefile(found).endswith({path!r})
    elif inspect.isfunction(found) and not {is_decorated}:
        assert found.__code__.co_filename.endswith({path!r})
        assert {first} <= found.__code__.co_firstlineno <= {last}
"""


def _lookup(member: Member) -> str:
    """Return a test that fails if a member's name does not refer to its definition."""
    return _LOOKUP.format(
        module=member.module,
        names=member.name.split("."),
        path=f"/{member.path}",
        is_decorated=member.source.lstrip().startswith("@"),
        first=member.line,
        last=member.end_line,
    )


def does_not_exist(member: Member, workspace: PythonWorkspace) -> str:
    """Return why no test is written for a member whose name does not refer to its definition."""
    version = "{}.{}".format(*workspace.interpreter.version)
    return (
        f"this definition does not exist on Python {version}: line {member.line} is under a condition "
        f"that is not met here. Choose another interpreter with --python PATH."
    )

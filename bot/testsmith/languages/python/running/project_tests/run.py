"""Run the project's tests in writable copies of the project, with `worker/suite/main.py`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

from annotated_types import Ge, MaxLen

from testsmith.decode import OrElse, decode_lines
from testsmith.execution.jobs import ChangedModule, ChangedModules
from testsmith.execution.sandbox.interface import CannotRun, Limits, ProcessOutcome
from testsmith.execution.workspace import ProjectCopy, remove_folder
from testsmith.languages.python.running.harness import worker_command
from testsmith.languages.python.running.project_tests.answers import SuiteAnswer, joined, read_suite
from testsmith.languages.python.running.project_tests.command import PLAIN_PYTEST, PytestCall
from testsmith.languages.python.running.project_tests.copies import copy_for_own_tests, copy_of_base
from testsmith.languages.python.running.run_settings import PythonSetting, variable_of_zone
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.test_files.test_paths import is_test
from testsmith.model import Member
from testsmith.tasks import gather, in_thread

_MOST_OUTPUT_BYTES = 32 * 1024**2
_OPEN_FILES = 1024
_SECONDS_TO_START = 10.0
_LAST_LINE = 2**31
_MOST_FILES = 10_000
_MOST_RECORDED = 300
_MOST_CALL_CHARACTERS = 300
_MOST_IMPORTS = 20


async def run_suite(
    workspace: PythonWorkspace, members: Sequence[Member], seconds: float, others_until: float | None = None
) -> SuiteAnswer:
    """Run the project's tests and return the results.

    Tests in files that name a member run first, then those in files that name its class or module. If there
    are many test files, several processes share them.

    Args:
        workspace: PythonWorkspace to run in.
        members: Members to trace.
        seconds: Time limit for all tests.
        others_until: Seconds after which no test begins in a file that does not name a member.

    Raises:
        CannotRun: There is not enough space for a copy, or the sandbox could not start a process.
    """
    names = sorted({name for member in members for name in _names(member)})
    modules = sorted({member.module for member in members})
    plan = _plan(
        _spans(members),
        seconds,
        names=names,
        own_names=_own_names(members),
        modules=modules,
        others_until=others_until,
    )
    files = sum(map(is_test, await in_thread(_python_files, workspace.head.root)))
    return await _run_parts(workspace, plan, files)


async def run_on_base(
    workspace: PythonWorkspace,
    tests: Collection[str],
    seconds: float,
    first: Collection[str] = (),
    others_until: float | None = None,
) -> SuiteAnswer:
    """Run some of head's tests on base's source and return the results, without tracing.

    Args:
        workspace: PythonWorkspace to run in.
        tests: Ids of tests or test functions; `FILE` runs all tests of a file, and `FILE::` loads it without
            running them.
        seconds: Time limit for all tests.
        first: Test files to run first.
        others_until: Seconds after which no test begins in other files.

    Raises:
        CannotRun: There is no base, not enough space for a copy, or the sandbox could not start a process.
    """
    files = frozenset(test.partition("::")[0] for test in tests)
    plan = _plan((), seconds, only=sorted(tests), files=sorted(first), others_until=others_until)
    return await _run_parts(workspace, plan, len(files), partial(copy_of_base, files=files))


async def run_whole_suite(workspace: PythonWorkspace, paths: Sequence[str], seconds: float) -> SuiteAnswer:
    """Run the project's tests and return their combined coverage of whole files.

    This includes lines that run when the files are loaded. It is not recorded which test reached a line.

    Args:
        workspace: PythonWorkspace to run in.
        paths: Source files, relative to the git root.
        seconds: Time limit for all tests.

    Raises:
        CannotRun: There is not enough space for a copy, or the sandbox could not start a process.
    """
    spans = [(path, 0, _LAST_LINE) for path in sorted(paths)]
    return await _run(workspace, _plan(spans, seconds, whole=True))


async def run_again(
    workspace: PythonWorkspace, tests: Collection[str], seconds: float, members: Sequence[Member] = ()
) -> SuiteAnswer:
    """Run some of the project's tests and return the results.

    Args:
        workspace: PythonWorkspace to run in.
        tests: Test ids; `FILE` runs all tests of a file, and `FILE::` loads it without running them.
        seconds: Time limit for all tests.
        members: Members to trace; nothing is traced without any.

    Raises:
        CannotRun: There is not enough space for a copy, or the sandbox could not start a process.
    """
    return await _run(workspace, _plan(_spans(members), seconds, only=sorted(tests)))


async def files_not_loaded(
    workspace: PythonWorkspace, files: Collection[str], seconds: float
) -> Mapping[str, str]:
    """Return the test files that cannot be loaded, with the reasons, without running tests.

    Raises:
        CannotRun: There is not enough space for a copy, or the sandbox could not start a process.
    """
    return (await run_again(workspace, [f"{file}::" for file in files], seconds)).broken


def _spans(members: Sequence[Member]) -> list[tuple[str, int, int]]:
    return sorted({(one.path, one.line, one.end_line) for one in members})


def _plan(spans: Sequence[tuple[str, int, int]], seconds: float, **other: object) -> dict[str, object]:
    """Return a plan for `worker/suite/main.py`; all other keys have defaults."""
    return {
        "spans": [{"file": path, "first": first, "last": last} for path, first, last in spans],
        "names": [],
        "own_names": [],
        "modules": [],
        "files": [],
        "others_until": None,
        "only": None,
        "backwards": False,
        "part": [0, 1],
        "seconds": seconds,
        "whole": False,
        "recorded": None,
        "changes": None,
        **other,
    }


def _names(member: Member) -> set[str]:
    """Return the names that a test file about a member is likely to contain."""
    return {member.name.partition(".")[0], member.module.rpartition(".")[2]}


def _own_names(members: Sequence[Member]) -> list[str]:
    """Return the names that a test file that calls a member contains, unless it calls another function."""
    parts = (member.name.split(".") for member in members)
    return sorted({names[0] if names[-1].startswith("__") else names[-1] for names in parts})


LayOut = Callable[[PythonWorkspace, Path], ProjectCopy]
"""Writes the copy of the project that the tests run in into a working folder."""


_LEAST_FILES = 12
"""With fewer test files, it is not worth it to load the project in another process."""


async def _run_parts(
    workspace: PythonWorkspace,
    plan: Mapping[str, object],
    files: int,
    lay_out: LayOut = copy_for_own_tests,
) -> SuiteAnswer:
    """Run a plan in as many processes as are of use, each of which runs some of the test files."""
    count = workspace.parallel if files >= _LEAST_FILES else 1
    parts = [{**plan, "part": [number, count]} for number in range(count)]
    return joined(await gather(*(_run(workspace, part, lay_out) for part in parts)))


async def _run(
    workspace: PythonWorkspace, plan: Mapping[str, object], lay_out: LayOut = copy_for_own_tests
) -> SuiteAnswer:
    outcome, root = await run_worker(workspace, plan, lay_out)
    return await in_thread(read_suite, outcome, str(root))


async def run_in_setting(  # noqa: PLR0913 - all of it makes one run
    workspace: PythonWorkspace,
    functions: Collection[str],
    seconds: float,
    setting: PythonSetting,
    *,
    traced: bool = False,
    backwards: bool = False,
) -> SuiteAnswer:
    """Run some test functions on head under a setting and return the results.

    Args:
        workspace: PythonWorkspace to run in.
        functions: Ids of test functions or tests.
        seconds: Time limit for all of them.
        setting: Hash seed and time zone.
        traced: Whether to trace all source files.
        backwards: Whether to run them in reverse order.

    Raises:
        CannotRun: There is not enough space for a copy, or the sandbox could not start a process.
    """
    files = await in_thread(source_files, workspace.head.root) if traced else ()
    spans = [(path, 0, _LAST_LINE) for path in files]
    plan = _plan(spans, seconds, only=sorted(functions), backwards=backwards)
    outcome, root = await run_worker(workspace, plan, variables=_variables(setting))
    return await in_thread(read_suite, outcome, str(root))


def source_files(root: Path) -> list[str]:
    """Return the source files below a root that do not belong to tests, relative to it."""
    return sorted(path for path in _python_files(root) if not is_test(path))


def _python_files(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in islice(root.rglob("*.py"), _MOST_FILES)]


def _variables(setting: PythonSetting) -> dict[str, str]:
    return {"PYTHONHASHSEED": str(setting.hash_seed), "TZ": variable_of_zone(setting.time_zone)}


async def run_worker(
    workspace: PythonWorkspace,
    plan: Mapping[str, object],
    lay_out: LayOut = copy_for_own_tests,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> tuple[ProcessOutcome, Path]:
    """Run one plan of `worker/suite/main.py` in a new copy; return how it ended and the copy's root.

    Paths in the plan are relative to the git root. The variables of the test command have precedence.

    Raises:
        CannotRun: There is not enough space for a copy, or the sandbox could not start a process.
    """
    folder = workspace.new_folder("own")
    try:
        copy = await in_thread(lay_out, workspace, folder)
        limits = await in_thread(limits_of_own_tests, workspace.limits, plan["seconds"], copy.root)
        command = worker_command(
            workspace,
            "suite.main",
            copy=copy,
            folder=folder,
            stdin=json.dumps(_whole_plan(workspace, copy, plan)).encode(),
            variables={**variables, **dict(_call(workspace).variables)},
        )
        return await workspace.sandbox.run(command, limits), copy.root
    finally:
        await in_thread(remove_folder, folder)


def _call(workspace: PythonWorkspace) -> PytestCall:
    """Return the configured call of pytest, or a plain one if the test command needs a shell."""
    command = workspace.test_command
    return command if isinstance(command, PytestCall) else PLAIN_PYTEST


def limits_of_own_tests(limits: Limits, seconds: object, root: Path) -> Limits:
    """Return the limits for running the project's tests in a copy, whose size is added to the disk limit.

    Numeric libraries reserve much address space: with them, all tests together need more of it than one file.
    """
    size = sum(path.lstat().st_size for path in root.rglob("*"))
    return replace(
        limits,
        seconds=_SECONDS_TO_START + float(str(seconds)),
        output_bytes=_MOST_OUTPUT_BYTES,
        open_files=max(limits.open_files, _OPEN_FILES),
        reserves_memory=True,
        disk_bytes=limits.disk_bytes + size,
    )


def _whole_plan(
    workspace: PythonWorkspace, copy: ProjectCopy, plan: Mapping[str, object]
) -> dict[str, object]:
    call = _call(workspace)
    project = workspace.test_folder_in(copy) / call.folder
    roots = dict.fromkeys((*copy.source_roots, *(project / path for path in call.paths)))
    return {
        **plan,
        "root": str(copy.root),
        "project": str(project),
        "arguments": list(call.arguments),
        "roots": [str(root) for root in roots],
        "hidden": list(workspace.interpreter.hidden_modules),
        "owned": sorted(workspace.owned_modules),
        "refused": [str(folder.resolve()) for folder in workspace.refused_folders],
    }


class RecordedCall(NamedTuple):
    """A call that the project's tests made, as source text. Untrusted.

    Attributes:
        text: An expression.
        imports: Modules, and the names imported from them; an empty name to import the module itself.
    """

    text: str
    imports: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _SentCall:
    kind: Literal["call"]
    text: Annotated[str, MaxLen(_MOST_CALL_CHARACTERS)]
    imports: Annotated[tuple[tuple[str, str], ...], MaxLen(_MOST_IMPORTS)]


async def record_calls(workspace: PythonWorkspace, members: Sequence[Member]) -> list[RecordedCall]:
    """Run the project's tests that import or name a member, and return the calls that reach one.

    Returns:
        Distinct calls in the order in which they were made; none if the tests cannot be run.
    """
    seconds = workspace.recording_seconds
    if not members or seconds <= 0:
        return []
    spans = _spans([one for each in members for one in (each, *each.causes)])
    names = sorted({name for member in members for name in _names(member)})
    modules = sorted({member.module for member in members})
    files = await in_thread(source_files, workspace.head.root)
    own_names = _own_names(members)
    plan = _plan(spans, seconds, names=names, own_names=own_names, modules=modules, recorded=files)
    try:
        outcome, _ = await run_worker(workspace, plan)
    except CannotRun:
        return []
    sent, _ = decode_lines(_SentCall, outcome.stdout)
    return [RecordedCall(each.text, each.imports) for each in sent[:_MOST_RECORDED]]


_LEAST_A_PROCESS = 2
"""Fewer mutants are not worth a separate process and copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _TriedChange:
    kind: Literal["change"]
    module: Annotated[int, Ge(0)]
    number: int
    noticed: bool
    in_setup: Annotated[bool, OrElse(value=False)] = False


class TriedMutant(NamedTuple):
    """A mutant that was tried.

    Attributes:
        module: Key of its module.
        number: Its number there.
        is_killed: Whether a test failed.
        in_setup: Whether it failed in its fixtures.
    """

    module: str
    number: int
    is_killed: bool
    in_setup: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MutantsPlan:
    """The mutants that one process tries, each with the key of its module, such as the id of its member."""

    modules: Mapping[str, ChangedModules]
    changes: Sequence[tuple[str, ChangedModule]]

    def plan(
        self,
        seconds: float,
        functions: Mapping[int, Collection[str]] = MappingProxyType({}),
        files: Sequence[str] = (),
    ) -> dict[str, object]:
        """Return the worker plan.

        Args:
            seconds: Time limit.
            functions: Ids of the tests of audited functions, by number.
            files: The project's source files, for an audit.
        """
        keys = list(dict.fromkeys(key for key, _ in self.changes))
        asked = set(chain(*(change.tests for _, change in self.changes), *functions.values()))
        quick = dict.fromkeys(test for key in keys for test in self.modules[key].quickest if test in asked)
        tests = [*quick, *sorted(asked - quick.keys())]
        numbers = {test: number for number, test in enumerate(tests)}
        return {
            "seconds": seconds,
            "changes": {
                "tests": tests,
                "modules": [
                    {"path": self.modules[key].path, "source": self.modules[key].source} for key in keys
                ],
                "changes": [
                    {
                        "module": keys.index(key),
                        "number": change.number,
                        "edit": change.edit,
                        "function": change.function,
                        "tests": sorted(numbers[test] for test in change.tests),
                        "group": change.audited,
                        "optional": change.optional,
                    }
                    for key, change in self.changes
                ],
                "audit": {
                    "functions": [
                        [number, sorted(numbers[test] for test in ids)] for number, ids in functions.items()
                    ],
                    "files": list(files),
                },
            },
        }

    def read(self, outcome: ProcessOutcome) -> list[TriedMutant]:
        """Return the mutants that were tried."""
        keys = list(dict.fromkeys(key for key, _ in self.changes))
        asked = {(key, change.number) for key, change in self.changes}
        tried, _ = decode_lines(_TriedChange, outcome.stdout)
        return [
            TriedMutant(keys[one.module], one.number, one.noticed, one.in_setup)
            for one in tried
            if one.module < len(keys) and (keys[one.module], one.number) in asked
        ]


async def try_changes(
    workspace: PythonWorkspace, changed: Mapping[str, ChangedModules], seconds: float
) -> dict[str, dict[int, bool]]:
    """Run the project's tests against mutants in parallel; see `suite.changes_noticed`."""
    changes = [
        (member, change) for member, all_ in changed.items() for change in all_.changes if change.tests
    ]
    count = max(1, min(workspace.parallel, math.ceil(len(changes) / _LEAST_A_PROCESS)))
    parts = [MutantsPlan(modules=changed, changes=changes[start::count]) for start in range(count)]
    found: dict[str, dict[int, bool]] = {}
    for data in await gather(*(_tried(workspace, part, seconds) for part in parts if part.changes)):
        for one in data:
            found.setdefault(one.module, {})[one.number] = one.is_killed
    return found


async def _tried(workspace: PythonWorkspace, part: MutantsPlan, seconds: float) -> list[TriedMutant]:
    try:
        outcome, _ = await run_worker(workspace, part.plan(seconds))
    except CannotRun:
        return []
    return part.read(outcome)

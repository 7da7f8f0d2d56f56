"""Run test modules in `worker/serve.py` processes.

If a worker crashes or hangs, no other job loses its result: the job that was running is retried alone, and
the remaining jobs run in a new worker.
"""

from __future__ import annotations

import json
import marshal
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path

from testsmith.execution.jobs import ChangedModules, JobResult, TestJob, TracedMember
from testsmith.execution.sandbox.interface import CannotRun, Command, Limits, ProcessOutcome, shown
from testsmith.execution.workspace import (
    MOST_COPY_BYTES,
    ProjectCopy,
    is_small,
    remove_folder,
    writable_copy,
)
from testsmith.languages.python.running.answers import WorkerAnswer, read_answer
from testsmith.languages.python.running.inherited_results import (
    with_names_in_subclasses,
    with_names_of_owners,
)
from testsmith.languages.python.running.project_tests.copies import copy_of_base
from testsmith.languages.python.running.pytest_settings import without_strictness
from testsmith.languages.python.running.run_settings import PythonSetting
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.tasks import in_thread

_SOURCE = Path(__file__).parent / "worker"
_UNCHECKED = (0b01).to_bytes(4, "little")
"""Flags of a compiled file whose source is not looked at (PEP 552)."""


def install_workers(scratch: Path) -> Path:
    """Copy the worker programs into a scratch folder, to keep the bot's folders off the tests' import path.

    They are compiled there, because the sandboxed processes cannot keep compiled files. An interpreter of
    another version uses the sources.
    """
    folder = scratch / "worker"
    shutil.copytree(_SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path, compiled in _compiled_workers().items():
        place = Path(cache_from_source(folder / path))
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(compiled)
    return folder


@cache
def _compiled_workers() -> Mapping[str, bytes]:
    """Return the compiled worker programs by path; they are taken from where Python keeps them, if it does.

    They are marked as not to be checked against their source, because the copy has another time.
    """
    compiled = {}
    for path in sorted(_SOURCE.rglob("*.py")):
        code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)
        head = MAGIC_NUMBER + _UNCHECKED + source_hash(path.read_bytes())
        compiled[str(path.relative_to(_SOURCE))] = head + marshal.dumps(code)
    return compiled


def worker_command(  # noqa: PLR0913 - all of it makes one process
    workspace: PythonWorkspace,
    name: str,
    *,
    copy: ProjectCopy,
    folder: Path,
    stdin: bytes,
    variables: Mapping[str, str],
) -> Command:
    """Return the command that runs one program of `worker/`.

    Args:
        workspace: PythonWorkspace to run in.
        name: Module name of the program.
        copy: Copy of the project that the program may read.
        folder: Working folder, see `PythonWorkspace.new_folder`.
        stdin: Standard input.
        variables: Additional environment variables.
    """
    program = workspace.scratch / "worker" / "start.py"
    return Command(
        argv=(str(workspace.interpreter.path), "-s", str(program), name),
        folder=folder,
        readable=(copy.root, program.parent, *workspace.readable),
        variables={
            **process_variables(workspace.interpreter.path, folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **variables,
        },
        stdin=stdin,
        loopback=True,
    )


async def run_in_worker(  # noqa: PLR0913 - all of it makes one process
    workspace: PythonWorkspace,
    name: str,
    *,
    copy: ProjectCopy,
    plan: Mapping[str, object],
    variables: Mapping[str, str],
    limits: Limits,
    folder: Path | None = None,
) -> ProcessOutcome:
    """Run a plan in a worker; see `WorkerPool.run`.

    Args:
        workspace: PythonWorkspace to run in.
        name: Module name of the worker's program.
        copy: Copy of the project that it may read.
        plan: The plan.
        variables: Additional environment variables.
        limits: Limits of the plan.
        folder: Folder that the plan names, for a worker of its own; None for any worker.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    interpreter = workspace.interpreter
    key = (
        *(workspace.sandbox, name, copy.root, frozenset(variables.items()), workspace.readable),
        *(interpreter.path, interpreter.hidden_modules, interpreter.borrowed_folders),
        *(workspace.owned_modules, workspace.refused_folders),
    )

    def command() -> Command:
        own = folder or workspace.new_folder("worker")
        return worker_command(workspace, name, copy=copy, folder=own, stdin=b"", variables=variables)

    text = json.dumps({**plan, "output_bytes": limits.output_bytes}).encode()
    return await workspace.workers.run(None if folder else key, workspace.sandbox, command, text, limits)


_INSTEAD_OF_CGROUPS = {"SLURM_CPUS_ON_NODE": "2", "SLURM_MEM_PER_NODE": "1024"}
"""Processors and megabytes for DuckDB, which ends the process if it cannot open `/proc/self/cgroup`.

It looks there unless these are set. Landlock cannot allow a file of `/proc` to processes that start later.
Source: `DBConfig::GetSystemAvailableMemory` in https://github.com/duckdb/duckdb
"""


def process_variables(interpreter: Path, folder: Path) -> dict[str, str]:
    """Return the complete environment of a process; nothing is inherited from the bot."""
    programs = (str(interpreter.parent), "/usr/local/bin", "/usr/bin", "/bin")
    return {
        "PATH": os.pathsep.join(dict.fromkeys(programs)),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        # An interpreter built as a shared library may need this variable to find it.
        "LD_LIBRARY_PATH": str(interpreter.resolve().parent.parent / "lib"),
        "TZ": "UTC",
        **_INSTEAD_OF_CGROUPS,
    }


_MOST_OUTPUT_BYTES = 32 * 1024**2
_SECONDS_TO_START = 20.0
_SECONDS_A_JOB = 2.0


async def run_jobs(
    workspace: PythonWorkspace, setting: PythonSetting, jobs: Sequence[TestJob]
) -> dict[int, JobResult]:
    """Run jobs under one setting, in one process if possible, and return a result for each.

    A test that runs only in classes that inherit it has the name of its own class, in jobs and in results.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    results: dict[int, JobResult] = {}
    named = [with_names_in_subclasses(job) for job in jobs]
    batches = [[job for job in named if job.in_project is one] for one in (False, True)]
    batches = [batch for batch in batches if batch]
    while batches:
        batch = batches.pop()
        answer = await run_plan(workspace, setting, batch)
        results |= answer.results
        unfinished = [job for job in batch if job.number not in answer.results]
        if len(batch) == 1 or not answer.has_started:
            fault = JobResult(problem=answer.trouble, is_fault=not answer.has_started)
            results |= {job.number: fault for job in unfinished}
        else:
            batches += [part for part in (unfinished[1:], unfinished[:1]) if part]
    return {job.number: with_names_of_owners(job, results[job.number]) for job in jobs}


async def run_plan(
    workspace: PythonWorkspace, setting: PythonSetting, jobs: Sequence[TestJob]
) -> WorkerAnswer:
    """Run jobs in one worker and return its answer.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    if setting.other_python and workspace.other is not None:
        workspace = workspace.other
    copy = workspace.base if setting.on_base else workspace.head
    if copy is None:
        raise CannotRun("There is no base to run tests on.")
    takes_part = any(job.test_path and (job.in_project or setting.in_project_session) for job in jobs)
    folder = workspace.new_folder("run") if takes_part or setting.in_file else None
    tested = workspace.new_folder("base") if takes_part and setting.on_base else None
    try:
        if tested is not None:
            files = {job.test_path for job in jobs if job.test_path}
            copy = await in_thread(copy_of_base, workspace, tested, files)
        working_copy = None if folder is None else await in_thread(_working_copy, copy, folder)
        if setting.in_file and working_copy is None:
            raise CannotRun("The project is too large to copy again.")
        plan = _plan(workspace, copy if working_copy is None else working_copy, setting, jobs)
        if working_copy is not None:
            home = working_copy.source_roots[0]
            plan["working_copy"] = {
                "root": str(working_copy.root),
                "pristine": str(copy.root),
                "home": str(home),
            }
        limits = replace(workspace.limits, seconds=_seconds(jobs), output_bytes=_MOST_OUTPUT_BYTES)
        if working_copy is not None:
            limits = replace(limits, disk_bytes=limits.disk_bytes + MOST_COPY_BYTES)
        outcome = await run_in_worker(
            workspace,
            "serve",
            copy=copy,
            plan=plan,
            variables=setting.environment,
            limits=limits,
            folder=folder,
        )
    finally:
        for each in (folder, tested):
            if each is not None:
                await in_thread(remove_folder, each)
    return read_answer(outcome, {job.number for job in jobs})


def _working_copy(copy: ProjectCopy, folder: Path) -> ProjectCopy | None:
    """Copy the project into a working folder for a pytest session; return None if space is short."""
    if not is_small(copy.root):
        return None
    try:
        return writable_copy(copy, folder)
    except OSError:
        remove_folder(folder / "project")
        return None


def _seconds(jobs: Sequence[TestJob]) -> float:
    """Return a worker's time limit: enough for one job that hangs, and for all mutants."""
    longest = max((job.seconds for job in jobs), default=0.0)
    changed = sum(job.seconds for job in jobs if job.changed is not None)
    return _SECONDS_TO_START + 3 * longest + _SECONDS_A_JOB * len(jobs) + changed


def _plan(
    workspace: PythonWorkspace, copy: ProjectCopy, setting: PythonSetting, jobs: Sequence[TestJob]
) -> dict[str, object]:
    ini = workspace.pytest_ini
    return {
        "roots": [str(root) for root in copy.source_roots],
        "hidden": list(workspace.interpreter.hidden_modules),
        "owned": sorted(workspace.owned_modules),
        "refused": [str(folder.resolve()) for folder in workspace.refused_folders],
        "borrowed": [str(folder) for folder in workspace.interpreter.borrowed_folders],
        "ini": ini if setting.with_ini else without_strictness(ini),
        "place": setting.place,
        "instant": setting.instant,
        "working_copy": None,
        "seed": setting.order_seed or 0,
        "jobs": [_planned(copy, setting, job) for job in jobs],
    }


def _planned(copy: ProjectCopy, setting: PythonSetting, job: TestJob) -> dict[str, object]:
    traced = job.traced
    if job.changed is not None:
        return _planned_changes(copy, setting, job, job.changed)
    return {
        "number": job.number,
        "kind": "import" if job.is_import else "test",
        "code": job.code,
        "seconds": job.seconds,
        "order": setting.order_seed,
        "without": sorted(job.without),
        "alone": job.alone,
        "is_of_file": job.is_of_file,
        "test_path": job.test_path,
        "in_project": job.in_project,
        "with_own": setting.in_project_session,
        "apart": setting.apart,
        "twice": setting.twice,
        "own_calls": setting.own_calls,
        "span": None if traced is None else _span(copy, traced),
        "recorded": [_span(copy, one) for one in job.recorded],
    }


def _span(copy: ProjectCopy, member: TracedMember) -> dict[str, object]:
    return {"file": str(copy.root / member.path), "first": member.first, "last": member.last}


def _planned_changes(
    copy: ProjectCopy, setting: PythonSetting, job: TestJob, changed: ChangedModules
) -> dict[str, object]:
    return {
        "number": job.number,
        "kind": "mutants",
        "code": job.code,
        "seconds": job.seconds,
        "names": sorted(changed.names),
        "file": str(copy.root / changed.path),
        "source": changed.source,
        "direct": changed.direct,
        "in_file": setting.in_file,
        "test_path": job.test_path if job.in_project else None,
        "mutants": [{**asdict(change), "tests": sorted(change.tests)} for change in changed.changes],
    }


_MOST_SHOWN = 300
_PROGRAM = """\
import pathlib, runpy, sys
file = pathlib.Path(sys.argv[1], "test_suggested.py")
file.write_bytes(sys.stdin.buffer.read())
sys.path.insert(0, sys.argv[1])
sys.argv = ["python -m unittest", "test_suggested"]
runpy.run_module("unittest", run_name="__main__", alter_sys=True)
"""


async def trouble_under_unittest(
    workspace: PythonWorkspace, code: str, seconds: float, test_path: str | None = None
) -> str:
    """Return why a module's tests do not all pass under `python -m unittest`; empty if they do.

    Args:
        workspace: PythonWorkspace; the tests run on head.
        code: Text of the module.
        seconds: Time limit.
        test_path: Test file of the project to run it next to; None to run it in a folder of its own.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    folder = workspace.new_folder("unittest")
    try:
        copy = None if test_path is None else await in_thread(_working_copy, workspace.head, folder)
        place, home = folder, folder
        if copy is not None and test_path is not None:
            place, home = (copy.root / test_path).parent, copy.source_roots[0]
        command = Command(
            argv=(str(workspace.interpreter.path), "-c", _PROGRAM, str(place)),
            folder=folder,
            working_folder=home,
            readable=(workspace.head.root, *workspace.readable),
            variables={
                **process_variables(workspace.interpreter.path, folder),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": os.pathsep.join(map(str, (copy or workspace.head).source_roots)),
            },
            stdin=code.encode(),
        )
        outcome = await workspace.sandbox.run(
            command, replace(workspace.limits, seconds=_SECONDS_TO_START + seconds)
        )
    finally:
        await in_thread(remove_folder, folder)
    if outcome.exit_code == 0 and b"\nRan 0 tests" not in outcome.stderr:
        return ""
    if outcome.timed_out:
        return "it takes too long"
    last = " ".join(shown(outcome.stderr, _MOST_SHOWN).splitlines()[-1:])
    return outcome.exceeded or last or "it ends early"

"""Create the workspace: copies of head and base, an interpreter that can run tests, and a scratch folder.

Everything is in one private folder, which is always removed at the end.
"""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from testsmith.execution.jobs import PASSED, TestJob
from testsmith.execution.project_copy import CopyReport, bring_ignored_files, left_out_note, write_copy
from testsmith.execution.sandbox.interface import Limits, Sandbox
from testsmith.execution.tempdirs import ScratchFolder, remove_abandoned
from testsmith.execution.workspace import CannotPrepare, NotInstalled, ProjectCopy, WorkspaceOrder, copying
from testsmith.git.repository import Repository
from testsmith.git.trees import RepositoryTree
from testsmith.languages.python.running.answers import Greeting
from testsmith.languages.python.running.harness import install_workers, run_plan
from testsmith.languages.python.running.install.installed import with_installation
from testsmith.languages.python.running.install.installer import InstallOrder, install_project
from testsmith.languages.python.running.install.versions import version_of
from testsmith.languages.python.running.interpreter import (
    ChosenInterpreter,
    choose_interpreter,
    environment_home,
    hidden_modules,
    installed_folders,
    prefix_of,
    tracks_environment,
)
from testsmith.languages.python.running.project_tests.command import (
    ShellCommand,
    TestCommand,
    read_test_command,
)
from testsmith.languages.python.running.pytest_settings import pytest_ini, without_strictness
from testsmith.languages.python.running.python_version import (
    FittingPython,
    PythonWish,
    check_version,
    fitting_python,
    requires_python,
    version_of_program,
)
from testsmith.languages.python.running.run_settings import PLAIN
from testsmith.languages.python.running.source_roots import ignored_imports, source_roots, top_level_modules
from testsmith.languages.python.running.workspace import UNKNOWN_VERSION, Interpreter, PythonWorkspace
from testsmith.languages.python.source.projects import parts_of
from testsmith.languages.python.test_files.test_paths import TestFileNames
from testsmith.settings import VerificationSettings
from testsmith.tasks import in_thread

_TRIAL = TestJob(number=0, code="def test_nothing():\n    pass\n", seconds=20.0)
_MOST_RECORDING_SECONDS = 60.0


@asynccontextmanager
async def open_workspace(order: WorkspaceOrder) -> AsyncIterator[PythonWorkspace]:
    """Yield a workspace and remove it at the end.

    Raises:
        CannotIsolate: The required sandbox is not available here.
        CannotPrepare: The interpreter cannot run tests, or there is not enough space.
        UsageFailure: The interpreter given by the user does not exist.
        CannotRun: The sandbox could not start a process.
    """
    await in_thread(remove_abandoned)
    home = environment_home(order.repository, order.opened_folder)
    choice = choose_interpreter(
        order.settings.python,
        order.environment,
        home.root / home.project,
        installs=order.settings.installs,
        is_tracked=tracks_environment(home),
    )
    sandbox = await order.build_sandbox(choice.path)
    with ScratchFolder() as scratch:
        with copying():
            workspace = await in_thread(_lay_out, order, sandbox, scratch.path)
        if order.settings.installs:
            python = fitting_python(choice, _wish(order))
            installed = await install_project(_install_order(order, sandbox, python, scratch.path))
            workspace = await in_thread(with_installation, workspace, installed)
            notes = tuple(python.notes(choice))
            interpreter = Interpreter(
                path=installed.interpreter,
                version=python.version or UNKNOWN_VERSION,
                packages=installed.packages,
            )
        else:
            if order.settings.python_version is not None:
                check_version(choice, _wish(order))
            notes = (choice.note,) if choice.note else ()
            interpreter = await in_thread(_chosen, choice, workspace.head.source_roots)
        workspace = replace(workspace, interpreter=interpreter, notes=(*workspace.notes, *notes))
        try:
            yield await _tried(workspace)
        finally:
            await workspace.workers.close()


def _chosen(choice: ChosenInterpreter, roots: Sequence[Path]) -> Interpreter:
    """Return what is known about the chosen interpreter before running it."""
    prefix = prefix_of(choice.path)
    return Interpreter(
        path=choice.path,
        version=version_of_program(choice.path) or UNKNOWN_VERSION,
        hidden_modules=hidden_modules(prefix, roots),
        packages=installed_folders(prefix),
    )


def _wish(order: WorkspaceOrder) -> PythonWish:
    """Return the required Python version; an interpreter given by the user counts as a requirement."""
    is_named = order.settings.python is not None
    return PythonWish(
        asked=order.settings.python_version,
        requires="" if is_named else requires_python(order.head, order.repository.project),
        environment=order.environment,
    )


def _install_order(
    order: WorkspaceOrder, sandbox: Sandbox, python: FittingPython, scratch: Path
) -> InstallOrder:
    return InstallOrder(
        sandbox=sandbox,
        interpreter=python.choice.path,
        python_version=python.fetched,
        tree=order.head,
        project=order.repository.project,
        base=order.base,
        version=version_of(order.repository),
        scratch=scratch,
        environment=order.environment,
        setup_command=order.settings.setup_command,
        setup_folder=order.opened_folder,
        seconds=order.settings.install_seconds,
        environments=order.environments,
    )


def _lay_out(order: WorkspaceOrder, sandbox: Sandbox, scratch: Path) -> PythonWorkspace:
    """Write everything into the scratch folder; the interpreter is still unknown."""
    install_workers(scratch)
    repository = order.repository
    ignored = ignored_imports(repository, repository.project)
    head, head_report = _copied(repository, order.head, ignored, scratch / "head")
    base, base_report = (
        (None, CopyReport())
        if order.base is None
        else _copied(repository, order.base, ignored, scratch / "base")
    )
    roots = [*head.source_roots, *(base.source_roots if base else ())]
    ini = pytest_ini(order.head, repository.project)
    notes = (ini.note, left_out_note({*head_report.refused, *base_report.refused}))
    test_command = read_test_command(order.settings.test_command)
    return PythonWorkspace(
        head=head,
        base=base,
        interpreter=Interpreter(path=Path(), version=UNKNOWN_VERSION),
        scratch=scratch,
        sandbox=sandbox,
        limits=Limits(memory_bytes=order.settings.memory_bytes),
        pytest_ini=ini.text,
        test_file_names=TestFileNames.of(order.head),
        parallel=order.settings.parallel,
        owned_modules=top_level_modules(roots),
        refused_folders=(repository.root.resolve(),),
        notes=tuple(note for note in notes if note),
        test_command=test_command,
        test_folder=_test_folder(order, test_command),
        recording_seconds=_recording_seconds(order.settings, test_command),
    )


def _test_folder(order: WorkspaceOrder, command: TestCommand) -> str:
    """Return the folder of the test command: the opened one if it may name files relative to it."""
    project, opened = order.repository.project, order.opened_folder
    if isinstance(command, ShellCommand) or project == opened:
        return opened
    arguments = (word.partition("::")[0] for word in command.arguments if not word.startswith("-"))
    named = [name for name in (command.folder, *command.paths, *arguments) if name]
    is_of_opened = any(_has(order.head, opened, one) and not _has(order.head, project, one) for one in named)
    return opened if is_of_opened else project


def _has(tree: RepositoryTree, folder: str, name: str) -> bool:
    place = posixpath.normpath(posixpath.join(folder, name))
    return any(path == place or path.startswith(f"{place}/") for path in tree.paths())


def _recording_seconds(settings: VerificationSettings, command: TestCommand) -> float:
    """Return how long the project's tests may run once more for their calls; 0 if they are not to be run."""
    is_run = settings.coverage is None and not isinstance(command, ShellCommand)
    return min(settings.suite_seconds, _MOST_RECORDING_SECONDS) if is_run else 0.0


def _copied(
    repository: Repository, tree: RepositoryTree, ignored: tuple[str, ...], folder: Path
) -> tuple[ProjectCopy, CopyReport]:
    folder.mkdir()
    report = write_copy(tree, folder)
    bring_ignored_files(repository.root, ignored, folder)
    folders = (repository.project, *parts_of(tree, repository.project))
    roots = [root for one in folders for root in source_roots(folder, one)]
    return ProjectCopy(root=folder, source_roots=tuple(roots)), report


async def _tried(workspace: PythonWorkspace) -> PythonWorkspace:
    """Run the interpreter, first under the project's strictness, and store what it reports in the workspace.

    Installed packages could print anything in its name, so it cannot set paths or change a known version.

    Raises:
        CannotPrepare: It cannot run tests, or reports another version.
    """
    interpreter = workspace.interpreter
    greeting, passed = await _trial(workspace)
    if interpreter.version not in {UNKNOWN_VERSION, greeting.version}:
        raise CannotPrepare(
            "{} is Python {}.{}, but what runs in it says Python {}.{}: an installed package interferes; "
            "choose another interpreter with --python.".format(
                interpreter.path, *interpreter.version, *greeting.version
            )
        )
    interpreter = replace(interpreter, version=greeting.version, locale=next(iter(greeting.locales), ""))
    workspace = replace(workspace, interpreter=interpreter)
    plain = without_strictness(workspace.pytest_ini)
    if passed or workspace.pytest_ini == plain:
        return workspace
    note = f"{interpreter.path} cannot use the project's pytest settings: the tests ran without them"
    return replace(workspace, pytest_ini=plain, notes=(*workspace.notes, note))


async def _trial(workspace: PythonWorkspace) -> tuple[Greeting, bool]:
    """Run a test that always passes; return the interpreter's report and whether the test passed.

    Raises:
        CannotPrepare: It cannot run tests.
    """
    answer = await run_plan(workspace, PLAIN, [_TRIAL])
    path = workspace.interpreter.path
    if answer.greeting is None:
        raise CannotPrepare(
            f"{path} could not be used ({answer.trouble}). Choose an interpreter with --python that is "
            f"Python 3.9 or newer and has pytest."
        )
    if not answer.greeting.pytest:
        raise _without_pytest(workspace, answer.greeting.problem)
    result = answer.results.get(0)
    return answer.greeting, result is not None and [r.status for r in result.functions.values()] == [PASSED]


def _without_pytest(workspace: PythonWorkspace, problem: str | None) -> CannotPrepare:
    own = sorted({"pytest", "_pytest"} & workspace.owned_modules)
    if own:
        return CannotPrepare(
            f"The project's own module `{own[0]}` hides pytest ({problem}). Rename it, or no test can run."
        )
    path = workspace.interpreter.path
    reason = f"could not import pytest with {path} ({problem})."
    if path.is_relative_to(workspace.scratch):  # it was installed for this run
        advice = "Choose another Python with --python-version, or another pytest with --setup-command."
        return CannotPrepare(f"{reason} {advice}")
    advice = "Run again with --install, install pytest there, or choose another interpreter with --python."
    return NotInstalled(f"{reason} {advice}")

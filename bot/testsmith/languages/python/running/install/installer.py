"""Install the project and what its tests need into a new environment, inside the sandbox.

Building a project runs its code, so everything happens in a copy, with the sandbox's user and layers. The
network is open for this step only. The result is as untrusted as the project, and the tests run in the
sandbox, too.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from testsmith.execution.installation import INSTALL_LIMITS, index_variables, keep_what_was_made
from testsmith.execution.package_index import (
    PackageIndexAccess,
    index_access,
    is_set,
    uv_program,
)
from testsmith.execution.project_copy import write_copy
from testsmith.execution.sandbox.interface import Command, ProcessOutcome, Sandbox
from testsmith.execution.shell import in_folder, last_words, shell_command
from testsmith.execution.workspace import CannotPrepare
from testsmith.git.trees import RepositoryTree
from testsmith.languages.python.running.install.dependencies import (
    UV_LOCK,
    TestDependencies,
    read_test_dependencies,
)
from testsmith.languages.python.running.install.environment_cache import CachedEnvironment, key_of
from testsmith.languages.python.running.install.installed import Installed
from testsmith.languages.python.running.install.requirements import Declared, normal
from testsmith.languages.python.running.install.versions import version_variables, write_versions
from testsmith.languages.source import SourceTree
from testsmith.tasks import in_thread

_UV, _FETCHED = "tools/uv", "python"
_PROGRAM = re.compile(r"python3\.\d+")
_EXPORT = ("export", "--frozen", "--no-hashes", "--no-emit-workspace", "--no-annotate", "--no-header")
_SYNC = ("sync", "--frozen", "--no-editable", "--inexact", "--no-python-downloads")
# Resolve the interpreter inside the sandbox, where another one may be used instead.
_UV_VENV = """
import os, sys
os.execv(sys.argv[1], [sys.argv[1], "venv", "--no-project", "--python", sys.executable, sys.argv[2]])
"""
_WITH_PROJECT, _WITHOUT_PROJECT, _SETS = "with.txt", "without.txt", "sets.txt"
_PROJECT, _DEPENDENCIES = "project.txt", "dependencies.txt"
_PYTEST, _CONSTRAINTS, _LOCKED = "pytest.txt", "constraints.txt", "locked.txt"
_SIBLINGS, _NAMED_SIBLINGS = "siblings.txt", "named-siblings.txt"
_TRIAL_FILE = "test_trial.py"
_NOT_LOCKED = "Could not install the versions in {}, so others may be installed"
_REUSED = "installed by an earlier run (`testsmith cache clear` removes it)"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOrder:
    """What to install, with what, and where.

    Attributes:
        sandbox: Runs all commands.
        interpreter: Python to create the environment from.
        tree: Files of head.
        project: The project's folder, relative to the git root; empty for the root.
        version: Version to report to the build, because the copy has no git history.
        scratch: Private folder of the bot that contains the environment.
        environment: Environment variables of the bot, used to find the package index.
        setup_command: Shell command to run instead of installing according to metadata, if any.
        setup_folder: Folder to run it in, relative to the git root.
        base: Files of base, of which workflows are read; None to use head's.
        python_version: Python version to download for the environment, for example `3.12`; None to use
            `interpreter`.
        seconds: Time limit for everything.
        environments: Folder where environments are kept between runs; None to keep none.
    """

    sandbox: Sandbox
    interpreter: Path
    tree: RepositoryTree
    project: str
    version: str
    scratch: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    base: SourceTree | None = None
    setup_command: str | None = None
    setup_folder: str = ""
    python_version: str | None = None
    seconds: float = 300.0
    environments: Path | None = None


async def install_project(order: InstallOrder) -> Installed:
    """Install a project and what its tests need. If it cannot be built, install only its dependencies.

    A setup command, if any, replaces all of this.

    Raises:
        CannotPrepare: Not even the dependencies can be installed; the message contains the last output.
        CannotRun: The sandbox could not start a process.
    """
    place = order.scratch / "installation"
    needs = await in_thread(read_test_dependencies, order.tree, order.project, order.base)
    access = index_access(order.environment)
    cached = await in_thread(_cached_environment, order, needs, access)
    notes = None if cached is None else await in_thread(cached.restore, place)
    if notes is not None:
        return Installed(interpreter=_python_in(place), built=place / "project", notes=(*notes, _REUSED))
    try:
        variables = await in_thread(_lay_out, order, place, needs, access)
    except OSError as error:
        raise CannotPrepare(f"Could not copy the project to install it ({error.strerror}).") from error
    installation = _Installation(order, place, variables, access.tcp_ports)
    try:
        notes = await installation.carry_out(needs)
        installation.check_place()
    finally:
        await in_thread(keep_what_was_made, place, {"environment", "project", _FETCHED})
    stripped = (
        f"installed without possibly private settings: {', '.join(access.stripped)}"
        if access.stripped
        else ""
    )
    notes = tuple(filter(None, (*notes, stripped)))
    if cached is not None and not await in_thread(_has_siblings, place, needs):
        await in_thread(cached.keep, place, notes)
    return Installed(
        interpreter=installation.python,
        built=place / "project",
        fetched=None if order.python_version is None else place / _FETCHED,
        notes=notes,
    )


def _has_siblings(place: Path, needs: TestDependencies) -> bool:
    """Return whether other projects of the repository were installed: their code is not in the key."""
    found = (place / "environment").glob("lib/python3*/site-packages/*.dist-info")
    installed = {normal(folder.name.partition("-")[0]) for folder in found}
    return not installed.isdisjoint(normal(one.name) for one in needs.siblings)


def _python_in(place: Path) -> Path:
    return place / "environment" / "bin" / "python"


def _cached_environment(
    order: InstallOrder, needs: TestDependencies, access: PackageIndexAccess
) -> CachedEnvironment | None:
    """Return the cached environment for an order; None if it cannot be kept.

    What a setup command does, and a Python that was fetched, may be outside the environment.
    """
    if order.environments is None or order.setup_command is not None or order.python_version is not None:
        return None
    parts = {
        "interpreter": (str(order.interpreter.resolve()), order.interpreter.stat().st_mtime_ns),
        "project": order.project,
        "version": order.version.partition(".post")[0],
        "needs": needs,
        "index": sorted(access.variables.items()),
    }
    return CachedEnvironment(folder=order.environments / key_of(order.tree, parts))


def _lay_out(
    order: InstallOrder, place: Path, needs: TestDependencies, access: PackageIndexAccess
) -> dict[str, str]:
    """Write all input files before anything runs; return the environment variables."""
    for name in ("project", "home", "tmp", "files", "tools"):
        (place / name).mkdir(parents=True)
    shutil.copyfile(uv_program(), place / _UV)
    (place / _UV).chmod(0o755)
    write_copy(order.tree, place / "project")
    write_versions(order.tree, place / "project", order.version)
    for name, lines in _lists(needs).items():
        _write_lines(place / "files" / name, lines)
    siblings = {
        one: f"{one.name}{_brackets(one.extras)} @ {(place / 'project' / one.folder).as_uri()}"
        for one in needs.siblings
    }
    _write_lines(place / "files" / _SIBLINGS, siblings.values())
    named = (text for one, text in siblings.items() if one.is_named)
    _write_lines(place / "files" / _NAMED_SIBLINGS, named)
    (place / "files" / _TRIAL_FILE).write_text("def test_nothing():\n    pass\n")
    return {
        **_own_variables(order, place),
        **version_variables(order.version),
        **index_variables(access, place / "files"),
    }


def _lists(needs: TestDependencies) -> dict[str, tuple[str, ...]]:
    """Return all requirement lists that may be installed, by file name."""
    for_tests = ("pytest", *(text for one in needs.sets for text in one.requirements))
    apart: dict[str, tuple[str, ...]] = {}
    for number, one in enumerate(needs.sets):
        for with_project in (True, False):
            apart[_set_file(number, with_project=with_project)] = _set_lines(one, with_project=with_project)
    return {
        _WITH_PROJECT: (f".{_brackets(needs.extras)}", *for_tests),
        _WITHOUT_PROJECT: (*for_tests, *needs.dependencies, *needs.plain),
        _SETS: for_tests,
        _PROJECT: (".", "pytest"),
        _PYTEST: ("pytest",),
        _DEPENDENCIES: ("pytest", *needs.dependencies, *needs.plain),
        _CONSTRAINTS: tuple(text for one in needs.sets for text in one.constraints),
        _LOCKED: needs.locked.pins if needs.locked else (),
        **apart,
    }


def _set_file(number: int, *, with_project: bool) -> str:
    """Return the file name of one set's requirements, with or without the project's extras."""
    return f"set{number}{'-with' if with_project else ''}.txt"


def _set_lines(one: Declared, *, with_project: bool) -> tuple[str, ...]:
    """Return one set's requirements, with or without the project's extras."""
    own = (f".{_brackets(one.extras)}",) if one.extras and with_project else ()
    return (*own, *one.requirements)


def _brackets(extras: tuple[str, ...]) -> str:
    return f"[{','.join(extras)}]" if extras else ""


def _write_lines(file: Path, texts: Iterable[str]) -> None:
    lines = (line for text in texts for line in text.splitlines())
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="replace")


def _own_variables(order: InstallOrder, place: Path) -> dict[str, str]:
    environment = place / "environment"
    return {
        "PATH": os.pathsep.join(
            (f"{environment}/bin", f"{place}/tools", "/usr/local/bin", "/usr/bin", "/bin")
        ),
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        # An interpreter built as a shared library may need this variable to find it.
        "LD_LIBRARY_PATH": str(order.interpreter.resolve().parent.parent / "lib"),
        "VIRTUAL_ENV": str(environment),
        "UV_PROJECT_ENVIRONMENT": str(environment),
        # Otherwise uv replaces the environment by one of the Python that `.python-version` names.
        "UV_PYTHON": str(environment / "bin" / "python"),
        "UV_PYTHON_INSTALL_DIR": str(place / _FETCHED),
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def _programs(folder: Path) -> list[Path]:
    """Return the Pythons that were downloaded into a folder."""
    found = [path for path in folder.glob("*/bin/python3.*") if _PROGRAM.fullmatch(path.name)]
    return sorted(path for path in found if path.resolve().is_relative_to(folder))


class _Installation:
    """One installation: a sequence of commands with a common time limit."""

    def __init__(
        self, order: InstallOrder, place: Path, variables: Mapping[str, str], tcp_ports: tuple[int, ...]
    ) -> None:
        self._order = order
        self._tcp_ports = tcp_ports
        self._place = place
        self._variables = variables
        self._deadline = time.monotonic() + order.seconds
        self._base = order.interpreter
        self._failed = ""
        self._with_siblings = False
        self._knows_locked = False
        self._unlocked = ""
        self._is_slow = False
        self.python = _python_in(place)

    async def carry_out(self, needs: TestDependencies) -> tuple[str, ...]:
        """Create the environment and install into it; return notes for the report."""
        if self._order.python_version is not None:
            self._base = await self._fetch_python(self._order.python_version)
        if self._order.setup_command is not None:
            await self._make_environment("-m", "venv")
            return await self._set_up(self._order.setup_command)
        await self._make_environment("-c", _UV_VENV, str(self._place / _UV))
        self._knows_locked = needs.locked is not None
        notes = await self._install(needs)
        if needs.locked is not None and self._unlocked:
            notes = (*notes, f"{_NOT_LOCKED.format(needs.locked.file)}: {self._unlocked}")
        return (*notes, *await self._with_a_working_pytest(), *needs.notes)

    async def _install(self, needs: TestDependencies) -> tuple[str, ...]:
        """Install in the best way that works; return notes on what failed."""
        notes: list[str] = []
        if needs.is_locked:
            done = await self._sync(needs)
            data = await self._siblings_first(needs, _SETS, _PYTEST) if done.exit_code == 0 else None
            if data is not None:
                return data
            notes.append(f"{_NOT_LOCKED.format(UV_LOCK)}: {self._failed or _said(done)}")
            self._knows_locked = await self._export(needs)
        if needs.is_package:
            data = await self._siblings_first(needs, _WITH_PROJECT, _PROJECT)
            if data is not None:
                return (*notes, *data)
            notes.append(f"Could not install the project itself, only its dependencies: {self._failed}")
        data = await self._siblings_first(needs, _WITHOUT_PROJECT, _DEPENDENCIES)
        if data is not None:
            return (*notes, *data)
        raise CannotPrepare(
            f"Could not install the test dependencies ({self._failed}). Fix them, set --setup-command, or "
            f"choose an environment that has them with --python.{''.join(f' {note}' for note in notes)}"
        )

    async def _siblings_first(
        self, needs: TestDependencies, whole: str, first: str
    ) -> tuple[str, ...] | None:
        """Install with the other projects of the repository; if that fails, with packages of their names."""
        failed = ""
        if needs.siblings:
            self._with_siblings = True
            data = await self._together_or_apart(needs, whole, first)
            if data is not None:
                return data
            failed = self._failed
        self._with_siblings = False
        data = await self._together_or_apart(needs, whole, first)
        if data is None or not failed:
            return data
        what = "Could not install other projects of this repository, so packages of the same name may be used"
        return (f"{what}: {failed}", *data)

    async def _together_or_apart(
        self, needs: TestDependencies, whole: str, first: str
    ) -> tuple[str, ...] | None:
        """Install everything for the tests; if that fails, set by set, and one by one if a set fails.

        A package without a wheel may take longer to build than there is time: only `first` may take all that
        is left, and after an attempt that took too long, wheels are tried first.

        Args:
            needs: What to install.
            whole: Requirements file with everything.
            first: Requirements file that is installed in any case.

        Returns:
            A note for each requirement that was left out; None if `first` cannot be installed.
        """
        done = await self._pip(("-r", self._file(whole)), share=0.7, builds=False)
        if done.exit_code == 0:
            return ()
        done = await self._pip(("-r", self._file(first)))
        if done.exit_code != 0:
            self._failed = _said(done)
            return None
        notes: list[str] = []
        with_project = first == _PROJECT
        for number, one in enumerate(needs.sets):
            file = self._file(_set_file(number, with_project=with_project))
            done = await self._pip(("-r", file), share=0.5, builds=False)
            lines = _set_lines(one, with_project=with_project)
            if done.exit_code != 0 and len(lines) > 1:
                notes += [note async for note in self._one_by_one(lines, one.source)]
            elif done.exit_code != 0:
                notes.append(f"Could not install the dependencies in {one.source}: {_said(done)}")
        return tuple(notes)

    async def _one_by_one(self, requirements: Iterable[str], source: str) -> AsyncIterator[str]:
        """Install requirements one after another, while there is time; yield a note for each that fails."""
        for requirement in requirements:
            if time.monotonic() > self._deadline:
                yield f"Could not install {requirement} and what follows it in {source}: no time was left"
                return
            done = await self._pip((requirement,), share=0.25)
            if done.exit_code != 0:
                yield f"Could not install {requirement}, a dependency in {source}: {_said(done)}"

    def _file(self, name: str) -> str:
        return str(self._place / "files" / name)

    async def _with_a_working_pytest(self) -> tuple[str, ...]:
        """Install the newest pytest if the installed one or one of its plugins does not work.

        Old plugins import `py`, which pytest no longer depends on, and a plugin that is too old breaks any
        pytest.
        """
        problem = await self._pytest_problem()
        if problem is None:
            return ()
        installed = []
        for name in ("pytest", "py"):
            self.check_place()
            done = await self._run_in_project((*self._uv_pip, "--upgrade", name))
            installed += [name] if done.exit_code == 0 else []
        if await self._pytest_problem() is not None:
            return ()  # the problem is reported when the workspace is opened and when the project's tests run
        what = f"pytest does not work in the version that the project requires ({problem})"
        return (f"{what}: installed the newest {' and '.join(installed)}",)

    async def _pytest_problem(self) -> str | None:
        """Return why pytest cannot run a test that always passes, in one line; None if it can."""
        self.check_place()
        folder = str(self._place / "files")
        alone = ("-c", os.devnull, "--rootdir", folder, "--confcutdir", folder, "-p", "no:cacheprovider")
        run = (str(self.python), "-m", "pytest", *alone, f"{folder}/{_TRIAL_FILE}")
        done = await self._run(run, network=False)
        return None if done.exit_code == 0 else _said(done).rpartition("\n")[2].removeprefix("E ").strip()

    async def _fetch_python(self, version: str) -> Path:
        """Download a Python with uv; return its executable."""
        command = (str(self._place / _UV), "python", "install", "--no-bin", version)
        done = await self._run(in_folder(self._base, self._place, command), network=True)
        found = await in_thread(_programs, self._place / _FETCHED)
        if done.exit_code != 0 or not found:
            raise CannotPrepare(
                f"Python {version}, the version for the tests, is not installed and could not be "
                f"downloaded ({_said(done)}). Allow the download, choose an installed version with "
                f"--python-version, or an interpreter with --python."
            )
        return found[0]

    async def _set_up(self, text: str) -> tuple[str, ...]:
        """Run the setup command; install pytest if the command did not."""
        folder = self._place / "project" / self._order.setup_folder
        done = await self._run(in_folder(self.python, folder, (*shell_command(), text)), network=True)
        if done.exit_code != 0:
            raise CannotPrepare(
                f"The setup command failed ({_said(done)}). It runs in a shell in the opened folder, "
                f"with a new virtual environment first on PATH and without secrets."
            )
        self.check_place()
        if await in_thread(_has_pytest, self.python.parent.parent):
            return ()
        done = await self._run_in_project((*self._uv_pip, "pytest"))
        if done.exit_code != 0:
            raise CannotPrepare(
                f"The setup command did not install pytest, and pytest could not be installed "
                f"({_said(done)}). Install pytest in the setup command."
            )
        return ("pytest was installed, because the setup command did not install it",)

    def check_place(self) -> None:
        """Check that the environment is still the folder that was created.

        Raises:
            CannotPrepare: A build replaced it with a link, which would expose other files.
        """
        if self.python.parent.resolve() != self.python.parent:
            raise CannotPrepare("The project's build replaced the environment.")

    async def _make_environment(self, *program: str) -> None:
        arguments = ("-I", *program, str(self.python.parent.parent))
        done = await self._run((str(self._base), *arguments), network=False)
        if done.exit_code != 0:
            raise CannotPrepare(
                f"{self._base} could not create a virtual environment ({_said(done)}). Choose another "
                f"interpreter with --python, or leave out --install. A setup command also needs the "
                f"module ensurepip (on Debian: apt install python3-venv)."
            )

    @property
    def _uv_pip(self) -> tuple[str, ...]:
        """Command that installs into the environment."""
        no_index = ("--no-index",) if is_set(self._variables, "PIP_NO_INDEX") else ()
        return (str(self._place / _UV), "pip", "install", "--python", str(self.python), *no_index)

    async def _sync(self, needs: TestDependencies) -> ProcessOutcome:
        """Install from uv's lock file."""
        self.check_place()
        return await self._run_in_project((str(self._place / _UV), *_SYNC, *_chosen(needs)))

    async def _export(self, needs: TestDependencies) -> bool:
        """Write the versions of uv's lock file, without packages that are not from an index, to a file."""
        export = shlex.join((str(self._place / _UV), *_EXPORT, *_chosen(needs)))
        locked = shlex.quote(str(self._place / "files" / _LOCKED))
        done = await self._run_in_project((*shell_command(), f"{export} | grep '^[^ ]*==' > {locked}"))
        return done.exit_code == 0

    async def _pip(self, what: tuple[str, ...], *, share: float = 1.0, builds: bool = True) -> ProcessOutcome:
        """Install requirements, in the locked versions if they are known and can be installed.

        After an installation that took too long, wheels of any version are tried before that.

        Args:
            what: The requirements, or the option for a file of them.
            share: How much of the time that is left it may take.
            builds: Whether to build packages even after an installation that took too long.
        """
        if self._is_slow:
            done = await self._pip_with(*what, "--only-binary", ":all:", share=share)
            if done.exit_code == 0 or not builds:
                return done
        if self._knows_locked:
            done = await self._pip_with(*what, "-c", self._file(_LOCKED), share=share)
            if done.exit_code == 0:
                return done
            without = await self._pip_with(*what, share=share)
            if without.exit_code == 0:
                self._unlocked = _said(done)
            return without
        return await self._pip_with(*what, share=share)

    async def _pip_with(self, *arguments: str, share: float) -> ProcessOutcome:
        self.check_place()
        named = [*arguments, "-c", self._file(_CONSTRAINTS)]
        if self._with_siblings:
            named += ["-r", self._file(_NAMED_SIBLINGS), "--override", self._file(_SIBLINGS)]
        done = await self._run_in_project((*self._uv_pip, *named), share=share)
        self._is_slow = self._is_slow or done.timed_out
        return done

    async def _run_in_project(self, argv: tuple[str, ...], *, share: float = 1.0) -> ProcessOutcome:
        project = self._place / "project" / self._order.project
        return await self._run(in_folder(self.python, project, argv), network=True, share=share)

    async def _run(self, argv: tuple[str, ...], *, network: bool, share: float = 1.0) -> ProcessOutcome:
        left = max((self._deadline - time.monotonic()) * share, 1.0)
        command = Command(
            argv=argv,
            folder=self._place,
            variables=self._variables,
            network=network,
            tcp_ports=self._tcp_ports,
        )
        return await self._order.sandbox.run(command, replace(INSTALL_LIMITS, seconds=left))


def _chosen(needs: TestDependencies) -> tuple[str, ...]:
    """Return uv's options for the extras and dependency groups that the tests need."""
    extras = [part for extra in needs.extras for part in ("--extra", extra)]
    groups = [part for group in needs.groups for part in ("--group", group)]
    return (*extras, *groups)


def _said(done: ProcessOutcome) -> str:
    return last_words(done, "install-seconds")


def _has_pytest(environment: Path) -> bool:
    return any(environment.glob("lib/python3*/site-packages/pytest/__init__.py"))

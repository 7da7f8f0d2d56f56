"""Choose the Python version that the tests run on, and another installed version for a second run.

Nothing is installed for the second interpreter: it borrows missing packages from the main environment if they
can be loaded there. If a project does not declare which versions it supports, there is no second run.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten

from testsmith.execution.jobs import PASSED, TestJob
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.sandbox.isolated import for_interpreter
from testsmith.execution.workspace import CannotPrepare
from testsmith.languages.python.running.harness import run_plan
from testsmith.languages.python.running.interpreter import ChosenInterpreter
from testsmith.languages.python.running.run_settings import PLAIN, PythonSetting
from testsmith.languages.python.running.workspace import Interpreter, PythonWorkspace
from testsmith.languages.python.source.projects import read_toml
from testsmith.languages.source import SourceTree

_MINORS = range(9, 16)
_FOLDERS = (Path("/usr/local/bin"), Path("/usr/bin"))
_MOST_TRIED = 3
_MOST_MODULES = 10
_MOST_BYTES = 256 * 1024
_MOST_CHARACTERS = 120
_ELF = b"\x7fELF"
_SECONDS = 10.0
_TEST = TestJob(number=0, code="def test_nothing():\n    pass\n", seconds=_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPythonOrder:
    """Requirements on another interpreter.

    Attributes:
        environment: Environment variables of the bot; PATH is searched.
        requires: Version specifier of the project, for example `>=3.10`; empty if not declared.
        modules: Modules that it must be able to load.
        setting: The run that will use it. It is tried under the same variables, so that the worker process of
            the trial can take the run as well.
    """

    environment: Mapping[str, str]
    requires: str
    modules: Sequence[str]
    setting: PythonSetting = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInterpreter:
    """An installed interpreter."""

    path: Path
    version: tuple[int, int]

    def __str__(self) -> str:
        return f"Python {self.version[0]}.{self.version[1]} at {self.path}"


async def with_other_python(workspace: PythonWorkspace, order: OtherPythonOrder) -> PythonWorkspace:
    """Add the oldest other interpreter that the project supports and that can run the tests.

    If there are candidates but none can be used, a note says why.
    """
    folders = (*(Path(entry) for entry in order.environment.get("PATH", "").split(os.pathsep)), *_FOLDERS)
    version = workspace.interpreter.version
    found = [one for one in interpreters_in(folders) if one.version != version]
    reasons: list[str] = []
    for one in allowed(found, order.requires)[:_MOST_TRIED]:
        other = await _tried(workspace, one, order)
        if isinstance(other, PythonWorkspace):
            return replace(workspace, other=other)
        reasons.append(f"{one} ({other})")
    if not reasons:
        return workspace
    note = f"no test ran on another interpreter, although the project supports others: {'; '.join(reasons)}"
    return replace(workspace, notes=(*workspace.notes, note))


async def _tried(
    workspace: PythonWorkspace, found: FoundInterpreter, order: OtherPythonOrder
) -> PythonWorkspace | str:
    """Return the workspace with another interpreter, or why that interpreter cannot be used."""
    packages = workspace.interpreter.packages
    interpreter = Interpreter(
        path=found.path,
        version=found.version,
        hidden_modules=workspace.interpreter.hidden_modules,
        borrowed_folders=packages,
    )
    try:
        other = replace(
            workspace,
            interpreter=interpreter,
            sandbox=await for_interpreter(workspace.sandbox, found.path),
            readable=(*workspace.readable, *packages),
        )
        return await _trouble(other, found, order) or other
    except CannotRun as error:
        return str(error)


async def _trouble(workspace: PythonWorkspace, found: FoundInterpreter, order: OtherPythonOrder) -> str:
    """Return why tests of the members cannot be run; empty if they can."""
    imports = [
        TestJob(number=number, code=module, seconds=_SECONDS, is_import=True)
        for number, module in enumerate(order.modules[:_MOST_MODULES], start=1)
    ]
    answer = await run_plan(workspace, replace(order.setting, place=""), [_TEST, *imports])
    if not answer.has_started or answer.greeting is None:
        return f"it cannot run tests: {answer.trouble}"
    if answer.greeting.version != found.version:
        return "its version differs from its name"
    problems = [answer.results[job.number].problem for job in imports if job.number in answer.results]
    if len(problems) < len(imports) or any(problems):
        problem = next(filter(None, problems), answer.trouble)
        return f"it cannot load the project: {shorten(problem, _MOST_CHARACTERS, placeholder='…')}"
    first = answer.results.get(0)
    passes = first is not None and [one.status for one in first.functions.values()] == [PASSED]
    return "" if passes else "it cannot use the project's pytest settings"


def interpreters_in(folders: Iterable[Path]) -> tuple[FoundInterpreter, ...]:
    """Return the interpreters in folders, oldest first; the first folder wins for a version."""
    found: dict[tuple[int, int], Path] = {}
    for folder in dict.fromkeys(folders):
        if not folder.is_absolute():
            continue
        for minor in _MINORS:
            place = folder.resolve() / f"python3.{minor}"
            if (3, minor) not in found and _is_program(place):
                found[3, minor] = place
    return tuple(FoundInterpreter(path=path, version=version) for version, path in sorted(found.items()))


def _is_program(place: Path) -> bool:
    """Return whether it is a real interpreter, not a wrapper script that looks for one."""
    try:
        with place.open("rb") as file:
            return file.read(len(_ELF)) == _ELF and os.access(place, os.X_OK)
    except OSError:
        return False


def allowed(found: Iterable[FoundInterpreter], requires: str) -> list[FoundInterpreter]:
    """Return the interpreters that a project supports; none if `requires` is empty or cannot be parsed."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        specifiers = SpecifierSet(requires)
    except InvalidSpecifier:
        return []
    if not requires.strip():
        return []
    return [one for one in found if specifiers.contains(f"{one.version[0]}.{one.version[1]}.99")]


def requires_python(tree: SourceTree, project: str) -> str:
    """Return the version specifier in `pyproject.toml` or `setup.cfg`; `""` if there is none.

    Args:
        tree: Files of head.
        project: The project's folder below the git root; `""` for the root.
    """
    folder = f"{project}/" if project else ""
    return next(filter(None, _told(tree, folder)), "")


def _told(tree: SourceTree, folder: str) -> Iterator[str]:
    yield _of_pyproject(_text(tree.read(f"{folder}pyproject.toml")))
    yield _of_setup_cfg(_text(tree.read(f"{folder}setup.cfg")))


def _text(content: bytes | None) -> str:
    return "" if content is None or len(content) > _MOST_BYTES else content.decode("utf-8", "replace")


def _of_pyproject(text: str) -> str:
    table = read_toml(text.encode()).get("project")
    data = table.get("requires-python") if isinstance(table, dict) else None
    return data if isinstance(data, str) else ""


def _of_setup_cfg(text: str) -> str:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
        return parser.get("options", "python_requires", fallback="") or ""
    except configparser.Error:
        return ""


_BEST_FIRST = ((3, 13), (3, 12), (3, 14), (3, 11), (3, 10), (3, 9))
"""Versions to download in order of preference, starting with the version in the bot's image."""

_ASKED = re.compile(r"3\.(\d{1,2})(?:\.\d{1,3})?", re.ASCII)
_NAMED = re.compile(r"python3\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonWish:
    """Requirements on the Python version.

    Attributes:
        asked: Version given by the user, for example `3.12`; None if not given.
        requires: Version specifier of the project, for example `>=3.10`; empty if not declared.
        environment: Environment variables of the bot; PATH is searched.
    """

    asked: str | None
    requires: str
    environment: Mapping[str, str]

    def fits(self, version: tuple[int, int]) -> bool:
        """Return whether a version satisfies the requirements; a specifier that cannot be parsed is ignored.

        Raises:
            CannotPrepare: The version given by the user is not a Python version.
        """
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        if self.asked is not None:
            return version == _version_of(self.asked)
        try:
            return SpecifierSet(self.requires).contains(f"{version[0]}.{version[1]}.99")
        except InvalidSpecifier:
            return True

    def to_fetch(self) -> str:
        """Return the version to download if no installed one fits.

        Raises:
            CannotPrepare: No known version fits.
        """
        if self.asked is not None:
            return self.asked
        for version in filter(self.fits, _BEST_FIRST):
            return "{}.{}".format(*version)
        raise CannotPrepare(
            f"the project requires Python {self.requires}, and no known version fits: choose an "
            f"interpreter with --python, or a version with --python-version."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittingPython:
    """The Python to use.

    Attributes:
        choice: The interpreter.
        fetched: Version to download because no installed interpreter fits; None otherwise.
    """

    choice: ChosenInterpreter
    fetched: str | None = None

    @property
    def version(self) -> tuple[int, int] | None:
        """Version of the interpreter, if its file name contains it."""
        return version_of_program(self.choice.path) if self.fetched is None else _version_of(self.fetched)

    def notes(self, first: ChosenInterpreter) -> Iterator[str]:
        """Yield notes for the report if it differs from the interpreter that was chosen first."""
        if self.fetched is not None:
            yield f"the tests ran on Python {self.fetched}, which was downloaded for them"
        elif self.choice != first:
            yield f"the tests ran on {self.choice.origin}: {first.path} has another version"


def fitting_python(choice: ChosenInterpreter, wish: PythonWish) -> FittingPython:
    """Return the chosen interpreter if it fits, else another installed one, else a version to download.

    Raises:
        CannotPrepare: The version given by the user is not a Python version, or no version fits.
    """
    version = version_of_program(choice.path)
    if wish.fits(version) if version is not None else wish.asked is None:
        return FittingPython(choice=choice)
    folders = (*_FOLDERS, *(Path(entry) for entry in wish.environment.get("PATH", "").split(os.pathsep)))
    found = [one for one in interpreters_in(folders) if wish.fits(one.version)]
    if found:
        return FittingPython(choice=ChosenInterpreter(path=found[-1].path, origin=str(found[-1])))
    return FittingPython(choice=choice, fetched=wish.to_fetch())


def check_version(choice: ChosenInterpreter, wish: PythonWish) -> None:
    """Check that an interpreter has the version given by the user.

    Raises:
        CannotPrepare: It has another version. Nothing is installed in this case.
    """
    version = version_of_program(choice.path)
    if version is not None and not wish.fits(version):
        raise CannotPrepare(
            f"{choice.path} is Python {version[0]}.{version[1]}, and --python-version requires "
            f"{wish.asked}: add --install to set up that version, or choose an interpreter with --python."
        )


def version_of_program(path: Path) -> tuple[int, int] | None:
    """Return an interpreter's version if its file name contains it."""
    if path.resolve() == Path(sys.executable).resolve():
        return sys.version_info[:2]
    match = _NAMED.fullmatch(path.resolve().name)
    return None if match is None else (3, int(match[1]))


def _version_of(asked: str) -> tuple[int, int]:
    match = _ASKED.fullmatch(asked)
    if match is None:
        raise CannotPrepare(f"--python-version {asked} is not a Python version; use for example 3.12.")
    return 3, int(match[1])

"""Which version of Python the tests are to run on, and where it comes from. Nothing is run for it."""

from __future__ import annotations

import configparser
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from testsmith.execution.answers import PASSED
from testsmith.execution.harness import RunSetting, TestJob, run_plan
from testsmith.execution.interpreter import ChosenInterpreter
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.sandbox.isolated import for_interpreter
from testsmith.execution.workspace import CannotPrepare, Interpreter, Workspace
from testsmith.languages.driver import SourceTree

# Another interpreter at hand that the project allows, for a run on another version than its own.
#
# It is not asked to have anything installed: what it lacks it borrows from the environment of the main
# interpreter, as far as that can be loaded there. A project that does not say which versions it allows is
# run on its own one alone.

_MINORS = range(9, 16)
_FOLDERS = (Path("/usr/local/bin"), Path("/usr/bin"))
_MOST_TRIED = 3
_MOST_MODULES = 10
_MOST_BYTES = 256 * 1024
_ELF = b"\x7fELF"
_SECONDS = 10.0
_TEST = TestJob(number=0, code="def test_nothing():\n    pass\n", seconds=_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPythonOrder:
    """What another interpreter has to be fit for.

    Attributes:
        environment: The variables of the bot's own process, for the folders of PATH.
        requires: The versions that the project allows, as `>=3.10`; empty where it does not say.
        modules: The modules that it has to load.
    """

    environment: Mapping[str, str]
    requires: str
    modules: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInterpreter:
    """An interpreter at hand."""

    path: Path
    version: tuple[int, int]

    def __str__(self) -> str:
        return f"Python {self.version[0]}.{self.version[1]} at {self.path}"


async def with_other_python(workspace: Workspace, order: OtherPythonOrder) -> Workspace:
    """Return the workspace with the oldest other interpreter that the project allows and that can run tests.

    Where some are at hand and none can be used, a note says why.
    """
    folders = (*(Path(entry) for entry in order.environment.get("PATH", "").split(os.pathsep)), *_FOLDERS)
    version = workspace.interpreter.version
    found = [one for one in interpreters_in(folders) if one.version != version]
    reasons: list[str] = []
    for one in allowed(found, order.requires)[:_MOST_TRIED]:
        other = await _tried(workspace, one, order)
        if isinstance(other, Workspace):
            return replace(workspace, other=other)
        reasons.append(f"{one} ({other})")
    if not reasons:
        return workspace
    note = f"no test ran on another interpreter, though the project allows others: {'; '.join(reasons)}"
    return replace(workspace, notes=(*workspace.notes, note))


async def _tried(workspace: Workspace, found: FoundInterpreter, order: OtherPythonOrder) -> Workspace | str:
    """Return the workspace as it is with another interpreter, or why that cannot be used."""
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
        return await _trouble(other, found, order.modules[:_MOST_MODULES]) or other
    except CannotRun as error:
        return str(error)


async def _trouble(workspace: Workspace, found: FoundInterpreter, modules: Sequence[str]) -> str:
    """Return why tests of the members cannot be run; empty where they can."""
    imports = [
        TestJob(number=number, code=module, seconds=_SECONDS, is_import=True)
        for number, module in enumerate(modules, start=1)
    ]
    answer = await run_plan(workspace, RunSetting(name="trial"), [_TEST, *imports])
    if not answer.has_started or answer.greeting is None:
        return f"it cannot run tests: {answer.trouble}"
    if answer.greeting.version != found.version:
        return "it is of another version than its name says"
    problems = [answer.results[job.number].problem for job in imports if job.number in answer.results]
    if len(problems) < len(imports) or any(problems):
        return f"it cannot load the project: {next(filter(None, problems), answer.trouble)}"
    first = answer.results.get(0)
    passes = first is not None and [one.status for one in first.functions.values()] == [PASSED]
    return "" if passes else "it cannot use the project's pytest settings"


def interpreters_in(folders: Iterable[Path]) -> tuple[FoundInterpreter, ...]:
    """Return the interpreters in folders, the oldest first, the first folder's where there are several."""
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
    """Tell whether it is an interpreter itself, rather than a script that looks for one."""
    try:
        with place.open("rb") as file:
            return file.read(len(_ELF)) == _ELF and os.access(place, os.X_OK)
    except OSError:
        return False


def allowed(found: Iterable[FoundInterpreter], requires: str) -> list[FoundInterpreter]:
    """Return the interpreters that a project allows; none where it does not say, or cannot be understood."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        specifiers = SpecifierSet(requires)
    except InvalidSpecifier:
        return []
    if not requires.strip():
        return []
    return [one for one in found if specifiers.contains(f"{one.version[0]}.{one.version[1]}.99")]


def requires_python(tree: SourceTree, project: str) -> str:
    """Return which versions a project allows, as `pyproject.toml` or `setup.cfg` says; `""` where none does.

    Args:
        tree: The files of head.
        project: The project's folder below the git root, `""` where it is the root.
    """
    folder = f"{project}/" if project else ""
    return next(filter(None, _told(tree, folder)), "")


def _told(tree: SourceTree, folder: str) -> Iterator[str]:
    yield _of_pyproject(_text(tree.read(f"{folder}pyproject.toml")))
    yield _of_setup_cfg(_text(tree.read(f"{folder}setup.cfg")))


def _text(content: bytes | None) -> str:
    return "" if content is None or len(content) > _MOST_BYTES else content.decode("utf-8", "replace")


def _of_pyproject(text: str) -> str:
    try:
        table = tomllib.loads(text).get("project")
    except (tomllib.TOMLDecodeError, RecursionError):
        return ""
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
"""The versions that are fetched, that of the bot's own image first."""

_ASKED = re.compile(r"3\.(\d{1,2})(?:\.\d{1,3})?", re.ASCII)
_NAMED = re.compile(r"python3\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonWish:
    """Which Python is wanted.

    Attributes:
        asked: The version that a person asks for, as `3.12`; None where none does.
        requires: The versions that the project allows, as `>=3.10`; empty where it does not say.
        environment: The variables of the bot's own process, for the folders of PATH.
    """

    asked: str | None
    requires: str
    environment: Mapping[str, str]

    def fits(self, version: tuple[int, int]) -> bool:
        """Tell whether a version is what is wanted; what cannot be understood is no wish.

        Raises:
            CannotPrepare: What is asked for is no version of Python.
        """
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        if self.asked is not None:
            return version == _version_of(self.asked)
        try:
            return SpecifierSet(self.requires).contains(f"{version[0]}.{version[1]}.99")
        except InvalidSpecifier:
            return True

    def to_fetch(self) -> str:
        """Return the version that is fetched where none at hand fits.

        Raises:
            CannotPrepare: None is known that would fit.
        """
        if self.asked is not None:
            return self.asked
        for version in filter(self.fits, _BEST_FIRST):
            return "{}.{}".format(*version)
        raise CannotPrepare(
            f"the project requires Python {self.requires}, and no version is known that fits:"
            " name an interpreter with --python, or ask for a version with --python-version."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittingPython:
    """The Python that is used.

    Attributes:
        choice: The interpreter.
        fetched: The version that is fetched in its place, since no interpreter at hand fits; None for none.
    """

    choice: ChosenInterpreter
    fetched: str | None = None

    @property
    def version(self) -> tuple[int, int] | None:
        """Its version, as far as its name tells."""
        return version_of_program(self.choice.path) if self.fetched is None else _version_of(self.fetched)

    def notes(self, first: ChosenInterpreter) -> Iterator[str]:
        """Yield what a reader should know, where it is another than the one that was chosen first."""
        if self.fetched is not None:
            yield f"the tests ran on Python {self.fetched}, which was fetched for them"
        elif self.choice != first:
            yield f"the tests ran on {self.choice.origin}: {first.path} is of another version"


def fitting_python(choice: ChosenInterpreter, wish: PythonWish) -> FittingPython:
    """Return the interpreter where it fits, else another at hand that does, else the version to fetch.

    Raises:
        CannotPrepare: What is asked for is no version of Python, or no version fits.
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
    """Let an interpreter count only where it is of the version that is asked for.

    Raises:
        CannotPrepare: It is not; nothing is installed for another.
    """
    version = version_of_program(choice.path)
    if version is not None and not wish.fits(version):
        raise CannotPrepare(
            f"{choice.path} is Python {version[0]}.{version[1]}, and --python-version asks for {wish.asked}:"
            " add --install, which has that version set up, or name an interpreter with --python."
        )


def version_of_program(path: Path) -> tuple[int, int] | None:
    """Return an interpreter's version as far as its name tells; None where it does not."""
    if path.resolve() == Path(sys.executable).resolve():
        return sys.version_info[:2]
    match = _NAMED.fullmatch(path.resolve().name)
    return None if match is None else (3, int(match[1]))


def _version_of(asked: str) -> tuple[int, int]:
    match = _ASKED.fullmatch(asked)
    if match is None:
        raise CannotPrepare(f"--python-version {asked} is no version of Python: give one as 3.12.")
    return 3, int(match[1])

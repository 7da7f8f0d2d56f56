"""Another interpreter at hand that the project allows, for a run on another version than its own.

It is not asked to have anything installed: what it lacks it borrows from the environment of the main
interpreter, as far as that can be loaded there. A project that does not say which versions it allows is run
on its own one alone.
"""

from __future__ import annotations

import configparser
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from testsmith.execution.answers import PASSED
from testsmith.execution.harness import Job, Setting, run_plan
from testsmith.execution.isolation.build import for_interpreter
from testsmith.execution.sandbox import CannotRun
from testsmith.execution.workspace import Interpreter, Workspace
from testsmith.languages.driver import SourceTree

_MINORS = range(9, 16)
_FOLDERS = (Path("/usr/local/bin"), Path("/usr/bin"))
_MOST_TRIED = 3
_MOST_MODULES = 10
_MOST_BYTES = 256 * 1024
_ELF = b"\x7fELF"
_SECONDS = 10.0
_TEST = Job(number=0, code="def test_nothing():\n    pass\n", seconds=_SECONDS)


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
class Found:
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


async def _tried(workspace: Workspace, found: Found, order: OtherPythonOrder) -> Workspace | str:
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


async def _trouble(workspace: Workspace, found: Found, modules: Sequence[str]) -> str:
    """Return why tests of the members cannot be run; empty where they can."""
    imports = [
        Job(number=number, code=module, seconds=_SECONDS, is_import=True)
        for number, module in enumerate(modules, start=1)
    ]
    answer = await run_plan(workspace, Setting(name="trial"), [_TEST, *imports])
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


def interpreters_in(folders: Iterable[Path]) -> tuple[Found, ...]:
    """Return the interpreters in folders, the oldest first, the first folder's where there are several."""
    found: dict[tuple[int, int], Path] = {}
    for folder in dict.fromkeys(folders):
        if not folder.is_absolute():
            continue
        for minor in _MINORS:
            place = folder.resolve() / f"python3.{minor}"
            if (3, minor) not in found and _is_program(place):
                found[3, minor] = place
    return tuple(Found(path=path, version=version) for version, path in sorted(found.items()))


def _is_program(place: Path) -> bool:
    """Tell whether it is an interpreter itself, rather than a script that looks for one."""
    try:
        with place.open("rb") as file:
            return file.read(len(_ELF)) == _ELF and os.access(place, os.X_OK)
    except OSError:
        return False


def allowed(found: Iterable[Found], requires: str) -> list[Found]:
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
    told = table.get("requires-python") if isinstance(table, dict) else None
    return told if isinstance(told, str) else ""


def _of_setup_cfg(text: str) -> str:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
        return parser.get("options", "python_requires", fallback="") or ""
    except configparser.Error:
        return ""

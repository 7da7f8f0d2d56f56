"""Start processes of test frameworks in a writable copy of the project, and read their reports."""

from __future__ import annotations

import hashlib
import posixpath
import shutil
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.steps import Plan, Step, StepResult, run_steps
from testsmith.execution.workspace import ProjectCopy, is_small, remove_folder
from testsmith.languages.typescript.running.frameworks import Framework, FrameworkRun
from testsmith.languages.typescript.running.manifest import read_file
from testsmith.languages.typescript.running.reports import FrameworkReport
from testsmith.languages.typescript.running.test_commands import test_command
from testsmith.languages.typescript.running.workspace import (
    TypeScriptWorkspace,
    node_limits,
    node_variables,
)
from testsmith.tasks import in_thread

_LEFT_BY_FRAMEWORKS = (
    "tsx-",
    "jest_",
    "node-compile-cache",
    "v8-compile-cache",
    "vitest-",
    ".vite",
    "haste-map",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A process to start.

    Attributes:
        framework: The framework.
        files: Its test files, relative to the Git root.
        names: Full titles of the tests to run; None for all.
        placed: Files that it sees instead of those of the copy, by path relative to the Git root.
        seconds: Time limit.
        budget: Name of the time limit that it shares with others.
        seed: Seed of the order of the tests; None for that of the files.
        variables: Further environment variables.
        traced: Whether to return which flags were reached.
    """

    framework: Framework
    files: Sequence[str]
    names: Collection[str] | None = None
    placed: Mapping[str, Path] = field(default_factory=dict)
    seconds: float
    budget: str
    seed: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    traced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of a process.

    Attributes:
        step: How it ended; None if it did not run.
        report: Its report; None if it has none.
    """

    step: StepResult | None = None
    report: FrameworkReport | None = None


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A writable copy of the project, and the texts that its processes see instead of its own.

    Attributes:
        workspace: The workspace.
        root: Root of the copy.
        folder: The folder that processes write to; the copy is below it.
        sources: Folder of the texts.
        frameworks: The frameworks that were looked for, by folder.
    """

    workspace: TypeScriptWorkspace
    root: Path
    folder: Path
    sources: Path
    frameworks: dict[str, Framework] = field(default_factory=dict, repr=False)

    def framework(self, path: str) -> Framework:
        """Return the framework that runs a test file, which may not exist; the same for all of a folder."""
        folder = posixpath.dirname(path)
        if folder not in self.frameworks:
            self.frameworks[folder] = framework_of(self.workspace, self.root, path)
        return self.frameworks[folder]

    def text(self, text: str, name: str) -> Path:
        """Write a text that processes may see, and return where."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        place = self.sources / f"{digest}{Path(name).suffix}"
        if not place.exists():
            place.write_text(text, encoding="utf-8", errors="surrogatepass")
        return place

    async def take(self, wanted: Sequence[Wanted], budgets: Mapping[str, float]) -> tuple[list[Ran], str]:
        """Run processes one after the other.

        Returns:
            What became of each, in the same order, and why not all of them ran; empty if they did.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        workspace = self.workspace
        steps = [self._step(number, one) for number, one in enumerate(wanted)]
        plan = Plan(
            steps=steps,
            budgets=budgets,
            folder=self.folder,
            readable=(self.sources, workspace.worker, *workspace.toolchain.readable),
        )
        outcome = await run_steps(workspace, plan, node_limits(workspace.limits))
        found = []
        for number, one in enumerate(wanted):
            step = outcome.results.get(number)
            report = None if step is None else await in_thread(one.framework.read, step.profile)
            found.append(Ran(step=step, report=report))
        return found, outcome.trouble

    def _step(self, number: int, one: Wanted) -> Step:
        report, trace = self.folder / f"report-{number}", self.folder / f"trace-{number}"
        run = FrameworkRun(
            files=[self.root / file for file in one.files],
            report=report,
            names=one.names,
            seed=one.seed,
            cache=self.folder / "cache",
        )
        variables = {
            **one.framework.variables(),
            **one.variables,
            **({"TESTSMITH_TRACE": str(trace)} if one.traced else {}),
        }
        return Step(
            number=number,
            argv=one.framework.arguments(run),
            variables=node_variables(self.workspace.toolchain, self.folder, variables),
            folder=one.framework.folder,
            seconds=one.seconds,
            budget=one.budget,
            profile=report,
            trace=trace if one.traced else None,
            placed={self.root / path: source for path, source in one.placed.items()},
        )


def framework_of(workspace: TypeScriptWorkspace, root: Path, path: str) -> Framework:
    """Return the framework that runs the tests in a folder of a copy.

    Args:
        workspace: The workspace.
        root: Root of the copy.
        path: A file in the folder, which may not exist.
    """

    def names(folder: str) -> list[str]:
        try:
            return sorted(one.name for one in (root / folder).iterdir())
        except OSError:
            return []

    return Framework(workspace, test_command(read_file(root), names, path), root)


@asynccontextmanager
async def run_folder(
    workspace: TypeScriptWorkspace, copy: ProjectCopy, place: str = "project"
) -> AsyncIterator[RunFolder]:
    """Yield a writable copy of the project, which is removed at the end.

    Args:
        workspace: The workspace.
        copy: The copy to copy.
        place: Folder of the new copy, relative to that of the run.

    Raises:
        CannotRun: There is not enough space.
    """
    folder, sources = workspace.new_folder("run"), workspace.new_folder("sources")
    try:
        root = folder / place
        try:
            await in_thread(_copy, copy.root, root)
        except OSError as error:
            raise CannotRun(f"Could not copy the project: {error.strerror or error}.") from error
        yield RunFolder(workspace, root, folder, sources)
    finally:
        await in_thread(remove_folder, folder)
        await in_thread(remove_folder, sources)


def _copy(source: Path, target: Path) -> None:
    if not is_small(source):
        raise OSError(None, "it is too large to be copied for each run")
    shutil.copytree(source, target, symlinks=True)


def left_by_tests(names: Sequence[str]) -> tuple[str, ...]:
    """Return what tests left in the folder for temporary files, without what frameworks leave there."""
    return tuple(name for name in names if not name.startswith(_LEFT_BY_FRAMEWORKS))

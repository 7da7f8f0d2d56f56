"""Run all of the project's tests, and measure the coverage of whole files."""

from __future__ import annotations

from collections.abc import Sequence

from testsmith.execution.baseline import FileCoverage, FileReach, WholeSuite
from testsmith.execution.jobs import FAILED
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.workspace import ProjectCopy
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import TestFiles
from testsmith.languages.typescript.running.flags import FlaggedText, flagged
from testsmith.languages.typescript.running.project_tests.own_files import (
    OwnRun,
    own_files_in,
    run_files,
    text_at,
)
from testsmith.languages.typescript.running.workspace import TypeScriptWorkspace
from testsmith.settings import VerificationSettings
from testsmith.tasks import in_thread


async def whole_suite(
    workspace: TypeScriptWorkspace, tests: TestFiles, paths: Sequence[str], settings: VerificationSettings
) -> WholeSuite:
    """Run all tests, and return their coverage of some source files."""
    if settings.suite_seconds <= 0:
        return WholeSuite(notes=("the project's tests were not run: suite-seconds is 0",))
    head = workspace.head
    try:
        texts = await in_thread(own_files_in, head, tests)
        flags = await in_thread(_flags, head, paths)
        run = await run_files(workspace, head, texts, settings.suite_seconds, flags=flags)
    except (CannotRun, OSError) as error:
        return WholeSuite(notes=(f"the project's tests were not run: {error}",))
    failed = {test.id for test in run.tests.values() if test.status == FAILED} | run.broken.keys()
    named = ", ".join(run.left[:5])
    return WholeSuite(
        files={path: reach for path, one in flags.items() if (reach := _reach(run, path, one)) is not None},
        is_known=bool(run.tests) or not texts,
        failed=None if run.left else frozenset(failed),
        notes=(f"some test files were not run to the end: {named}",) if run.left else (),
    )


def _flags(copy: ProjectCopy, paths: Sequence[str]) -> dict[str, FlaggedText]:
    found: dict[str, FlaggedText] = {}
    first = 0
    for path in paths:
        try:
            found[path] = flagged(text_at(copy.root / path), path, first)
        except CannotParse:
            continue
        first += len(found[path].flags)
    return found


def _reach(run: OwnRun, path: str, file: FlaggedText) -> FileReach | None:
    """Return the coverage of a file; None if no test reached it."""
    lines = [test.lines.get(path, frozenset[int]()) for test in run.tests.values()]
    hit = frozenset[int]().union(run.loaded.get(path, frozenset()), *lines)
    every = frozenset[int]().union(*(flag.lines for flag in file.flags))
    return FileReach(FileCoverage(hit=set(hit), missed=set(every - hit))) if hit else None

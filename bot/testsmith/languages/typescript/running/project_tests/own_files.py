"""The project's test files of TypeScript, and the processes that run them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testsmith.execution.jobs import FAILED, PASSED
from testsmith.execution.workspace import ProjectCopy
from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import decode
from testsmith.languages.tests import TestFiles
from testsmith.languages.typescript.running.flags import FlaggedText, read_trace
from testsmith.languages.typescript.running.frameworks import hook
from testsmith.languages.typescript.running.module_runs import noted_name, unchecked
from testsmith.languages.typescript.running.processes import Ran, RunFolder, Wanted, run_folder
from testsmith.languages.typescript.running.reports import shown, words_of
from testsmith.languages.typescript.running.unbuilt import advice_to_build
from testsmith.languages.typescript.running.workspace import PACKAGES, TypeScriptWorkspace
from testsmith.languages.typescript.source.packages import ENDINGS
from testsmith.tasks import gather, in_thread

HAS_TESTS = re.compile(r"\b(?:it|test|describe|suite|context)\s*(?:\.\s*\w+\s*)*[(`]")
_MOST_FILES = 3_000
_FILES_OF_A_PROCESS = 8
MOST_SECONDS = 60.0
"""Time limit of one process."""

_BUDGET = "all"
_NOT_A_TEST = re.compile(r"\bNo (?:test files|tests|files) found\b")


@dataclass(slots=True)
class ProjectTest:
    """How a test of the project ended, and what it reached.

    Attributes:
        path: Its file, relative to the Git root.
        name: Its full title.
        status: Its status.
        message: Why it did not pass.
        seconds: Its duration.
        lines: Lines that it reached, by the path of a flagged file.
    """

    path: str
    name: str
    status: str
    message: str = ""
    seconds: float = 0.0
    lines: dict[str, frozenset[int]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its id in baselines."""
        return f"{self.path}::{self.name}"


@dataclass(slots=True)
class OwnRun:
    """What came of running test files.

    Attributes:
        tests: The tests that ran, by id.
        loaded: Lines that were reached while files were loaded, by the path of a flagged file.
        broken: Why test files could not be loaded, by path.
        left: Test files that were not run to their end.
        trouble: Why that is so, if it was not for want of time.
    """

    tests: dict[str, ProjectTest] = field(default_factory=dict)
    loaded: dict[str, frozenset[int]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    trouble: str = ""


def own_files_in(copy: ProjectCopy, tests: TestFiles, *, is_run: bool = True) -> dict[str, str]:
    """Return the texts of the project's files of tests by path: those with tests in them, or all of them."""
    found: dict[str, str] = {}
    for path in _paths(copy.root):
        if tests.is_test(path):
            text = text_at(copy.root / path)
            if not is_run or HAS_TESTS.search(text):
                found[path] = text
        if len(found) == _MOST_FILES:
            break
    return found


def _paths(root: Path) -> Iterator[str]:
    for place, folders, files in os.walk(root):
        folders[:] = sorted(one for one in folders if one != PACKAGES and not one.startswith("."))
        for name in sorted(files):
            if name.endswith(ENDINGS) and not name.endswith((".d.ts", "-d.ts", ".min.js")):
                yield os.path.relpath(Path(place, name), root)


def text_at(place: Path) -> str:
    """Return a source file's text; empty if it cannot be read."""
    try:
        return decode(place.read_bytes())
    except (OSError, CannotParse):
        return ""


async def run_files(  # noqa: PLR0913 - all of it makes one run
    workspace: TypeScriptWorkspace,
    copy: ProjectCopy,
    files: Mapping[str, str],
    seconds: float,
    *,
    flags: Mapping[str, FlaggedText] | None = None,
    names: Mapping[str, Collection[str]] | None = None,
    placed: Mapping[str, str] | None = None,
) -> OwnRun:
    """Run test files of the project, several in one process; in processes of their own what that loses.

    Args:
        workspace: The workspace.
        copy: Copy of the project.
        files: Texts of the test files by path; they are seen instead of those of the copy.
        seconds: Time limit for everything.
        flags: Source files with flags, by path.
        names: Full titles of the tests to run, by path; None for all.
        placed: Texts that are seen instead of other files of the copy.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    order = _OwnOrder(files, flags or {}, names, placed or {}, seconds)
    parallel = max(1, min(workspace.parallel, len(files) // 2))
    shares = [list(files)[start::parallel] for start in range(parallel)] if files else []
    run = OwnRun()
    for part in await gather(*(_run_share(workspace, copy, order, share) for share in shares)):
        run.tests |= part.tests
        run.broken |= part.broken
        run.left += part.left
        run.trouble = run.trouble or part.trouble
        for path, lines in part.loaded.items():
            run.loaded[path] = run.loaded.get(path, frozenset()) | lines
    return run


@dataclass(frozen=True, slots=True)
class _OwnOrder:
    files: Mapping[str, str]
    flags: Mapping[str, FlaggedText]
    names: Mapping[str, Collection[str]] | None
    placed: Mapping[str, str]
    seconds: float


async def _run_share(
    workspace: TypeScriptWorkspace, copy: ProjectCopy, order: _OwnOrder, share: Sequence[str]
) -> OwnRun:
    run = OwnRun()
    async with run_folder(workspace, copy) as folder:
        troubles = {path: folder.framework(path).trouble for path in share}
        run.broken |= {path: trouble for path, trouble in troubles.items() if trouble}
        share = [path for path in share if not troubles[path]]
        sources = await in_thread(_sources, folder, order, share)
        chunks = list(_chunks(folder, share))
        wanted = [_wanted(folder, order, sources, chunk) for chunk in chunks]
        found, trouble = await folder.take(wanted, {_BUDGET: order.seconds})
        spent = sum(ran.step.seconds for ran in found if ran.step is not None)
        lost: list[list[str]] = []
        for chunk, ran in zip(chunks, found, strict=True):
            lost += _add(run, folder, order, chunk, ran)
        again = [_wanted(folder, order, sources, chunk) for chunk in lost]
        found, more = await folder.take(again, {_BUDGET: max(0.0, order.seconds - spent)})
        run.trouble = trouble or more
        for chunk, ran in zip(lost, found, strict=True):
            _add(run, folder, order, chunk, ran)
    return run


def _chunks(folder: RunFolder, share: Sequence[str]) -> Iterator[list[str]]:
    """Yield files that can be run in one process."""
    groups: dict[object, list[str]] = {}
    for path in share:
        command = folder.framework(path).command
        groups.setdefault((command.framework, command.folder), []).append(path)
    for group in groups.values():
        yield from (group[at : at + _FILES_OF_A_PROCESS] for at in range(0, len(group), _FILES_OF_A_PROCESS))


def _sources(folder: RunFolder, order: _OwnOrder, share: Sequence[str]) -> dict[str, Path]:
    """Write the texts that are seen instead of the files of the copy."""
    texts = dict(order.placed)
    texts |= {path: unchecked(one.text, path) for path, one in order.flags.items()}
    for path in share:
        text = order.files[path]
        if order.flags and not text.startswith("#!"):
            text = unchecked(hook(folder.framework(path).command.framework, path) + text, path)
        texts[path] = text
    return {path: folder.text(text, path) for path, text in texts.items()}


def _wanted(folder: RunFolder, order: _OwnOrder, sources: Mapping[str, Path], chunk: Sequence[str]) -> Wanted:
    names = None
    if order.names is not None:
        names = sorted({name for path in chunk for name in order.names.get(path, ())})
    return Wanted(
        framework=folder.framework(chunk[0]),
        files=chunk,
        names=names,
        placed=sources,
        seconds=min(order.seconds, MOST_SECONDS),
        budget=_BUDGET,
        traced=bool(order.flags),
    )


def _add(run: OwnRun, folder: RunFolder, order: _OwnOrder, chunk: list[str], ran: Ran) -> list[list[str]]:
    """Add the results of a process; return the files that have to be run again by themselves."""
    step, report = ran.step, ran.report
    if step is None:
        run.left += chunk
        return []
    reported = [] if report is None or step.timed_out else list(report.tests)
    has_failed = any(one.status == FAILED for one in reported)
    if step.exit_code != 0 and not has_failed and len(chunk) > 1:
        return [[path] for path in chunk]
    root = str(folder.root)
    ended: dict[str, set[str]] = {path: set() for path in chunk}
    for one in reported:
        path = os.path.relpath(os.path.realpath(one.file), root) if one.file else chunk[0]
        if path in ended:
            test = ProjectTest(path, one.name, one.status, shown(one.message), one.seconds)
            known = run.tests.get(test.id)
            if known is None or known.status == PASSED:
                run.tests[test.id] = test
            ended[path].add(one.name)
    _add_trace(run, order, root, ended, step.trace)
    silent = [path for path, names in ended.items() if not names]
    if len(chunk) > 1:
        return [[path] for path in silent]
    for path in silent:
        _add_silent(run, folder.root, path, ran)
    return []


def _add_silent(run: OwnRun, root: Path, path: str, ran: Ran) -> None:
    """Add a file without results, unless the project does not run it."""
    step, report = ran.step, ran.report
    if step is None or step.timed_out:
        run.left.append(path)
    elif not says_no_test(step.output) and (step.exit_code != 0 or (report and report.troubles)):
        words = words_of(step, report)
        run.broken[path] = advice_to_build(words, root, path) or words


def says_no_test(output: str) -> bool:
    """Return whether a framework has printed that a file is none of the project's tests."""
    return _NOT_A_TEST.search(output) is not None


def _add_trace(
    run: OwnRun, order: _OwnOrder, root: str, ended: Mapping[str, Collection[str]], text: str | None
) -> None:
    if not order.flags:
        return
    trace = read_trace(text)
    for source, flagged in order.flags.items():
        run.loaded[source] = run.loaded.get(source, frozenset()) | flagged.lines(trace.loaded)
    for (file, title), flags in trace.tests.items():
        path = os.path.relpath(file, root) if file.startswith("/") else file
        names = ended.get(path, ())
        name = noted_name(title, names)
        test = run.tests.get(f"{path}::{name}")
        if test is None:
            continue
        for source, flagged in order.flags.items():
            if lines := flagged.lines(flags):
                test.lines[source] = test.lines.get(source, frozenset()) | lines

"""Measure the baseline: what the project's own tests reach of the members, and which mutants they kill.

Test files run several in one process, in writable copies of the project, with flags in the members' files.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from testsmith import __version__
from testsmith.execution.baseline import MemberBaseline, OnBase, OwnSuite
from testsmith.execution.jobs import FAILED, PASSED, SKIPPED, ChangedModules, Reached
from testsmith.execution.measurements import Kept, Measurements, keep, kept_suite
from testsmith.execution.project_copy import files_digest
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.workspace import ProjectCopy
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import TestFiles
from testsmith.languages.typescript.running.flags import FlaggedText, flagged
from testsmith.languages.typescript.running.mutant_runs import changed_text
from testsmith.languages.typescript.running.project_tests.own_files import (
    MOST_SECONDS,
    OwnRun,
    ProjectTest,
    own_files_in,
    run_files,
    text_at,
)
from testsmith.languages.typescript.running.workspace import PACKAGES, TypeScriptWorkspace
from testsmith.model import BaselineStatus, Member
from testsmith.settings import VerificationSettings
from testsmith.storage.keys import MeasurementParts, measurement_key
from testsmith.tasks import in_thread

_MOST_WHOLE = 60
"""More test files than this are not all run: only those that name a member or its file."""

_MOST_FILES = 200
_MOST_TESTS_A_LINE = 1_000
_MOST_NAMED = 5
_LEAST_SECONDS, _TIMES_AS_LONG = 5.0, 8.0


@dataclass(frozen=True, slots=True)
class OwnTestFiles:
    """The project's own tests.

    Attributes:
        workspace: Where they run.
        files: Reads test files.
    """

    workspace: TypeScriptWorkspace
    files: TestFiles

    async def measure(
        self, members: Sequence[Member], settings: VerificationSettings, measurements: Measurements
    ) -> OwnSuite:
        """Run them once and return what they reach of the members, or take that from an earlier run."""
        if not members:
            return OwnSuite()
        if settings.suite_seconds <= 0:
            return OwnSuite(notes=("the project's tests were not run: suite-seconds is 0",))
        if settings.coverage is not None:
            return OwnSuite(notes=("coverage files of TypeScript are not read: leave out --coverage",))
        head = self.workspace.head
        seconds = settings.suite_seconds
        try:
            key = await in_thread(self._key, members)
            known = kept_suite(measurements, key, members, seconds)
            if known is not None:
                return known
            texts, is_whole = await in_thread(self._chosen, members)
            flags = await in_thread(flags_of, head, members)
            run = await run_files(self.workspace, head, texts, seconds, flags=flags)
        except (CannotRun, OSError) as error:
            note = f"the project's tests were not run: {error}"
            return OwnSuite(status=BaselineStatus.FAILED, notes=(note,))
        suite = _Suite(run, texts, is_whole and not run.left).concluded(members, seconds)
        keep(measurements, key, Kept(suite=suite, seconds=seconds if run.left else 0.0))
        return suite

    async def on_base(self, suite: OwnSuite, seconds: float) -> OwnSuite:
        """Run those that pass and reach a member on base's source, and add the results to the baseline."""
        base = self.workspace.base
        if base is None or not suite.is_run or not suite.passed or seconds <= 0:
            return suite
        try:
            run = await self.run_on_base(base, suite.passed, seconds)
        except (CannotRun, OSError) as error:
            note = f"the project's tests were not run on the merge base: {error}"
            return replace(suite, notes=(*suite.notes, note))
        wanted = suite.passed
        passed = {one for one, test in run.tests.items() if test.status in {PASSED, SKIPPED}} & wanted
        failed = {one for one, test in run.tests.items() if test.status == FAILED} & wanted
        failed |= {one for one in wanted if one.partition("::")[0] in run.broken}
        ended = {
            one: (run.tests[one].status, run.tests[one].message)
            for one in (passed | failed) & run.tests.keys()
        }
        return replace(
            suite,
            on_base=OnBase(
                passed=frozenset(passed), failed=frozenset(failed), not_loaded=frozenset(run.broken)
            ),
            on_base_ended={**suite.on_base_ended, **ended},
            on_base_broken={**suite.on_base_broken, **run.broken},
        )

    async def run_on_base(self, base: ProjectCopy, tests: Iterable[str], seconds: float) -> OwnRun:
        """Run head's tests on base's source, with head's other files of tests."""
        head = self.workspace.head
        names = _by_file(tests)
        support = await in_thread(self._support, head)
        texts = {path: text for path, text in support.items() if path in names}
        others = {path: text for path, text in support.items() if path not in texts}
        return await run_files(self.workspace, base, texts, seconds, names=names, placed=others)

    async def changed(
        self, changed: Mapping[str, ChangedModules], seconds: float
    ) -> dict[str, dict[int, bool]]:
        """Run them against mutants of members; return whether each was killed, by member and number.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        killed: dict[str, dict[int, bool]] = {member: {} for member in changed}
        left = seconds
        for member, modules in changed.items():
            every = {test for one in modules.changes for test in one.tests}
            plain, took = await self._ended(every, {}, left)
            left -= took
            limit = max(_LEAST_SECONDS, _TIMES_AS_LONG * took)
            for change in modules.changes:
                usable = {one for one in change.tests if plain.get(one) in {PASSED, SKIPPED}}
                if left <= 0 or not usable:
                    continue
                placed = {modules.path: changed_text(modules, change)}
                ended, took = await self._ended(usable, placed, min(left, limit))
                has_failed = any(ended.get(one, PASSED) not in {PASSED, SKIPPED} for one in usable)
                is_late = not usable <= ended.keys()
                if has_failed or not is_late or left >= limit:
                    killed[member][change.number] = has_failed or is_late
                left -= took
        return killed

    async def _ended(
        self, tests: Iterable[str], placed: Mapping[str, str], seconds: float
    ) -> tuple[dict[str, str], float]:
        """Return how tests of head end with some files replaced, and the seconds that this took."""
        head = self.workspace.head
        names = _by_file(tests)
        texts = {path: await in_thread(text_at, head.root / path) for path in names}
        started = time.monotonic()
        run = await run_files(self.workspace, head, texts, seconds, names=names, placed=placed)
        return {one: test.status for one, test in run.tests.items()}, time.monotonic() - started

    def _key(self, members: Sequence[Member]) -> str:
        """Return the key of a baseline in the cache; reads every file of head."""
        workspace = self.workspace
        return measurement_key(
            MeasurementParts(
                files=files_digest(workspace.head.root, {PACKAGES}),
                spans=tuple((member.path, member.line, member.end_line) for member in members),
                interpreter=f"node {workspace.toolchain.version}",
                distributions=tuple(place.parent.name for place in workspace.readable),
                layers=workspace.sandbox.layers(),
                version=__version__,
                command="",
            )
        )

    def _chosen(self, members: Sequence[Member]) -> tuple[dict[str, str], bool]:
        """Return the test files to run, those that name a member first, and whether these are all."""
        texts = own_files_in(self.workspace.head, self.files)
        words = {one.name.rpartition(".")[2] for one in members}
        words |= {PurePosixPath(one.path).name.partition(".")[0] for one in members}
        naming = re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(words))) + r")\b")
        near = [path for path, text in texts.items() if naming.search(text)]
        others = [path for path in texts if path not in set(near)]
        chosen = (near + (others if len(texts) <= _MOST_WHOLE else []))[:_MOST_FILES]
        return {path: texts[path] for path in chosen}, len(chosen) == len(texts)

    def _support(self, copy: ProjectCopy) -> dict[str, str]:
        """Return the texts of all files of tests of a copy, with tests or without."""
        return own_files_in(copy, self.files, is_run=False)


def flags_of(copy: ProjectCopy, members: Sequence[Member]) -> dict[str, FlaggedText]:
    """Return the members' files with flags in the members' lines."""
    found: dict[str, FlaggedText] = {}
    first = 0
    for path in sorted({member.path for member in members}):
        spans = [range(one.line, one.end_line + 1) for one in members if one.path == path]
        try:
            found[path] = flagged(text_at(copy.root / path), path, first, spans)
        except CannotParse:
            continue
        first += len(found[path].flags)
    return found


def _by_file(tests: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for test in sorted(tests):
        path, _, name = test.partition("::")
        found.setdefault(path, []).append(name)
    return found


@dataclass(frozen=True, slots=True)
class _Suite:
    """A run of the project's tests on head, with the texts of their files."""

    run: OwnRun
    texts: Mapping[str, str]
    is_whole: bool

    def concluded(self, members: Sequence[Member], seconds: float) -> OwnSuite:
        """Return the baseline."""
        run = self.run
        blamed = {member.id: self._blamed(member) for member in members}
        is_late = bool(run.left)
        unknown = {member.id for member in members if is_late or blamed[member.id]}
        found = {member.id: self._baseline(member) for member in members}
        passing = {test.id for test in run.tests.values() if test.status == PASSED}
        failing = {test.id for test in run.tests.values() if test.status not in {PASSED, SKIPPED}}
        result = OwnSuite(
            status=self._status(unknown),
            tests=len(run.tests),
            members={one: baseline for one, baseline in found.items() if one not in unknown},
            partly={one: baseline for one, baseline in found.items() if one in unknown and baseline.tests},
            notes=tuple(self._notes(failing, seconds)),
            failed=frozenset(failing | run.broken.keys()) if self.is_whole else None,
            blamed={one: tests for one, tests in blamed.items() if tests},
            is_cut_short=is_late,
        )
        passed = result.reaching & passing
        files = {test.partition("::")[0] for test in passed}
        counts = Counter(test.partition("::")[0] for test in passing)
        return replace(result, passed=passed, passing={file: counts[file] for file in files})

    def _status(self, unknown: Iterable[str]) -> BaselineStatus:
        run = self.run
        if not run.tests:
            return BaselineStatus.FAILED if run.broken or run.left else BaselineStatus.NONE
        return BaselineStatus.PARTLY if [*unknown] or run.left else BaselineStatus.MEASURED

    def _notes(self, failing: set[str], seconds: float) -> Iterator[str]:
        run = self.run
        if run.broken:
            path, why = next(iter(run.broken.items()))
            yield f"{path} could not be run: {why.splitlines()[0]}"
        if failing:
            named = ", ".join(sorted(failing)[:_MOST_NAMED])
            count = "1 test" if len(failing) == 1 else f"{len(failing)} tests"
            yield f"{count} of the project did not pass in the sandbox: {named}"
        if run.left:
            count = "1 test file" if len(run.left) == 1 else f"{len(run.left)} test files"
            limits = f"the limits are {seconds:.0f} s for all and {MOST_SECONDS:.0f} s for a file"
            yield f"{count} of the project did not run to the end: {run.trouble or limits}"

    def _blamed(self, member: Member) -> frozenset[str]:
        """Return the tests because of which it is unknown what the project's tests show of a member."""
        word = re.compile(rf"\b{re.escape(member.name.rpartition('.')[2])}\b")
        failing = (test for test in self.run.tests.values() if test.status not in {PASSED, SKIPPED})
        tests = {test.id for test in failing if _within(member, test) or word.search(test.name)}
        broken = {f"{path}::" for path in self.run.broken if word.search(self.texts.get(path, ""))}
        return frozenset(tests | broken)

    def _baseline(self, member: Member) -> MemberBaseline:
        reaching: dict[int, list[ProjectTest]] = {}
        for test in self.run.tests.values():
            for line in _within(member, test):
                reaching.setdefault(line, []).append(test)
        lines = self.run.loaded.get(member.path, frozenset[int]())
        loaded = {line for line in lines if member.line <= line <= member.end_line}
        of_loaded = [test for test in self.run.tests.values() if _within(member, test)]
        return MemberBaseline(
            reached=Reached(lines=frozenset(loaded.union(reaching))),
            tests={
                line: _quickest(of_loaded if line in loaded else reaching[line])
                for line in sorted(loaded.union(reaching))
            },
            branches_known=False,
            is_whole=self.is_whole,
        )


def _within(member: Member, test: ProjectTest) -> frozenset[int]:
    lines = test.lines.get(member.path, frozenset[int]())
    return frozenset(line for line in lines if member.line <= line <= member.end_line)


def _quickest(tests: Iterable[ProjectTest]) -> tuple[str, ...]:
    ordered = sorted(tests, key=lambda test: (test.seconds, test.id))
    return tuple(test.id for test in ordered[:_MOST_TESTS_A_LINE])

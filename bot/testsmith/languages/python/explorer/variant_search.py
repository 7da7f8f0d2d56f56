"""Run variants of the project's tests on head and base, and keep one that only the change lets pass."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from testsmith.execution.jobs import FAILED, PASSED, FunctionResult, TestJob, TracedMember
from testsmith.languages.python.explorer.usage.change_words import read_change_words
from testsmith.languages.python.explorer.usage.raised_errors import (
    expecting_error,
    is_raised_by,
    with_error_imported,
)
from testsmith.languages.python.explorer.usage.test_variants import Variant, VariedFile
from testsmith.languages.python.judge.test_reading.failing_assertions import watched, with_observed
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.run_settings import ON_BASE, PLAIN, PythonSetting
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.test_files.file_edits import edited_tests
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import CannotPlace
from testsmith.model import Candidate, Member, Origin, Request
from testsmith.tasks import gather

_HEAD = replace(PLAIN, in_project_session=True)
_BASE = replace(ON_BASE, in_project_session=True)
_SECONDS = 90.0
_MOST_TRIED = 36
_MOST_TESTS = 12
_MOST_LINES = 45
"""A longer test is not copied."""

_A_BATCH = 40
_FARTHEST_OBSERVED = 2
_MOST_OBSERVED = 4
_MOST_EDITS = 4

_Results = Mapping[str, FunctionResult]


async def search_variants(workspace: PythonWorkspace, request: Request) -> Candidate | None:
    """Return a member's test file with a variant of one of its tests that passes on head and fails on base.

    Args:
        workspace: Where the tests run.
        request: The request for tests of the member.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    if not request.test_text or workspace.base is None:
        return None
    try:
        words = read_change_words(request.member, request.intent)
        search = _Search(workspace, request, VariedFile(request.test_text, request.member, words))
        text = await search.edited()
        code = edited_tests(request.test_text, text) if text else ""
    except (CannotParse, CannotPlace):
        return None
    member = request.member.id
    return Candidate(member=member, code=code, origin=Origin.OFFLINE, edited=text) if code else None


@dataclass(frozen=True)
class _Found:
    """A variant that shows the change.

    Attributes:
        variant: The variant.
        name: Its name in the text.
        text: A test file that has it.
        raised: The exception that it expects, as a test fails with it; empty if it expects none. Untrusted.
    """

    variant: Variant
    name: str
    text: str
    raised: str = ""


@dataclass(frozen=True)
class _Search:
    """The search in one test file."""

    workspace: PythonWorkspace
    request: Request
    file: VariedFile

    async def edited(self) -> str:
        """Return the file with the best variant; empty if none shows the change."""
        variants = self.file.variants(await self._telling())
        for _, alike in groupby(variants, key=lambda each: each.change.rank):
            ones = list(alike)
            for start in range(0, len(ones), _A_BATCH):
                found = await self._best_of(ones[start : start + _A_BATCH])
                if found is not None:
                    return await self._with_test(found)
        return ""

    async def _telling(self) -> list[str]:
        """Return tests that pass on both sides: those that reach changed lines, or have a text of them."""
        calling = [test.id for test in self.request.existing if test.path == self.request.test_path]
        holding = self._holding()
        near = [name for name in (*calling, *holding) if name in self.file.tests]
        every = dict.fromkeys([*near, *sorted(self.file.tests, key=self.file.length)])
        tests = [name for name in every if self.file.length(name) <= _MOST_LINES][:_MOST_TRIED]
        if not tests:
            return []
        head, base = await self._both(self.request.test_text, tests, is_traced=True)
        changed = _traced(self.request.member)[1]

        def distance(name: str) -> tuple[bool, bool, bool, int]:
            reached = head[name].reached.lines
            return changed.isdisjoint(reached), name not in holding, not reached, self.file.length(name)

        passing = [name for name in tests if _has(PASSED, head, name) and _has(PASSED, base, name)]
        telling = [name for name in passing if name in near or head[name].reached.lines]
        return sorted(telling, key=distance)[:_MOST_TESTS]

    def _holding(self) -> list[str]:
        """Return the tests that have a text of the changed lines."""
        known = [repr(text)[1:-1] for text in self.file.words.telling]
        texts = {name: self.file.text_of(name) for name in self.file.tests}
        return [name for name, text in texts.items() if any(each in text for each in known)]

    async def _best_of(self, variants: Sequence[Variant]) -> _Found | None:
        """Return the first variant that passes on head alone, as it is or with the values observed there."""
        names = [f"{each.test}_variant_{number}" for number, each in enumerate(variants)]
        text = looked_at = self.file.with_variants(variants, [name.rpartition("::")[2] for name in names])
        for name in names:
            looked_at = watched(looked_at, name)
        head, base = await self._both(looked_at, names)
        found = [_Found(each, name, text) for each, name in zip(variants, names, strict=True)]
        for one in found:
            if _has(PASSED, head, one.name) and _has(FAILED, base, one.name):
                return one
        raising = [one for one in found if self._is_raised(head.get(one.name), base.get(one.name))]
        for one in raising[:_MOST_OBSERVED]:
            edited = await self._expecting(text, one.name, head[one.name])
            if edited:
                return replace(one, text=edited, raised=head[one.name].message)
        if variants[0].change.rank <= _FARTHEST_OBSERVED:
            differing = [one for one in found if _differs(head.get(one.name), base.get(one.name))]
            for one in differing[:_MOST_OBSERVED]:
                edited = await self._observed(text, one.name)
                if edited:
                    return replace(one, text=edited)
        return None

    def _is_raised(self, head: FunctionResult | None, base: FunctionResult | None) -> bool:
        """Return whether a test fails on head with an exception that the change raises."""
        return _differs(head, base) and head is not None and is_raised_by(self.file.words.added, head.message)

    async def _expecting(self, text: str, name: str, failed: FunctionResult) -> str:
        """Return the file in which a test expects the exception of head; empty if base does the same."""
        imported = with_error_imported(text, failed.message)
        edited = expecting_error(imported, name, failed.failing_line, failed.message)
        if not edited:
            return ""
        head, base = await self._both(edited, [name])
        return edited if _has(PASSED, head, name) and _has(FAILED, base, name) else ""

    async def _observed(self, text: str, name: str) -> str:
        """Return the file in which a test expects what head gives; empty if it does not fail on base then."""
        for _ in range(_MOST_EDITS):
            head, base = await self._both(watched(text, name), [name])
            if _has(PASSED, head, name):
                return text if _has(FAILED, base, name) else ""
            ran = head.get(name)
            edit = None if ran is None else with_observed(text, name, ran.message, ran.failed_rows)
            if edit is None:
                break
            text = edit.text
        return ""

    async def _with_test(self, found: _Found) -> str:
        """Return the file with a variant as a row of its table, or as a test of its own."""
        variant, rows = found.variant, self.file.rows(found.variant.test)
        if rows is not None and variant.row is not None and not rows.labels and not found.raised:
            row = self._of(found.text).text_of_row(found.name)
            return self.file.with_row(variant.test, variant.row, row)
        _, base = await self._both(found.text, [found.name])
        failed = base.get(found.name)
        line = "" if failed is None else failed.failing_line
        text = self._of(found.text).without_other_assertions(found.name, line)
        stem = variant.test.rpartition("::")[2] if rows is None else self.file.stem(variant.test)
        if text != found.text:
            stem = f"test_{self.request.member.plain_name.strip('_')}"
        name = self._unused(f"{stem}_{variant.change.words}")
        copied = self._of(text).text_of(found.name).replace(found.name.rpartition("::")[2], name, 1)
        file = self._of(with_error_imported(self.file.text, found.raised))
        return file.with_text_after(variant.test, copied)

    def _unused(self, name: str) -> str:
        taken = {each.rpartition("::")[2] for each in self.file.tests}
        names = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
        return next(each for each in names if each not in taken)

    def _of(self, text: str) -> VariedFile:
        return VariedFile(text, self.request.member, self.file.words)

    async def _both(
        self, text: str, tests: Sequence[str], *, is_traced: bool = False
    ) -> tuple[_Results, _Results]:
        """Run tests of a file on head and base."""
        job = TestJob(
            number=0,
            code=text,
            seconds=_SECONDS,
            without=frozenset(self._of(text).tests) - set(tests),
            test_path=self.request.test_path,
            is_of_file=True,
            traced=_traced(self.request.member)[0] if is_traced else None,
        )
        head, base = await gather(self._run(_HEAD, job), self._run(_BASE, job))
        return head, base

    async def _run(self, setting: PythonSetting, job: TestJob) -> _Results:
        return (await run_jobs(self.workspace, setting, [job]))[0].functions


def _traced(member: Member) -> tuple[TracedMember, frozenset[int]]:
    """Return what is traced, the member or what changed below it, and the changed lines there."""
    causes = (*member.causes, *member.causes_elsewhere)
    one = member if member.changed_lines or not causes else causes[0]
    return TracedMember(path=one.path, first=one.line, last=one.end_line), one.changed_lines


def _has(status: str, results: _Results, name: str) -> bool:
    return name in results and results[name].status == status


def _differs(head: FunctionResult | None, base: FunctionResult | None) -> bool:
    """Return whether a test fails on head, and in another way on base."""
    if head is None or base is None or head.status != FAILED:
        return False
    return base.status != FAILED or _plain(base.message) != _plain(head.message)


def _plain(message: str) -> str:
    return re.sub(r"0x[0-9a-f]+|/\S+", "", message)

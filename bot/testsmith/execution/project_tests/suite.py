"""The project's own tests: what they reach of the members, and which changes of them they notice.

They are run as their authors run them, with their conftest, plugins and settings, in a copy of the project
that may be written to, behind the sandbox. Where they cannot be measured nothing is claimed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from testsmith.execution.answers import PASSED, Reached
from testsmith.execution.harness import ChangedModules
from testsmith.execution.project_copy import is_safe_path
from testsmith.execution.project_tests.answers import OwnTest, SuiteAnswer, change_note, suite_notes
from testsmith.execution.project_tests.baseline import MemberBaseline, OnBase, OwnSuite
from testsmith.execution.project_tests.cache import (
    MOST_FAILED,
    Kept,
    Measurements,
    NoMeasurements,
    keep,
    kept_suite,
    suite_key,
)
from testsmith.execution.project_tests.command import ShellCommand
from testsmith.execution.project_tests.coverage_files import suite_from_coverage
from testsmith.execution.project_tests.failing_members import FailingMembers
from testsmith.execution.project_tests.file_coverage import run_shell_suite
from testsmith.execution.project_tests.run import run_again, run_on_base, run_suite, try_changes
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.threads import in_thread
from testsmith.execution.workspace import Workspace
from testsmith.model import BaselineStatus, Member
from testsmith.settings import VerificationSettings

__all__ = ["MemberBaseline", "OwnSuite", "changes_noticed", "measure_project_tests", "with_base"]

_MOST_TESTS_A_LINE = 1_000
"""Of more own tests that reach a line, the quickest count."""

_LANGUAGE = "python"
_NOTHING_KEPT = NoMeasurements()
_MOST_SOURCE_BYTES = 1_000_000


async def measure_project_tests(
    workspace: Workspace,
    members: Sequence[Member],
    settings: VerificationSettings,
    measurements: Measurements = _NOTHING_KEPT,
) -> OwnSuite:
    """Run the project's own tests once, and return what they reach of members.

    Args:
        workspace: Where they are run.
        members: What is looked at.
        settings: How long it may take, or the coverage file that is read instead.
        measurements: Where measurements are kept between runs.
    """
    subjects = [member for member in members if member.language == _LANGUAGE]
    if not subjects:
        return OwnSuite()
    if settings.coverage is not None:
        return await in_thread(suite_from_coverage, workspace, subjects, settings.coverage)
    if settings.suite_seconds <= 0:
        return OwnSuite(notes=("own tests were not run: suite-seconds is 0",))
    try:
        if isinstance(workspace.test_command, ShellCommand):
            return await run_shell_suite(workspace, workspace.test_command, subjects, settings.suite_seconds)
        return await _measured(workspace, subjects, settings, measurements)
    except (CannotRun, OSError) as error:
        return OwnSuite(status=BaselineStatus.FAILED, notes=(f"own tests were not run: {error}",))


async def _measured(
    workspace: Workspace,
    members: Sequence[Member],
    settings: VerificationSettings,
    measurements: Measurements,
) -> OwnSuite:
    seconds = settings.suite_seconds
    key = await in_thread(suite_key, workspace, members)
    known = kept_suite(measurements, key, members, seconds)
    if known is not None:
        return known
    answer = await run_suite(workspace, members, seconds)
    suite = await in_thread(partial(_concluded, workspace, members, answer, installs=settings.installs))
    if answer.is_whole or answer.is_late:  # else it may come out otherwise the next time
        keep(measurements, key, Kept(suite=suite, seconds=seconds if answer.is_late else 0.0))
    return suite


async def with_base(workspace: Workspace, suite: OwnSuite, seconds: float) -> OwnSuite:
    """Run those of head's tests that reach a member on base's source; return the suite with how they end.

    Args:
        workspace: Where they are run.
        suite: What the tests reach, and which of them pass on head.
        seconds: The time limit of all.
    """
    if workspace.base is None or not suite.is_run or seconds <= 0:
        return suite
    ends = time.monotonic() + seconds
    try:
        if suite.passed:
            suite = _with_answer(suite, await run_on_base(workspace, suite.passed, seconds))
        else:
            suite = replace(suite, on_base=OnBase())
        return await _with_change(workspace, suite, ends)
    except (CannotRun, OSError) as error:
        return replace(suite, notes=(*suite.notes, f"own tests were not run on the merge base: {error}"))


def _with_answer(suite: OwnSuite, answer: SuiteAnswer) -> OwnSuite:
    on_base = _on_base(suite.passed, answer)
    if answer.is_whole:
        return replace(suite, on_base=on_base)
    note = f"own tests were not all run on the merge base: {answer.trouble}"
    known = on_base if on_base.passed or on_base.failed else None
    return replace(suite, on_base=known, notes=(*suite.notes, note))


async def _with_change(workspace: Workspace, suite: OwnSuite, ends: float) -> OwnSuite:
    """Return the suite with what is known of members whose failing tests fail because of the change.

    These tests work on base. They are run once more on head, too: what then passes has failed by chance, or
    by what ran before it.

    Args:
        workspace: Where they are run.
        suite: What is known so far.
        ends: When it is to be over, on the monotonic clock.
    """
    blamed = frozenset[str]().union(*suite.blamed.values())
    left = ends - time.monotonic()
    if not blamed or left <= 0:
        return suite
    working = _working(await run_on_base(workspace, blamed, left), blamed)
    left = ends - time.monotonic()
    if not working or left <= 0:
        return suite
    failing = (await run_again(workspace, working, left)).failing_ids & working
    if not failing:
        return suite
    return replace(suite.without(failing), notes=(*suite.notes, change_note(failing)))


def _working(answer: SuiteAnswer, tests: frozenset[str]) -> frozenset[str]:
    """Return those of some tests that pass, and those of some files, `FILE::`, that can be loaded."""
    passed = {test.id for test in answer.tests if test.status == PASSED} & tests
    loaded = {test for test in tests if test.endswith("::")} - answer.failing_ids if answer.is_whole else ()
    return frozenset((*passed, *loaded))


def _on_base(asked: frozenset[str], answer: SuiteAnswer) -> OnBase:
    """Return how tests end on base, one whose file cannot be loaded there as one that fails."""
    ended = {test.id: test.has_failed for test in answer.tests}
    failed = {test for test in asked if ended.get(test, test.partition("::")[0] in answer.broken)}
    passed = {test for test, has_failed in ended.items() if test in asked and not has_failed}
    not_loaded = {test.partition("::")[0] for test in failed} - {test.file for test in answer.tests}
    return OnBase(passed=frozenset(passed), failed=frozenset(failed), not_loaded=frozenset(not_loaded))


def _concluded(
    workspace: Workspace, members: Sequence[Member], answer: SuiteAnswer, *, installs: bool
) -> OwnSuite:
    """Return what a run of the tests shows."""
    naming = FailingMembers(members, workspace.owned_modules, partial(_text, workspace.head.root))
    blamed = naming.by_failures(answer)
    for member in members:
        if left := _left_early(member, answer):
            blamed.setdefault(member.id, set()).update(left)
    unknown = set(blamed) if answer.likely_ended else {member.id for member in members}
    notes = suite_notes(answer, len(unknown), len(members), installs=installs)
    named = {file: naming.in_text(file) for file in {test.file for test in answer.tests}}
    found = {member.id: _baseline(member, answer, named) for member in members}
    passing = {test.id for test in answer.tests if test.status == PASSED and not _is_example(test)}
    suite = OwnSuite(
        status=_status(answer, unknown),
        tests=len(answer.tests),
        members={one: baseline for one, baseline in found.items() if one not in unknown},
        partly={one: baseline for one, baseline in found.items() if one in unknown and baseline.tests},
        notes=notes,
        failed=_failed(answer),
        blamed=_kept_blame(blamed) if answer.likely_ended else {},
    )
    passed = suite.reaching & passing
    files = {test.partition("::")[0] for test in passed}
    counts = Counter(test.file for test in answer.tests if test.id in passing and test.file in files)
    return replace(suite, passed=passed, passing=dict(counts))


def _status(answer: SuiteAnswer, unknown: Collection[str]) -> BaselineStatus:
    if not answer.tests:
        is_empty = answer.is_whole and not answer.broken
        return BaselineStatus.NONE if is_empty else BaselineStatus.FAILED
    return BaselineStatus.PARTLY if unknown or not answer.is_whole else BaselineStatus.MEASURED


def _is_example(test: OwnTest) -> bool:
    """Tell whether a test is an example of a source file's docstrings, which belongs to the source."""
    return test.file.endswith(".py") and ("." in test.name or test.name == Path(test.file).stem)


def _failed(answer: SuiteAnswer) -> frozenset[str] | None:
    """Return what did not pass or load; None where that is not known of all, or is too much to be kept."""
    failed = frozenset((*(f"{test.file}::{test.name}" for test in answer.failed), *answer.broken))
    return failed if answer.is_whole and len(failed) <= MOST_FAILED else None


def _left_early(member: Member, answer: SuiteAnswer) -> set[str]:
    """Return the ids of the tests that were ended in a member, be it by a failure or by a skip."""
    return {test.id for test in answer.tests if _within(member, test.left_early.get(member.path, ()))}


def _kept_blame(blamed: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """Return whom the members are unknown for; nothing where these are too many to be run once more."""
    are_few = len(set().union(*blamed.values())) <= MOST_FAILED
    return {member: frozenset(tests) for member, tests in blamed.items()} if are_few else {}


def _text(root: Path, path: str) -> str | None:
    """Return the text of a file of the copy, where it is a Python file or another that can be read."""
    place = root / path
    try:
        if not is_safe_path(path) or root not in place.resolve().parents:
            return None
        return place.read_bytes()[:_MOST_SOURCE_BYTES].decode("utf-8", "replace")
    except OSError:
        return None


def _baseline(member: Member, answer: SuiteAnswer, named: Mapping[str, frozenset[str]]) -> MemberBaseline:
    """Return what the tests do with one member.

    Args:
        member: The member.
        answer: What the tests showed.
        named: The ids of the members that each test file names.
    """
    reaching: dict[int, list[OwnTest]] = {}
    for test in answer.tests:
        for line in _within(member, test.lines.get(member.path, ())):
            reaching.setdefault(line, []).append(test)
    loaded = _within(member, answer.loaded.get(member.path, ()))
    arcs = answer.arcs.get(member.path, frozenset())
    for_loaded = [
        test
        for test in answer.tests
        if loaded and (member.id in named[test.file] or _within(member, test.lines.get(member.path, ())))
    ]
    return MemberBaseline(
        reached=Reached(
            lines=loaded.union(reaching),
            branches=frozenset(arc for arc in arcs if member.line <= arc[0] <= member.end_line),
        ),
        is_whole=answer.is_whole,
        tests={
            line: _quickest(for_loaded if line in loaded else reaching[line])
            for line in sorted(loaded.union(reaching))
        },
    )


def _within(member: Member, lines: Iterable[int]) -> frozenset[int]:
    return frozenset(line for line in lines if member.line <= line <= member.end_line)


def _quickest(tests: Iterable[OwnTest]) -> tuple[str, ...]:
    ordered = sorted(tests, key=lambda test: (test.seconds, test.id))
    return tuple(test.id for test in ordered[:_MOST_TESTS_A_LINE])


async def changes_noticed(
    workspace: Workspace, changed: Mapping[str, ChangedModules], seconds: float
) -> dict[str, dict[int, bool]]:
    """Run own tests against changes of members; return for each, by its number, whether a test fails with it.

    Changes that were not tried in time, or whose tests do not pass without them, are left out.

    Args:
        workspace: Where they are run.
        changed: The changes by member id; their `tests` are ids of own tests, and `names` does not matter.
        seconds: The time limit of all together.
    """
    return await try_changes(workspace, changed, seconds) if seconds > 0 else {}

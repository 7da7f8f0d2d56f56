"""Measure the baseline: what the project's tests reach of the members, and which mutants they kill.

The tests run with the project's conftest files, plugins and settings, in a writable copy of the project
inside the sandbox. If they cannot be measured, nothing is claimed about them.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from testsmith.execution.baseline import MemberBaseline, OnBase, OwnSuite
from testsmith.execution.jobs import PASSED, ChangedModules, Reached
from testsmith.execution.measurements import MOST_FAILED, Kept, Measurements, NoMeasurements, keep, kept_suite
from testsmith.execution.project_copy import is_safe_path
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.languages.python.running.project_tests.answers import (
    OwnTest,
    SuiteAnswer,
    change_note,
    suite_notes,
)
from testsmith.languages.python.running.project_tests.changed_tests import changed_test_files
from testsmith.languages.python.running.project_tests.command import ShellCommand
from testsmith.languages.python.running.project_tests.coverage_baseline import suite_from_coverage
from testsmith.languages.python.running.project_tests.failing_members import FailingMembers
from testsmith.languages.python.running.project_tests.file_coverage import run_shell_suite
from testsmith.languages.python.running.project_tests.run import (
    run_again,
    run_on_base,
    run_suite,
    try_changes,
)
from testsmith.languages.python.running.project_tests.suite_key import suite_key
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.model import BaselineStatus, Member
from testsmith.settings import VerificationSettings
from testsmith.storage.keys import canonical_digest
from testsmith.tasks import in_thread

__all__ = ["MemberBaseline", "OwnSuite", "changes_noticed", "measure_project_tests", "with_base"]

_OF_WHAT_IS_MISSING = re.compile(r"(?:ImportError|ModuleNotFoundError|AttributeError|NameError|TypeError)\b")

_MOST_TESTS_A_LINE = 1_000
"""Maximum number of tests recorded per line; the fastest are kept."""

_NOTHING_KEPT = NoMeasurements()
_MOST_SOURCE_BYTES = 1_000_000


async def measure_project_tests(
    workspace: PythonWorkspace,
    members: Sequence[Member],
    settings: VerificationSettings,
    measurements: Measurements = _NOTHING_KEPT,
    others_until: float | None = None,
) -> OwnSuite:
    """Run the project's tests once and return what they reach of the members.

    Args:
        workspace: PythonWorkspace to run in.
        members: Members to measure.
        settings: Time limit, or the coverage file to read instead.
        measurements: Cache for baselines.
        others_until: See `TestRunner.own_tests`.
    """
    if not members:
        return OwnSuite()
    if settings.coverage is not None:
        return await in_thread(suite_from_coverage, workspace, members, settings.coverage)
    if settings.suite_seconds <= 0:
        return OwnSuite(notes=("the project's tests were not run: suite-seconds is 0",))
    try:
        if isinstance(workspace.test_command, ShellCommand):
            return await run_shell_suite(workspace, workspace.test_command, members, settings.suite_seconds)
        return await _measured(workspace, members, settings, measurements, others_until)
    except (CannotRun, OSError) as error:
        return OwnSuite(status=BaselineStatus.FAILED, notes=(f"the project's tests were not run: {error}",))


async def _measured(
    workspace: PythonWorkspace,
    members: Sequence[Member],
    settings: VerificationSettings,
    measurements: Measurements,
    others_until: float | None,
) -> OwnSuite:
    seconds = settings.suite_seconds
    whole = await in_thread(suite_key, workspace, members)
    key = whole if others_until is None else canonical_digest([whole, others_until])
    for each in dict.fromkeys((whole, key)):
        known = kept_suite(measurements, each, members, seconds)
        if known is not None:
            return known
    answer = await run_suite(workspace, members, seconds, others_until)
    suite = await in_thread(partial(_concluded, workspace, members, answer, installs=settings.installs))
    if answer.is_whole:
        keep(measurements, whole, Kept(suite=suite))
    elif answer.leaves_others or answer.is_late:  # otherwise the next run may end differently
        keep(measurements, key, Kept(suite=suite, seconds=seconds if answer.is_late else 0.0))
    return suite


async def with_base(
    workspace: PythonWorkspace,
    suite: OwnSuite,
    members: Sequence[Member],
    seconds: float,
    others_until: float | None = None,
) -> OwnSuite:
    """Run some of head's tests on base's source, and add the results to the baseline.

    These are the tests that reach a member, and those in test files that the change adds or edits.

    Args:
        workspace: PythonWorkspace to run in.
        suite: Baseline on head.
        members: The measured members.
        seconds: Time limit for all tests.
        others_until: See `TestRunner.own_on_base`.
    """
    if workspace.base is None or not suite.is_run or seconds <= 0:
        return suite
    ends = time.monotonic() + seconds
    try:
        changed = await in_thread(
            changed_test_files, workspace.head.root, workspace.base.root, workspace.test_file_names
        )
        left_others = False
        if suite.passed:
            answer = await run_on_base(workspace, suite.passed, seconds, changed, others_until)
            left_others = answer.leaves_others
            suite = await _without_dependent(workspace, _with_answer(suite, answer), ends)
        else:
            suite = replace(suite, on_base=OnBase())
        suite = await _with_change(workspace, suite, ends)
        suite = await _with_changed_tests(workspace, changed, suite, members, ends)
        return replace(suite, status=BaselineStatus.PARTLY) if left_others else suite
    except (CannotRun, OSError) as error:
        return replace(
            suite, notes=(*suite.notes, f"the project's tests were not run on the merge base: {error}")
        )


async def _without_dependent(workspace: PythonWorkspace, suite: OwnSuite, ends: float) -> OwnSuite:
    """Return a copy that does not count tests as failing on base if they fail on head as well without others.

    On base, only some tests are run. These need what others do before them.
    """
    on_base = suite.on_base or OnBase()
    failed = {test for test in on_base.failed if test.partition("::")[0] not in on_base.not_loaded}
    left = ends - time.monotonic()
    if not failed or left <= 0:
        return suite
    failing = (await run_again(workspace, failed, left)).failing_ids
    return replace(suite, on_base=replace(on_base, failed=on_base.failed - failing)) if failing else suite


def _with_endings(suite: OwnSuite, answer: SuiteAnswer) -> OwnSuite:
    """Add how tests ended on base."""
    ended = {test.id: (test.status, test.message) for test in answer.tests}
    return replace(
        suite,
        on_base_ended={**suite.on_base_ended, **ended},
        on_base_broken={**suite.on_base_broken, **answer.broken},
    )


def _with_answer(suite: OwnSuite, answer: SuiteAnswer) -> OwnSuite:
    suite = _with_endings(suite, answer)
    on_base = _on_base(suite.passed, answer)
    if answer.is_whole or answer.leaves_others:
        return replace(suite, on_base=on_base)
    note = f"not all of the project's tests ran on the merge base: {answer.trouble}"
    known = on_base if on_base.passed or on_base.failed else None
    return replace(suite, on_base=known, notes=(*suite.notes, note))


async def _with_change(workspace: PythonWorkspace, suite: OwnSuite, ends: float) -> OwnSuite:
    """Add to the baseline the members whose failing tests fail because of the change.

    These tests name or reach a member, and pass on base. They are run once more on head: those that pass now
    failed by chance or because of tests that ran before them.

    Args:
        workspace: PythonWorkspace to run in.
        suite: Baseline so far.
        ends: Deadline on the monotonic clock.
    """
    reaching = suite.reaching - suite.passed
    if suite.failed is not None:
        reaching = frozenset(one for one in reaching if one.partition("[")[0] in suite.failed)
    blamed = reaching.union(*suite.blamed.values())
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


async def _with_changed_tests(
    workspace: PythonWorkspace,
    changed: Mapping[str, frozenset[str]],
    suite: OwnSuite,
    members: Sequence[Member],
    ends: float,
) -> OwnSuite:
    """Add to the baseline the tests of the change itself that show it, whatever they reach.

    Files are run as a whole on base. What fails there is run once more on head, traced, because it may not
    have run in the suite, or may need code that ran before it. If a file cannot be loaded on base, that is
    because of the members that its tests reach. If they reach none, the tests that the change adds or edits
    count, because the others may be about something else.

    Args:
        workspace: PythonWorkspace to run in.
        changed: The test files of the change, see `changed_test_files`.
        suite: Baseline so far.
        members: The measured members.
        ends: Deadline on the monotonic clock.
    """
    known = Counter(test.partition("::")[0] for test in suite.passed)
    files = [file for file in changed if suite.failed is None or suite.passing.get(file) != known[file]]
    left = ends - time.monotonic()
    if not files or left <= 0:
        return suite
    answer = await run_on_base(workspace, files, left)
    suite = _with_endings(suite, answer)
    failed = {test.id for test in answer.failed} - suite.passed
    explained = {test.file for test in answer.tests} | (suite.on_base or OnBase()).not_loaded
    not_loaded = answer.broken.keys() & set(files) - explained
    left = ends - time.monotonic()
    if not (failed or not_loaded) or left <= 0:
        return suite
    new = {file: changed[file] for file in not_loaded}
    again = await run_again(workspace, [*failed, *not_loaded], left, members)
    passing = [test for test in again.tests if test.status == PASSED and test.id not in suite.passed]
    return replace(
        suite,
        showing={
            test.id: frozenset(one.id for one in members if _within(one, test.lines.get(one.path, ())))
            for test in passing
            if test.id in failed or test.name.rpartition("::")[2] in new.get(test.file, ())
        },
    )


def _working(answer: SuiteAnswer, tests: frozenset[str]) -> frozenset[str]:
    """Return the given tests that pass, and the given files (`FILE::`) that can be loaded."""
    passed = {test.id for test in answer.tests if test.status == PASSED} & tests
    loaded = {test for test in tests if test.endswith("::")} - answer.failing_ids if answer.is_whole else ()
    return frozenset((*passed, *loaded))


def _on_base(asked: frozenset[str], answer: SuiteAnswer) -> OnBase:
    """Return the results on base.

    Tests whose file cannot be loaded there count as failed if something that it uses is missing. Any other
    reason may be that other tests of the project are not run with it.
    """
    ended = {test.id: test.has_failed for test in answer.tests}
    lacking = {file for file, why in answer.broken.items() if _OF_WHAT_IS_MISSING.match(why)}
    failed = {test for test in asked if ended.get(test, test.partition("::")[0] in lacking)}
    passed = {test for test, has_failed in ended.items() if test in asked and not has_failed}
    not_loaded = {test.partition("::")[0] for test in failed} - {test.file for test in answer.tests}
    return OnBase(passed=frozenset(passed), failed=frozenset(failed), not_loaded=frozenset(not_loaded))


def _concluded(
    workspace: PythonWorkspace, members: Sequence[Member], answer: SuiteAnswer, *, installs: bool
) -> OwnSuite:
    """Return the baseline according to a run of the tests."""
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
        blamed=_kept_blame(blamed),
        is_cut_short=not answer.likely_ended,
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
    """Return whether a test is a doctest in a source file, which belongs to the source."""
    return test.file.endswith(".py") and ("." in test.name or test.name == Path(test.file).stem)


def _failed(answer: SuiteAnswer) -> frozenset[str] | None:
    """Return what did not pass or load; None if not all results are known or there are too many to store."""
    failed = frozenset((*(f"{test.file}::{test.name}" for test in answer.failed), *answer.broken))
    return failed if answer.is_whole and len(failed) <= MOST_FAILED else None


def _left_early(member: Member, answer: SuiteAnswer) -> set[str]:
    """Return the ids of tests that ended inside a member, by a failure or a skip."""
    return {test.id for test in answer.tests if _within(member, test.left_early.get(member.path, ()))}


def _kept_blame(blamed: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """Return the tests to blame by member; empty if there are too many to run again."""
    are_few = len(set().union(*blamed.values())) <= MOST_FAILED
    return {member: frozenset(tests) for member, tests in blamed.items()} if are_few else {}


def _text(root: Path, path: str) -> str | None:
    """Return the text of a file of the copy if it can be read."""
    place = root / path
    try:
        if not is_safe_path(path) or root not in place.resolve().parents:
            return None
        return place.read_bytes()[:_MOST_SOURCE_BYTES].decode("utf-8", "replace")
    except OSError:
        return None


def _baseline(member: Member, answer: SuiteAnswer, named: Mapping[str, frozenset[str]]) -> MemberBaseline:
    """Return the baseline of one member.

    Args:
        member: The member.
        answer: Result of the run.
        named: Ids of the members that each test file names.
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
    workspace: PythonWorkspace, changed: Mapping[str, ChangedModules], seconds: float
) -> dict[str, dict[int, bool]]:
    """Run the project's tests against mutants of members; return whether each was killed, by number.

    Mutants that were not tried in time, or whose tests fail without them, are left out.

    Args:
        workspace: PythonWorkspace to run in.
        changed: Mutants by member id. Their `tests` are ids of the project's tests; `names` is ignored.
        seconds: Time limit for all mutants.
    """
    return await try_changes(workspace, changed, seconds) if seconds > 0 else {}

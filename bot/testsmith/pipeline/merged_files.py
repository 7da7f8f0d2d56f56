"""Suggestions as edits of the project's test files, and their proof in these files."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import unified_diff
from functools import cache
from itertools import chain, count
from pathlib import PurePosixPath
from typing import NamedTuple

from testsmith.deadline import TimeIsOver
from testsmith.execution.jobs import PASSED, SKIPPED, JobResult, RunSetting, TestJob
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.languages.judge import short
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.languages.tests import CannotPlace, UnfinishedFile, UnformattedModule
from testsmith.model import Candidate, Report, Skipped, SkipStage, Suggestion
from testsmith.patches import CannotApply, apply_patch, with_new_lines
from testsmith.pipeline.state import RunState
from testsmith.pipeline.verify import same_tests
from testsmith.tasks import gather
from testsmith.test_files.plan import Marking, plan_edits
from testsmith.test_files.write import git_lines, marked_ends
from testsmith.verification.prove import ProofContext

TIMES_AS_LONG = 3
"""Factor for the time limit, because the file's other tests run as well."""


def marking_of(run: RunState, failing: frozenset[str] | None = None) -> Callable[[], Marking]:
    """Return a function that says which tests of the bot are outdated; it computes them on its first call.

    Args:
        run: The run's state.
        failing: See `Marking.failing`.
    """
    languages = run.clients.languages
    return cache(lambda: Marking.of_members(run.members, languages, marks=False, failing=failing))


def patch_of_head(run: RunState, candidate: Candidate, marking: Callable[[], Marking]) -> str | None:
    """Return a candidate as a diff of its test file on head; None if there is no file that can hold it.

    See `patches_of_head`.
    """
    return patches_of_head(run, [candidate], marking)[0]


def patches_of_head(
    run: RunState, candidates: Sequence[Candidate], marking: Callable[[], Marking]
) -> list[str | None]:
    """Return each candidate as a diff of its test file on head; None if there is no file that can hold it.

    What a generator wrote as an edit of the file stays one, unless it was repaired by other tests. Those go
    to the place of their request, and replace those of the bot that are outdated.

    Args:
        run: The run's state.
        candidates: The candidates.
        marking: See `marking_of`.
    """
    tree = run.search.head_tree
    files = {number: _unfinished(run, one, marking) for number, one in enumerate(candidates)}
    patches: list[str | None] = [None] * len(candidates)
    for language in run.clients.languages:
        own = {
            number: file
            for number, file in files.items()
            if file is not None and run.language_of(candidates[number].member) is language
        }
        for number, text in zip(own, language.tests.finish_all(list(own.values()), tree), strict=True):
            patches[number] = file_diff(tree, own[number].test_path, own[number].existing or "", text) or None
    return patches


def file_diff(tree: SourceTree, path: str, before: str, after: str) -> str:
    """Return the unified diff of a file, with its line ends in a tree; empty if it stays the same."""
    ending = "\r\n" if b"\r\n" in (tree.read(path) or b"") else "\n"
    old, new = (text.replace("\r\n", "\n").replace("\n", ending) for text in (before, after))
    lines = git_lines(old), git_lines(new)
    return "".join(marked_ends(unified_diff(*lines, fromfile=f"a/{path}", tofile=f"b/{path}")))


def _unfinished(run: RunState, candidate: Candidate, marking: Callable[[], Marking]) -> UnfinishedFile | None:
    """Return a candidate's test file on head with its tests; None if there is no file that can hold them."""
    request = run.requests[candidate.member]
    tests, languages = run.language_of(candidate.member).tests, run.clients.languages
    path, tree = request.test_path, run.search.head_tree
    suggestion = Suggestion(
        member=candidate.member,
        number=0,
        test_path=path,
        place=request.place,
        code=candidate.code,
        tests=(),
        origin=candidate.origin,
        evidence=None,
        label=None,
    )
    if candidate.edited:
        before = request.test_text
        with suppress(CannotPlace, CannotParse):  # it has been repaired by other tests
            text = tests.joined_edit(before, candidate.edited, candidate.code)
            own = {test.id for test in request.existing if test.path == path and test.calls}
            return UnfinishedFile(tests.beside_subject(before, text, request.member, own), before, path)
    try:
        before = (tree.read(path) or b"").decode()
        if not before.strip():
            return None
        edits = plan_edits([suggestion], tree, languages, marking(), finishes=False).edits
        text = next((each.new.decode() for each in edits if each.path == path), before)
        return UnfinishedFile(text, before, path)
    except (CannotPlace, CannotParse, UnicodeDecodeError):
        return None


async def prove_in_files(run: RunState, context: ProofContext, report: Report) -> Report:
    """Run the suggestions once more in the files that they would be merged into.

    Each test that is added or extended must pass there on head, next to the file's other tests, and as many
    as before must fail on base. If a helper of the file is extended, the other tests may not fail with it. A
    suggestion that does not hold goes to a new file, as it was proven, unless it has copies of the project's
    test helpers there. Of equal suggestions for one file, the first is left.
    """
    report = left_out(run, report, repeated_tests(report.suggestions))
    if run.options.candidates is None:
        report = await _formatted_in_files(run, context, report)
    in_files: dict[int, JobInFile] = {}
    for number, suggestion in enumerate(report.suggestions):
        found = job_in_file(run, number, suggestion) if suggestion.is_green else None
        if found is not None:
            in_files[number] = found
    settings = context.runner.settings_in_file()
    if not settings:
        return report
    try:
        jobs = [one.job for one in in_files.values()]
        running = [_results(context, setting, jobs) for setting in settings] if jobs else []
        results = await run.deadline.within(gather(*running))
    except TimeIsOver:
        results = [{}]
    failing = context.own_suite.failed or frozenset()
    paths = set(run.search.head_tree.paths())
    suggestions, reasons, notes = list[Suggestion](), dict[str, str](), list[str]()
    for number, suggestion in enumerate(report.suggestions):
        if number in in_files:
            trouble = _trouble(number, suggestion, results, in_files[number].changed)
            trouble = trouble or _broken_by(in_files[number], results[0].get(number), failing)
        else:
            trouble = "" if _has_place(run, suggestion) else "which cannot hold it"
        suggestions.append(_in_new_file(run, suggestion, paths) if trouble else suggestion)
        if trouble:
            where = f"not proven in `{suggestion.test_path}`, {trouble}"
            if copied := _copied(run, suggestions[-1]):
                reasons[suggestion.member] = f"{where}, and a new file {copied}"
            else:
                name = suggestion.member.rpartition("::")[2]
                notes.append(f"the test of `{name}` is in a new file, because it is {where}")
    report = replace(report, suggestions=tuple(suggestions), notes=(*report.notes, *notes))
    return left_out(run, report, reasons)


def repeated_tests(suggestions: Iterable[Suggestion]) -> dict[str, str]:
    """Return the members whose suggestion for a file is that of an earlier one, with the reason."""
    first: dict[tuple[str, str], str] = {}
    reasons: dict[str, str] = {}
    for one in suggestions:
        other = first.setdefault((one.test_path, one.code), one.member) if one.is_green else one.member
        if other != one.member:
            reasons[one.member] = f"its tests are those of `{other.rpartition('::')[2]}`"
    return reasons


def left_out(run: RunState, report: Report, reasons: Mapping[str, str]) -> Report:
    """Return a report without the green suggestions of some members.

    Args:
        run: The run's state.
        report: The report.
        reasons: The reason for each of these members.
    """
    out = [one for one in report.suggestions if one.is_green and one.member in reasons]
    suggestions = [one for one in report.suggestions if one not in out]
    others = {one.member for one in suggestions}
    skipped, notes = list(report.skipped), list(report.notes)
    for member, reason in ((run.requests[key].member, reason) for key, reason in reasons.items()):
        if member.id in others:
            notes.append(why_no_test(member.id, reason))
        else:
            skipped.append(Skipped.of(member, SkipStage.GATE, reason))
    funnel = report.statistics.funnel
    funnel = replace(funnel, posted=funnel.posted - sum(len(one.tests) for one in out))
    return replace(
        report,
        suggestions=tuple(suggestions),
        skipped=tuple(skipped),
        statistics=replace(report.statistics, funnel=funnel),
        notes=tuple(notes),
    )


def why_no_test(member: str, reason: str) -> str:
    """Return the note on a member, by its id, that has a question but no new test."""
    return f"no new test of `{member.rpartition('::')[2]}` is suggested: {reason}"


def _copied(run: RunState, suggestion: Suggestion) -> str:
    """Return what a suggestion for a new file copies, as a clause; empty for nothing."""
    return run.language_of(suggestion.member).judge.copies(suggestion.code, suggestion.test_path)


async def _formatted_in_files(run: RunState, context: ProofContext, report: Report) -> Report:
    """Return suggestions whose lines are as the toolchain's or the project's formatter writes them."""
    files: dict[int, tuple[str, str]] = {}
    for number, one in enumerate(report.suggestions):
        before = (run.search.head_tree.read(one.test_path) or b"").decode("utf-8", "replace")
        with suppress(CannotApply):
            if one.patch is not None:
                files[number] = before, apply_patch(before, one.patch)
    suggestions = list(report.suggestions)
    modules = [UnformattedModule(text, suggestions[number].test_path) for number, (_, text) in files.items()]
    try:
        formatted = await run.deadline.within(context.runner.formatted(modules)) if modules else []
    except (CannotRun, TimeIsOver):
        return report
    for (number, (before, after)), text in zip(files.items(), formatted, strict=True):
        one = suggestions[number]
        new = same_tests(with_new_lines(before, after, text), after, run.language_of(one.member))
        if new != after:
            suggestions[number] = replace(
                one, patch=file_diff(run.search.head_tree, one.test_path, before, new)
            )
    return replace(report, suggestions=tuple(suggestions))


class JobInFile(NamedTuple):
    """What runs the tests of a patch in their file.

    Attributes:
        job: The job.
        changed: Names of the tests that the patch adds or extends.
        sharing: Names of the other tests that are run, because they may use a helper that the patch extends.
    """

    job: TestJob
    changed: frozenset[str]
    sharing: frozenset[str]

    @property
    def job_of_changed(self) -> TestJob:
        """The job without the tests that only share a helper."""
        return replace(self.job, without=self.job.without | self.sharing)


def job_in_file(run: RunState, number: int, suggestion: Suggestion) -> JobInFile | None:
    """Return what runs the tests of a suggestion's patch in their file; None without a patch."""
    if suggestion.patch is None:
        return None
    tests, path = run.language_of(suggestion.member).tests, suggestion.test_path
    before = (run.search.head_tree.read(path) or b"").decode()
    try:
        after = apply_patch(before, suggestion.patch)
        changed = frozenset(tests.changed_tests(before, after))
        sharing = frozenset(tests.tests_sharing_edits(before, after)) - changed
        alone = tests.self_contained(after, path, run.search.head_tree)
    except (CannotApply, CannotParse):
        return None
    job = TestJob(
        number=number,
        code=after,
        seconds=TIMES_AS_LONG * run.settings.verification.test_seconds,
        without=frozenset(tests.test_functions(after)).difference(changed, sharing),
        test_path=path,
        alone=alone,
        is_of_file=True,
    )
    return JobInFile(job, changed, sharing)


async def _results(
    context: ProofContext, setting: RunSetting, jobs: Sequence[TestJob]
) -> Mapping[int, JobResult]:
    try:
        return await context.runner.run(setting, jobs)
    except CannotRun:
        return {}


def _trouble(
    number: int, suggestion: Suggestion, results: Sequence[Mapping[int, JobResult]], tests: Collection[str]
) -> str:
    """Return what is wrong with a suggestion in its file, as a clause; empty if it is proven there.

    All tests have to pass on head, and as many to fail on base as when they ran alone. Classes of the file
    that inherit a test run it as well, and have to pass it on head. What else they inherit does not count.

    Args:
        number: Number of the suggestion.
        suggestion: The suggestion.
        results: Results on head, then on base.
        tests: Names of the tests that its patch adds or extends.
    """
    names = {test.rpartition("::")[2] for test in tests}
    found = [result.get(number, JobResult()) for result in results]
    head, *on_base = (
        {name: one for name, one in result.functions.items() if name.rpartition("::")[2] in names}
        for result in found
    )
    if not head:
        problem = short(found[0].problem)
        return f"where it could not be run (`{problem}`)" if problem else "where it was not run"
    failed = next((one for one in head.values() if one.status != PASSED), None)
    if failed is not None:
        how = "its tests are skipped" if failed.status == SKIPPED else "it fails"
        return f"where {how} (`{short(failed.message)}`)" if failed.message else f"where {how}"
    failing = None if suggestion.evidence is None else suggestion.evidence.fail_to_pass
    for base in on_base if failing is not None else ():
        there = sum(base[test].status != PASSED for test in tests if test in base)
        if there != failing:
            return f"where {there} of its tests fail on the merge base instead of {failing}"
    return ""


def _broken_by(one: JobInFile, result: JobResult | None, failing: Collection[str]) -> str:
    """Return which other test of its file a patch breaks, as a clause; empty if it breaks none.

    Args:
        one: What ran.
        result: Result on head.
        failing: The project's tests that fail on head without the patch: file, `::` and name.
    """
    for name, ended in {} if result is None else result.functions.items():
        is_known = name not in one.sharing or f"{one.job.test_path}::{name}" in failing
        if not is_known and ended.status not in {PASSED, SKIPPED}:
            return f"where `{name}` fails with it (`{short(ended.message)}`)"
    return ""


def _has_place(run: RunState, suggestion: Suggestion) -> bool:
    """Return whether a suggestion without a patch can be added to its file, or the file is new."""
    before = (run.search.head_tree.read(suggestion.test_path) or b"").decode("utf-8", "replace")
    if suggestion.patch is not None or not suggestion.is_green or not before.strip():
        return True
    try:
        return run.language_of(suggestion.member).tests.place(before, suggestion.code) != before
    except (CannotPlace, CannotParse):
        return False


def _in_new_file(run: RunState, suggestion: Suggestion, paths: Collection[str]) -> Suggestion:
    """Return a suggestion for a file of its own, under names that the other file does not have."""
    tests = run.language_of(suggestion.member).tests
    path = new_test_file(suggestion.test_path, suggestion.member, paths, tests.is_run_anywhere)
    [code] = tests.apart([UnformattedModule(suggestion.code, path)], run.search.head_tree)
    moved = replace(suggestion, test_path=path, place=None, patch=None)
    if isinstance(code, CannotParse) or code == suggestion.code:
        return moved
    return replace(moved, code=code, tests=tests.test_functions(code))


_AFFIXES = re.compile(r"(?P<before>test[_-])?(?P<name>.*?)(?P<after>[._-](?:test|spec))?")
"""What makes a file a test file, around its name."""


def new_test_file(
    path: str, member: str, paths: Collection[str], fits: Callable[[str], bool] = lambda _: True
) -> str:
    """Return the path of a new test file for a member, next to another test file.

    Args:
        path: The other test file.
        member: Id of the member.
        paths: All paths of the project.
        fits: Whether a file may have a name.
    """
    place = PurePosixPath(path)
    parts = member.rpartition("::")[2].split(".")
    subject = "_".join(_snake(part) for part in parts if not part.startswith("__")) or "module"
    affixes = _AFFIXES.fullmatch(place.stem)
    before, after = ("", "") if affixes is None else (affixes["before"] or "", affixes["after"] or "")
    own = f"{before}{subject}{after}" if before or after else f"{place.stem}_{subject}"
    names = chain([own], (f"{before}{subject}_{number}{after}" for number in count(2)))
    # pytest imports two files of the same name only if they are in packages.
    taken = {PurePosixPath(one).name for one in paths}
    free = (new for name in names if (new := name + place.suffix) not in taken)
    return str(place.with_name(next(filter(fits, free))))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).strip("_").lower()

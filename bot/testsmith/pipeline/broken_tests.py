"""Ask about the project's own tests that a change breaks, each with the edit that would make it pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import unified_diff

from testsmith.deadline import TimeIsOver
from testsmith.execution.jobs import PASSED, FunctionResult, RunSetting, TestJob
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.languages.judge import short
from testsmith.languages.language import Language, language_of
from testsmith.languages.results import Proof, TestStatus
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.languages.tests import CannotPlace
from testsmith.model import (
    BaseOutcome,
    Candidate,
    Change,
    Evidence,
    Label,
    Member,
    MemberKind,
    Origin,
    Report,
    Suggestion,
)
from testsmith.pipeline.merged_files import TIMES_AS_LONG
from testsmith.pipeline.state import RunState
from testsmith.verification.evidence import RunSubject, gather_evidence
from testsmith.verification.prove import ProofContext

_SHARE_OF_TIME = 0.5
_MOST_SHOWN = 3
"""If the change breaks more tests, the question is asked for the first alone."""

_MOST_TRIED = 5
_MOST_EDITS = 5
"""Maximum number of values replaced in one test."""

_MOST_MEMBERS = 3
_MOST_OF_A_FAILURE = 1_500


@dataclass(frozen=True, slots=True, kw_only=True)
class _BrokenTest:
    """A test of the project that passes on base and fails on head.

    Attributes:
        path: Its file.
        name: Its name in the file, as in `TestFiles.test_functions`.
        members: The members that it names, nearest to the change first.
    """

    path: str
    name: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    """An edited test file, and the first value that it replaces."""

    text: str
    expected: str
    observed: str


async def ask_about_broken_tests(run: RunState, context: ProofContext, report: Report) -> Report:
    """Add a question for each of the project's tests that the change breaks, if an edit is proven.

    The edit makes the test expect what was observed, and changes nothing else. Nothing is asked about a test
    that the change edits itself.

    Args:
        run: The run's state.
        context: What tests are proven with.
        report: The results so far.
    """
    if run.options.candidates is not None or run.search.base_tree is None:
        return report
    broken = list(_broken_tests(run, context))
    most = _MOST_SHOWN if len(broken) <= _MOST_SHOWN else 1
    questions: list[Suggestion] = []

    async def ask() -> None:
        for test in broken[:_MOST_TRIED]:
            if len(questions) < most:
                questions.extend(await _questions(run, context, test))

    try:
        await run.deadline.within(ask(), _SHARE_OF_TIME)
    except (TimeIsOver, CannotRun):
        pass
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        run.warn_of_fault("the tests that the change breaks were not looked at", error)
    asked = {question.member for question in questions}
    notes = [f"this change breaks {len(broken)} tests of the project; the question is about the first"]
    return replace(
        report,
        suggestions=(*report.suggestions, *questions),
        skipped=tuple(one for one in report.skipped if one.member not in asked),
        notes=(*report.notes, *(notes if questions and len(broken) > _MOST_SHOWN else ())),
    )


def _broken_tests(run: RunState, context: ProofContext) -> Iterator[_BrokenTest]:
    """Yield the broken tests in order that the change does not edit itself."""
    suite = context.own_suite
    members = sorted(run.members, key=lambda member: member.change is Change.AFFECTED)
    found: dict[tuple[str, str], dict[str, Member]] = {}
    for test in sorted(suite.broken):
        path, _, name = test.partition("::")
        naming = {one.id: one for one in members if test in suite.blamed.get(one.id, ())}
        found.setdefault((path, name.partition("[")[0]), {}).update(naming)
    for (path, name), naming in found.items():
        language = language_of(path, run.clients.languages)
        if language is not None and naming and name and _is_untouched(run, language, path, name):
            yield _BrokenTest(path=path, name=name, members=tuple(naming.values()))


def _is_untouched(run: RunState, language: Language, path: str, name: str) -> bool:
    """Return whether the change leaves a test, and what it uses of its file, as they were."""
    trees = run.search.head_tree, run.search.base_tree
    try:
        texts = [_text(tree, path) for tree in trees if tree is not None]
        if any(name not in language.tests.test_functions(text) for text in texts):
            return False
        return (
            len({language.judge.normalized(language.tests.keep_tests(text, [name])) for text in texts}) == 1
        )
    except (CannotParse, UnicodeDecodeError):
        return False


def _text(tree: SourceTree, path: str) -> str:
    return (tree.read(path) or b"").decode()


async def _questions(run: RunState, context: ProofContext, test: _BrokenTest) -> list[Suggestion]:
    """Return the question about a test, if there is an edit of it that holds."""
    language = run.language_of(test.members[0].id)
    try:
        edit = await _edit(run, context, language, test)
        code = "" if edit is None else _alone(run, language, test, edit.text)
    except (CannotParse, CannotPlace):
        return []
    if edit is None or not await _holds_in_file(context, test, edit.text, language):
        return []
    candidate = Candidate(member=test.members[0].id, code=code, origin=Origin.OFFLINE)
    proofs = await gather_evidence(
        [
            RunSubject(member=member, candidate=replace(candidate, member=member.id), test_path=test.path)
            for member in test.members[:_MOST_MEMBERS]
        ],
        context.runner,
        language.tests.test_functions,
        context.settings,
        context.progress,
    )
    proof = next((proof for proof in proofs if _is_proven(proof)), None)
    return [] if proof is None else [_question(run, test, edit, proof)]


async def _edit(run: RunState, context: ProofContext, language: Language, test: _BrokenTest) -> _Edit | None:
    """Return the test's file with the values that its failing assertions observe on head."""
    before = text = _text(run.search.head_tree, test.path)
    first: _Edit | None = None
    for _ in range(_MOST_EDITS):
        setting = context.runner.settings_in_file()[0]
        ran = await _result(context, setting, test, language.judge.watched(text, test.name), language)
        if ran is None or ran.status == PASSED:
            break
        found = language.judge.with_observed(text, test.name, ran.message, ran.failed_rows)
        if found is None:
            return None
        text = found.text
        first = first or _Edit(text=text, expected=found.expected, observed=found.observed)
    finished = language.tests.finish(text, before, test.path, run.search.head_tree)
    return None if first is None else replace(first, text=finished)


async def _holds_in_file(context: ProofContext, test: _BrokenTest, text: str, language: Language) -> bool:
    """Return whether the edited test passes on head, in its file, and fails on base."""
    head, *on_base = context.runner.settings_in_file()
    ran = await _result(context, head, test, text, language)
    before = [await _result(context, setting, test, text, language) for setting in on_base]
    fails = all(one is not None and one.status != PASSED for one in before)
    return ran is not None and ran.status == PASSED and fails


async def _result(
    context: ProofContext, setting: RunSetting, test: _BrokenTest, text: str, language: Language
) -> FunctionResult | None:
    job = TestJob(
        number=0,
        code=text,
        seconds=TIMES_AS_LONG * context.settings.test_seconds,
        without=frozenset(language.tests.test_functions(text)) - {test.name},
        test_path=test.path,
    )
    return (await context.runner.run(setting, [job]))[0].functions.get(test.name)


def _alone(run: RunState, language: Language, test: _BrokenTest, text: str) -> str:
    code = language.tests.keep_tests(text, [test.name])
    return language.tests.self_contained(code, test.path, run.search.head_tree)


def _is_proven(proof: Proof) -> bool:
    """Return whether the edited test passes all runs on head, fails on base, and reaches the member."""
    if len(proof.functions) != 1:
        return False
    test = proof.functions[0]
    reaches = bool(test.lines) or proof.member.kind is MemberKind.CLASS
    fails = test.base is not None and test.base.status is TestStatus.FAILED
    return bool(test.head) and test.passes == len(test.head) and fails and reaches


def _question(run: RunState, test: _BrokenTest, edit: _Edit, proof: Proof) -> Suggestion:
    before = _text(run.search.head_tree, test.path).splitlines(keepends=True)
    after = edit.text.splitlines(keepends=True)
    patch = unified_diff(before, after, fromfile=f"a/{test.path}", tofile=f"b/{test.path}")
    proven = proof.functions[0]
    message = "" if proven.base is None else proven.base.message[:_MOST_OF_A_FAILURE]
    return Suggestion(
        member=proof.member.id,
        number=0,
        test_path=test.path,
        code=proof.candidate.code,
        tests=(test.name,),
        origin=proof.candidate.origin,
        evidence=Evidence(
            passes=proven.passes,
            runs=len(proven.head),
            base=BaseOutcome.FAILS,
            fail_to_pass=1,
            failures=((test.name, message),),
        ),
        label=Label.QUESTION,
        summary=(
            f"`{test.name}` in `{test.path}` passes before this change and fails with it: it expects "
            f"`{short(edit.expected)}` and gets `{short(edit.observed)}`. Was this meant?"
        ),
        patch="".join(patch),
    )

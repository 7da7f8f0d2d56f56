"""Ask about the project's own tests that a change breaks, each with the edit that would make it pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from testsmith.deadline import TimeIsOver, next_group
from testsmith.execution.jobs import (
    PASSED,
    FunctionResult,
    JobResult,
    RunSetting,
    TestJob,
    TracedMember,
    batches_of,
)
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.languages.judge import CannotJudge, added_smells, short
from testsmith.languages.language import Language, language_of
from testsmith.languages.results import Proof, TestStatus
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.languages.tests import CannotPlace, UnformattedModule
from testsmith.model import (
    BaseOutcome,
    Candidate,
    Change,
    Evidence,
    Label,
    Member,
    MemberKind,
    Origin,
    Repair,
    Report,
    Request,
    Suggestion,
)
from testsmith.patches import CannotApply, apply_patch
from testsmith.pipeline import time_budget
from testsmith.pipeline.generate import ask
from testsmith.pipeline.merged_files import TIMES_AS_LONG, file_diff, job_in_file, left_out, why_no_test
from testsmith.pipeline.state import RunState
from testsmith.tasks import gather
from testsmith.verification.evidence import RunSubject, gather_evidence, in_place
from testsmith.verification.prove import ProofContext
from testsmith.verification.repair import marked

_SHARE_OF_TIME = 0.5
_MOST_SHOWN = 3
"""If the change breaks more tests, the question is asked for the first alone."""

_MOST_TRIED = 5
_MOST_COMPARED = 20
"""If the change breaks more tests, it is not known which of the others fail in the same way."""

_MOST_NAMED = 5
_MOST_EDITS = 5
"""Maximum number of values replaced in one test."""

_MOST_MEMBERS = 3
_OF_PROJECT = (
    "This is a test of the project. It passes without the change and fails with it. Change only what the "
    "change makes wrong: the assertions, and the name and docstring of the test if they would say the "
    "opposite. If what it shows still holds in some case, for example with another option, keep the test "
    "for that case. Leave the test out if the change looks like a mistake."
)
_CHECK_NAME = " If so, check that its name still says what it shows."
_MOST_OF_A_FAILURE = 1_500
_LAST_LINE = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class _BrokenTest:
    """A test of the project that passes on base and fails on head.

    Attributes:
        path: Its file.
        name: Its name in the file, as in `TestFiles.test_functions`.
        language: Its language.
        members: The members that it names or reaches, nearest to the change first.
        extension: The suggestion of the model that adds rows or assertions to it. The question shows these,
            too, because they would fail with the rest of the test.
        alike: Other tests of the file that fail with the same message on head.
        message: This message; empty if there are no such tests.
    """

    path: str
    name: str
    language: Language
    members: tuple[Member, ...]
    extension: Suggestion | None = None
    alike: tuple[str, ...] = ()
    message: str = ""

    @property
    def note(self) -> str:
        """A note on tests that fail alike, if what they share would have to be edited."""
        why = self.language.judge.first_words(self.message)
        return (
            f"this change breaks {len(self.alike) + 1} tests of `{self.path}` in the same way (`{why}`): "
            f"{_listed((self.name, *self.alike))}. Check what they share, such as a fixture"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    """An edited test file.

    Attributes:
        text: Its text.
        name: Name of the edited test in it.
        says: What fails, as a clause.
        origin: What made the edit.
    """

    text: str
    name: str
    says: str
    origin: Origin = Origin.OFFLINE


async def ask_about_broken_tests(run: RunState, context: ProofContext, report: Report) -> Report:
    """Add a question for each of the project's tests that the change breaks, if an edit is proven.

    The model writes the edit, and may also correct the name and the docstring of the test. Without a model,
    or if its edit is not proven, the edit replaces the expected values with the observed ones, and changes
    nothing else. A test that the change edits itself gets no question. Tests that fail in the same way get
    one question, which names them; if no value can be replaced, the cause may be something that they share,
    and there is a note instead.

    A suggestion is left out if the edited tests make all of its calls of changed functions.

    Args:
        run: The run's state.
        context: What tests are proven with.
        report: The results so far.
    """
    is_about_change = run.options.candidates is None and run.search.base_tree is not None
    if not is_about_change or not context.runner.settings_in_file():
        return report
    broken: list[_BrokenTest] = []
    questions: list[Suggestion] = []
    notes: list[str] = []
    try:
        broken += (
            _with_extension(run, report, test)
            for test in _broken_tests(run, context)
            if not _is_replaced(run, report, test)
        )
        await run.deadline.within(_ask(run, context, broken, questions, notes), _SHARE_OF_TIME)
    except (TimeIsOver, CannotRun):
        pass
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        run.warn_of_fault("the tests that the change breaks were not examined", error)
    shown = {(question.test_path, question.tests[0]) for question in questions}
    taken = [test.extension for test in broken if (test.path, test.name) in shown]
    left = [one for one in report.suggestions if one not in taken]
    repeated = await _repeated(run, context, left, questions)
    report = with_questions(replace(report, suggestions=tuple(left)), questions, notes)
    return left_out(run, report, repeated)


def with_questions(report: Report, questions: Sequence[Suggestion], notes: Iterable[str]) -> Report:
    """Return a report with questions and notes, also on why a member with only a question has no test."""
    asked = {question.member for question in questions}
    skipped = [one for one in report.skipped if one.member in asked]
    of_skipped = (why_no_test(one.member or "", one.reason) for one in skipped)
    return replace(
        report,
        suggestions=(*report.suggestions, *questions),
        skipped=tuple(one for one in report.skipped if one not in skipped),
        notes=(*report.notes, *notes, *of_skipped),
    )


async def _repeated(
    run: RunState, context: ProofContext, suggestions: Sequence[Suggestion], questions: Sequence[Suggestion]
) -> dict[str, str]:
    """Return the members whose suggested tests call what edited tests call, with reasons to leave these out.

    The calls are those that the tests make when they run, of any function of the changed files, and of any
    member of the run.
    """
    green = [one for one in suggestions if one.is_green]
    if not green or not questions or not context.runner.records_calls:
        return {}
    recorded = tuple(_recorded(run))
    every = [*green, *questions]
    jobs = list[TestJob]()
    for number, one in enumerate(every):
        in_file = job_in_file(run, number, one)
        job = _job_in_new_file(run, number, one) if in_file is None else in_file.job_of_changed
        jobs.append(replace(job, recorded=recorded))
    try:
        setting = context.runner.settings_in_file()[0]
        results = await run.deadline.within(context.runner.run(setting, jobs))
    except (TimeIsOver, CannotRun):
        return {}
    calls = [_calls(results.get(number)) for number in range(len(every))]
    names = (question.tests[0] for question in questions)
    edited = list(zip(names, calls[len(green) :], strict=True))
    known = frozenset[str]().union(*(found for _, found in edited))
    return {
        one.member: why_repeated(found, edited)
        for one, found in zip(green, calls, strict=False)
        if found and found <= known
    }


def _recorded(run: RunState) -> Iterator[TracedMember]:
    """Yield what calls are recorded of. A changed file may have changed functions that are not members."""
    yield from (TracedMember(path=one.path, first=one.line, last=one.end_line) for one in run.members)
    paths = (file.head_path for file in run.search.files)
    yield from (TracedMember(path=path, first=1, last=_LAST_LINE) for path in paths if path)


def _job_in_new_file(run: RunState, number: int, suggestion: Suggestion) -> TestJob:
    return TestJob(
        number=number,
        code=suggestion.code,
        seconds=TIMES_AS_LONG * run.settings.verification.test_seconds,
        test_path=suggestion.test_path,
    )


def _calls(result: JobResult | None) -> frozenset[str]:
    """Return the calls of members that tests make; none unless all of them pass."""
    functions = () if result is None else result.functions.values()
    if any(one.status != PASSED for one in functions):
        return frozenset()
    return frozenset[str]().union(*(one.calls for one in functions))


def why_repeated(calls: frozenset[str], edited: Sequence[tuple[str, frozenset[str]]]) -> str:
    """Say which edited test makes all of some calls, or that several make them together.

    Args:
        calls: The calls, which edited tests make.
        edited: The edited tests, each with its name and its calls.
    """
    for name, known in edited:
        if calls <= known:
            return f"the corrected `{name}` makes the same calls"
    return "the corrected tests together make the same calls"


async def _ask(
    run: RunState,
    context: ProofContext,
    broken: Sequence[_BrokenTest],
    questions: list[Suggestion],
    notes: list[str],
) -> None:
    """Append the questions about broken tests, as many as are shown, and notes on others.

    Those that the model extends come first: without the question, its rows would be in a new file.
    """
    causes = sorted(await _by_cause(run, context, broken), key=lambda test: test.extension is None)
    most = _MOST_SHOWN if len(causes) <= _MOST_SHOWN else 1
    tried = causes[:_MOST_TRIED]
    observed = await gather(*(_observed_edit(run, context, test) for test in tried))
    for_model = [
        test
        for test, edit in zip(tried, observed, strict=True)
        if test.extension is None and (edit or not test.alike)
    ]
    written = await _edits_by_model(run, context, for_model[:most])
    for test, edit in zip(tried, observed, strict=True):
        if len(questions) == most:
            break
        edits = [*(one for asked, one in written if asked is test), *filter(None, [edit])]
        found = await _first_proven(run, context, test, edits)
        questions += found
        if not found and test.alike:
            notes.append(test.note)
    if questions and len(causes) > most:
        notes.append(f"this change breaks {len(broken)} project tests; the question is about the first")


async def _first_proven(
    run: RunState, context: ProofContext, test: _BrokenTest, edits: Sequence[_Edit]
) -> list[Suggestion]:
    """Return the question with the first edit of a test that holds, if there is one."""
    for edit in edits:
        if found := await _questions(run, context, test, edit):
            return found
    return []


async def _by_cause(run: RunState, context: ProofContext, broken: Sequence[_BrokenTest]) -> list[_BrokenTest]:
    """Return the broken tests, and only the first of those in one file that fail with the same message."""
    files = Counter(test.path for test in broken if test.extension is None)
    compared = {
        number: (test, _text(run.search.head_tree, test.path))
        for number, test in enumerate(broken[:_MOST_COMPARED])
        if test.extension is None and files[test.path] > 1
    }
    ran = await _results(context, context.runner.settings_in_file()[0], compared)
    causes: dict[tuple[str, str], _BrokenTest] = {}
    for number, test in enumerate(broken):
        message = ran[number].message if number in ran else ""
        first = causes.get((test.path, message)) if message else None
        if first is None:
            causes[test.path, message or test.name] = replace(test, message=message)
        else:
            causes[test.path, message] = replace(first, alike=(*first.alike, test.name))
    return list(causes.values())


def _broken_tests(run: RunState, context: ProofContext) -> Iterator[_BrokenTest]:
    """Yield the broken tests in order that the change does not edit itself."""
    suite = context.own_suite
    members = sorted(run.members, key=lambda member: member.change is Change.AFFECTED)
    found: dict[tuple[str, str], dict[str, Member]] = {}
    for test in sorted(suite.broken):
        path, _, name = test.partition("::")
        naming = {one.id: one for one in members if suite.is_about(test, one.id)}
        found.setdefault((path, name.partition("[")[0]), {}).update(naming)
    for (path, name), naming in found.items():
        language = language_of(path, run.clients.languages)
        if language is not None and naming and name and _is_untouched(run, language, path, name):
            yield _BrokenTest(path=path, name=name, language=language, members=tuple(naming.values()))


def _with_extension(run: RunState, report: Report, test: _BrokenTest) -> _BrokenTest:
    """Return a broken test with the suggestion of the model that extends it, if there is one."""
    for one in report.suggestions:
        is_edit = one.is_green and one.origin is Origin.MODEL and one.patch is not None
        if is_edit and (one.test_path, one.tests) == (test.path, (test.name,)):
            return replace(test, members=(run.requests[one.member].member,), extension=one)
    return test


def _is_replaced(run: RunState, report: Report, test: _BrokenTest) -> bool:
    """Return whether a test is an outdated one of the bot that a suggestion takes the place of."""
    green = {one.member for one in report.suggestions if one.is_green}
    return any(
        one.mark.member in green and one.name == test.name.partition("::")[0] and not one.is_edited
        for one in test.language.tests.marked_tests(_text(run.search.head_tree, test.path))
    )


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


async def _observed_edit(run: RunState, context: ProofContext, test: _BrokenTest) -> _Edit | None:
    """Return the test's file with the values that its failing assertions observe on head."""
    judge, tree = test.language.judge, run.search.head_tree
    before = text = _text(tree, test.path)
    setting, says = context.runner.settings_in_file()[0], ""
    try:
        if test.extension is not None and test.extension.patch is not None:
            text = apply_patch(text, test.extension.patch)
        for _ in range(_MOST_EDITS):
            ran = await _result(context, setting, test, judge.watched(text, test.name))
            if ran is None or ran.status == PASSED:
                break
            found = judge.with_observed(text, test.name, ran.message, ran.failed_rows)
            if found is None:
                return None
            text = found.text
            says = says or f"it expects `{short(found.expected)}` and gets `{short(found.observed)}`"
        if not says:
            return None
        finished = test.language.tests.finish(text, before, test.path, tree)
    except (CannotApply, CannotParse):
        return None
    origin = Origin.OFFLINE if test.extension is None else test.extension.origin
    return _Edit(text=finished, name=test.name, says=says, origin=origin)


async def _edits_by_model(
    run: RunState, context: ProofContext, tests: Sequence[_BrokenTest]
) -> list[tuple[_BrokenTest, _Edit]]:
    """Have the model edit broken tests, at most one for each member."""
    model, asked = run.clients.model, dict[str, tuple[_BrokenTest, str]]()
    requests: dict[str, Request] = {}
    for test in tests if model is not None and run.settings.verification.repairs else ():
        member, text = test.members[0].id, _text(run.search.head_tree, test.path)
        ran = await _result(context, context.runner.settings_in_file()[0], test, text)
        if ran is not None and ran.status != PASSED and member not in asked:
            asked[member] = test, f"`{test.language.judge.first_words(ran.message)}`"
            code = _alone(run, test, text)
            said = "\n".join([_OF_PROJECT, *marked(ran.failing_line), ran.message])
            repair = Repair(
                code=code,
                failures=((test.name, said),),
                normalized_code=test.language.judge.normalized(code),
            )
            requests[member] = replace(run.requests[member], repair=repair)
    if model is None or not requests or not next_group(len(requests), run.deadline.left, None):
        return []
    answers = await ask(replace(run, requests=requests), model, time_budget.GENERATION)
    found: list[tuple[_BrokenTest, _Edit]] = []
    for answer in answers.candidates:
        test, says = asked[answer.member]
        with suppress(CannotParse, CannotPlace):
            found.append((test, _model_edit(run, test, answer.code, says)))
    return found


def _model_edit(run: RunState, test: _BrokenTest, code: str, says: str) -> _Edit:
    """Return the test's file with the test as a model wrote it, in the form of the file."""
    tests, tree = test.language.tests, run.search.head_tree
    [formatted] = tests.format_all([UnformattedModule(code, test.path, is_edit=True)], tree)
    if isinstance(formatted, CannotParse):
        raise formatted
    before = _text(tree, test.path)
    text = tests.with_test(before, formatted, test.name)
    new = [name for name in tests.test_functions(text) if name not in tests.test_functions(before)]
    return _Edit(text=text, name=next(iter(new), test.name), says=says, origin=Origin.MODEL)


async def _questions(
    run: RunState, context: ProofContext, test: _BrokenTest, edit: _Edit
) -> list[Suggestion]:
    """Return the question about a test, if its edit holds."""
    edited = replace(test, name=edit.name)
    try:
        code, before = (
            _alone(run, edited, edit.text),
            _alone(run, test, _text(run.search.head_tree, test.path)),
        )
        if not _is_harmless(edited, code, test, before):
            return []
        if not await _holds_in_file(context, edited, edit.text):
            return []
    except (CannotJudge, CannotParse):
        return []
    candidate = Candidate(member=test.members[0].id, code=code, origin=edit.origin, edited=edit.text)
    proofs = await gather_evidence(
        [
            in_place(RunSubject(member=member, candidate=one, test_path=test.path), test.language.tests)
            for member in test.members[:_MOST_MEMBERS]
            for one in [replace(candidate, member=member.id)]
        ],
        context.runner,
        test.language.tests.test_functions,
        context.settings,
        context.progress,
    )
    proof = next((proof for proof in proofs if _is_proven(proof)), None)
    return [] if proof is None else [_question(run, test, edit, proof)]


def _is_harmless(edited: _BrokenTest, code: str, test: _BrokenTest, before: str) -> bool:
    """Return whether an edited test does nothing that the project's test did not do."""
    found, known = (test.language.judge.findings(each, test.members[0]) for each in (code, before))
    return edited.name not in added_smells(found, {**known, edited.name: known.get(test.name, ())})


async def _holds_in_file(context: ProofContext, test: _BrokenTest, text: str) -> bool:
    """Return whether the edited test passes on head, in its file, and fails on base."""
    head, *on_base = context.runner.settings_in_file()
    ran = await _result(context, head, test, text)
    before = [await _result(context, setting, test, text) for setting in on_base]
    fails = all(one is not None and one.status != PASSED for one in before)
    return ran is not None and ran.status == PASSED and fails


async def _result(
    context: ProofContext, setting: RunSetting, test: _BrokenTest, text: str
) -> FunctionResult | None:
    """Return how a test ends in its file with some text."""
    return (await _results(context, setting, {0: (test, text)})).get(0)


async def _results(
    context: ProofContext, setting: RunSetting, tests: Mapping[int, tuple[_BrokenTest, str]]
) -> dict[int, FunctionResult]:
    """Return how tests end in their files, each with some text, by the same keys; those that ran."""
    jobs = [
        TestJob(
            number=number,
            code=text,
            seconds=TIMES_AS_LONG * context.settings.test_seconds,
            without=frozenset(test.language.tests.test_functions(text)) - {test.name},
            test_path=test.path,
            is_of_file=True,
        )
        for number, (test, text) in tests.items()
    ]
    batches = batches_of(jobs, 1, context.runner.workspace.parallel)
    parts = await gather(*(context.runner.run(setting, batch) for batch in batches))
    results = {number: result for part in parts for number, result in part.items()}
    return {
        number: results[number].functions[test.name]
        for number, (test, _) in tests.items()
        if test.name in results[number].functions
    }


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    *others, last = [*(f"`{name}`" for name in names[:_MOST_NAMED]), *more]
    return f"{', '.join(others)} and {last}" if others else last


def _alone(run: RunState, test: _BrokenTest, text: str) -> str:
    code = test.language.tests.keep_tests(text, [test.name])
    return test.language.tests.self_contained(code, test.path, run.search.head_tree)


def _is_proven(proof: Proof) -> bool:
    """Return whether the edited test passes all runs on head, fails on base, and reaches the member."""
    if len(proof.functions) != 1:
        return False
    test = proof.functions[0]
    reaches = bool(test.lines) or proof.member.kind is MemberKind.CLASS
    fails = test.base is not None and test.base.status is TestStatus.FAILED
    return bool(test.head) and test.passes == len(test.head) and fails and reaches


def _question(run: RunState, test: _BrokenTest, edit: _Edit, proof: Proof) -> Suggestion:
    proven = proof.functions[0]
    message = "" if proven.base is None else proven.base.message[:_MOST_OF_A_FAILURE]
    return Suggestion(
        member=proof.member.id,
        number=0,
        test_path=test.path,
        code=proof.candidate.code,
        tests=(edit.name,),
        framework=run.requests[proof.member.id].framework,
        origin=proof.candidate.origin,
        evidence=Evidence(
            passes=proven.passes,
            runs=len(proven.head),
            base=BaseOutcome.FAILS,
            fail_to_pass=1,
            failures=((edit.name, message),),
        ),
        label=Label.QUESTION,
        summary=(
            f"`{test.name}` in `{test.path}` passes before this change and fails with it: {edit.says}. "
            f"{f'So do {_listed(test.alike)}. ' if test.alike else ''}Was this meant?"
            f"{'' if edit.origin is Origin.MODEL else _CHECK_NAME}"
        ),
        patch=file_diff(run.search.head_tree, test.path, _text(run.search.head_tree, test.path), edit.text),
    )

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from testsmith.languages.judge import Conflicts
from testsmith.languages.python.judge.documentation.questions import DocumentationQuestion
from testsmith.languages.python.language import PYTHON
from testsmith.languages.results import FunctionProof, Proof, Run, TestStatus
from testsmith.languages.source import DocumentedExample
from testsmith.model import (
    BaseOutcome,
    Candidate,
    Change,
    Label,
    Member,
    MemberKind,
    Origin,
    SkipStage,
    TestDescription,
)
from testsmith.verification.gate import (
    Cut,
    Judgment,
    Point,
    ProvenSuggestion,
    ReducedCandidate,
    TestKind,
    Verdict,
    judge,
    settle,
)

MEMBER = Member(
    path="shop.py",
    name="total",
    language="python",
    change=Change.CHANGED,
    line=1,
    end_line=9,
    kind=MemberKind.FUNCTION,
    source="def total(): ...\n",
    module="shop",
)
P, F, S, M, T, C, N = (
    TestStatus.PASSED,
    TestStatus.FAILED,
    TestStatus.SKIPPED,
    TestStatus.MISSING,
    TestStatus.TIMED_OUT,
    TestStatus.CRASHED,
    TestStatus.NOT_RUN,
)


def function(
    name: str,
    *head: TestStatus,
    base: TestStatus | None = None,
    lines: Collection[int] = (1,),
    message: str = "boom",
) -> FunctionProof:
    runs = [
        Run(
            settings=(f"hash seed {number}",),
            status=status,
            message="" if status is P else message,
            lines=frozenset(lines),
        )
        for number, status in enumerate(head or (P,) * 5, 1)
    ]
    on_base = None if base is None else Run(status=base)
    return FunctionProof(name=name, head=tuple(runs), base=on_base)


def proof(*functions: FunctionProof, member: Member = MEMBER) -> Proof:
    code = "from shop import total\n" + "".join(
        f"\n\ndef {one.name}():\n    assert total() == {number}\n" for number, one in enumerate(functions)
    )
    says = (
        TestDescription(test="test_gone", shows="it is gone"),
        TestDescription(test="test_1", shows="it adds up"),
    )
    candidate = Candidate(member=member.id, code=code, origin=Origin.OFFLINE, descriptions=says)
    return Proof(member=member, candidate=candidate, functions=functions)


def judged(one: FunctionProof, member: Member = MEMBER, smells: dict[str, str] | None = None) -> Judgment:
    return judge(proof(one, member=member), Conflicts(), smells or {}, PYTHON)


@pytest.mark.parametrize(
    ("one", "cut"),
    [
        (function("test_a", F, F, F, F, F), (Point.RAN, "fails on head: boom")),
        (
            function("test_a", P, P, F, P, F),
            (Point.RAN, "is flaky: failed in 2 of 5 runs, the first with hash seed 3: boom"),
        ),
        (function("test_a", M, message="No module"), (Point.ANSWERED, "could not be run: No module")),
        (
            function("test_a", N, message="vitest is not installed"),
            (Point.ANSWERED, "could not be run here: vitest is not installed"),
        ),
        (
            function("test_a", P, P, N, message="it ran out of memory"),
            (Point.RAN, "could not be run here: it ran out of memory"),
        ),
        (function("test_a", T), (Point.RAN, "exceeds the time limit")),
        (function("test_a", C), (Point.RAN, "ends the test process")),
        (function("test_a", S, S, S, S, S, message="why"), (Point.RAN, "is skipped: why")),
        (function("test_a", lines=()), (Point.STABLE, "never reaches the function")),
        (function("test_a", F, F, F, F, F, base=F), (Point.RAN, "fails on head: boom")),
        (
            function("test_a", F, F, F, F, P, base=P),
            (Point.RAN, "is flaky: passed only in 1 of 5 runs, with hash seed 5: boom"),
        ),
        (function("test_a", M, base=P), (Point.ANSWERED, "could not be run: boom")),
        (function("test_a", F, F, F, F, F, base=P, lines=()), (Point.STABLE, "never reaches the function")),
    ],
)
def test_judge__each_function_that_is_cut_has_its_reason(one: FunctionProof, cut: tuple[Point, str]) -> None:
    assert judged(one) == Judgment(cuts=(Cut(function="test_a", point=cut[0], reason=cut[1]),))


@pytest.mark.parametrize(
    ("change", "message", "is_kept"),
    [
        (Change.AFFECTED, "assert 1 == 2", True),
        (Change.AFFECTED, "TypeError: f() takes no arguments", False),
        (Change.CHANGED, "assert 1 == 2", False),
    ],
)
def test_judge__a_test_of_what_an_affected_member_leads_to_may_get_there_another_way(
    change: Change, message: str, is_kept: bool
) -> None:
    elsewhere = replace(function("test_a", lines=()), base=Run(status=F, message=message))
    found = judged(elsewhere, member=replace(MEMBER, change=change))
    assert bool(found.drafts) is is_kept


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        ({2}, "failed in 1 of 5 runs, with hash seed 2, UTC+9 and locale C"),
        ({4, 5}, "failed in 2 of 5 runs, with clock at 2032-02-29"),
        (
            {2, 4},
            "failed in 2 of 5 runs, the first with hash seed 2, order of the file, UTC+9 and locale C",
        ),
        ({1, 2, 3, 5}, "passed only in 1 of 5 runs, with hash seed 4"),
    ],
)
def test_judge__a_flaky_function_names_the_settings_that_only_those_runs_had(
    failing: set[int], words: str
) -> None:
    beyond = {
        1: ("order of the file",),
        2: ("order of the file", "UTC+9", "locale C"),
        4: ("clock at 2032-02-29",),
        5: ("clock at 2032-02-29",),
    }
    runs = tuple(
        Run(
            status=F if number in failing else P,
            settings=(f"hash seed {number}", *beyond.get(number, ())),
            message="boom" if number in failing else "",
            lines=frozenset({1}),
        )
        for number in range(1, 6)
    )
    (cut,) = judged(FunctionProof(name="test_a", head=runs)).cuts
    assert (cut.point, cut.reason) == (Point.RAN, f"is flaky: {words}: boom")


@pytest.mark.parametrize(
    ("sessions", "failing", "reason"),
    [
        (
            ("", "", "next to tests", "", ""),
            {3},
            "passes by itself, but fails next to tests, with hash seed 3: boom 3",
        ),
        (
            ("", "", "next to tests", "", ""),
            {1, 2, 4, 5},
            "passes next to tests, but fails by itself: boom 1",
        ),
        (
            ("conftest", "conftest", "next to tests", "conftest", "conftest"),
            {3},
            "passes conftest, but fails next to tests, with hash seed 3: boom 3",
        ),
        (
            ("", "", "next to tests", "", ""),
            {3, 4},
            "is flaky: failed in 2 of 5 runs, the first with hash seed 3 and next to tests: boom 3",
        ),
        (("", "", "next to tests", "", ""), {1, 2, 3, 4, 5}, "fails on head: boom 3"),
    ],
)
def test_judge__what_differs_only_in_the_projects_session_is_not_called_flaky(
    sessions: tuple[str, ...], failing: set[int], reason: str
) -> None:
    runs = tuple(
        Run(
            status=F if number in failing else P,
            settings=(f"hash seed {number}", *([session] if session else [])),
            session=session,
            message=f"boom {number}",
            lines=frozenset({1}),
        )
        for number, session in enumerate(sessions, 1)
    )
    (cut,) = judged(FunctionProof(name="test_a", head=runs)).cuts
    assert (cut.point, cut.reason) == (Point.RAN, reason)


def test_judge__what_was_refused_the_network_says_so() -> None:
    refused = replace(function("test_a", F, F, F, F, F), wants_network=True)
    (cut,) = judged(refused).cuts
    assert (cut.point, cut.reason) == (Point.RAN, "needs the network: boom")


@pytest.mark.parametrize(
    "statuses", [(P, P, P, P, P), (F, F, F, F, F)], ids=["passes", "fails on head alone"]
)
def test_judge__what_may_end_otherwise_with_a_network_is_cut(statuses: tuple[TestStatus, ...]) -> None:
    asking = replace(function("test_a", *statuses, base=P), wants_network=True)
    (cut,) = judged(asking).cuts
    assert (cut.point, cut.reason) == (Point.STABLE, "tries to use the network")


def test_judge__a_smell_is_cut() -> None:
    (cut,) = judged(function("test_a"), smells={"test_a": "asserts nothing"}).cuts
    assert (cut.point, cut.reason) == (Point.STABLE, "asserts nothing")


def test_judge__what_leaves_files_behind_is_cut() -> None:
    run = replace(function("test_a").head[0], left=("out.json", "a/b.txt", "c.txt"))
    one = FunctionProof(name="test_a", head=(run,))
    (cut,) = judged(one).cuts
    assert (cut.point, cut.reason) == (
        Point.STABLE,
        "leaves files outside tmp_path: out.json, a/b.txt",
    )


@pytest.mark.parametrize("base", [None, P, F, M])
def test_judge__what_passes_and_reaches_the_member_is_green(base: TestStatus | None) -> None:
    judgment = judged(function("test_a", base=base))
    assert [(draft.kind, draft.tests) for draft in judgment.drafts] == [(TestKind.GREEN, ("test_a",))]
    assert judgment.cuts == ()


def test_judge__what_held_before_the_change_is_a_catch() -> None:
    failing = function("test_a", F, F, F, F, F, base=P)
    assert [draft.kind for draft in judged(failing).drafts] == [TestKind.CATCHES]
    assert judged(failing, replace(MEMBER, change=Change.ADDED)).drafts == ()


def test_judge__a_good_test_is_not_lost_with_its_neighbors() -> None:
    run = proof(function("test_a"), function("test_b", F, F, F, F, F), function("test_c"))
    (draft,) = judge(run, Conflicts(), {}, PYTHON).drafts
    assert draft.tests == ("test_a", "test_c")
    assert "def test_a" in draft.candidate.code
    assert "def test_b" not in draft.candidate.code


TABLE = """\
import pytest
from shop import total


@pytest.mark.parametrize("value", [1, 2, 3])
def test_a(value):
    assert total() == value
"""


def with_failed_rows(base: frozenset[int] | None, *rows: frozenset[int]) -> Judgment:
    one = function("test_a", *(F if each else P for each in rows), base=F if base else P)
    runs = [replace(run, failed_rows=each) for run, each in zip(one.head, rows, strict=True)]
    assert one.base is not None
    one = replace(one, head=tuple(runs), base=replace(one.base, failed_rows=base or frozenset()))
    run = proof(one)
    return judge(replace(run, candidate=replace(run.candidate, code=TABLE)), Conflicts(), {}, PYTHON)


@pytest.mark.parametrize(
    ("rows", "left"),
    [(((1,), (1,)), "[1, 3]"), (((0, 1), (0, 1)), "[3]"), (((), (2,)), "[1, 2]"), (((0,), (1,)), "[3]")],
)
def test_judge__rows_that_fail_are_dropped_one_by_one(rows: tuple[tuple[int, ...], ...], left: str) -> None:
    judgment = with_failed_rows(frozenset({0, 1, 2}), *map(frozenset, rows))
    (draft,) = judgment.drafts
    assert draft.candidate.code == TABLE.replace("[1, 2, 3]", left)
    assert judgment.cuts == ()


@pytest.mark.parametrize(
    ("base", "rows"),
    [
        (frozenset({0, 1, 2}), (frozenset({0, 1, 2}), frozenset({0, 1, 2}))),
        (frozenset({0}), (frozenset({0}), frozenset({1, 2}))),
    ],
)
def test_judge__a_table_without_a_row_that_passes_is_cut(
    base: frozenset[int], rows: tuple[frozenset[int], ...]
) -> None:
    judgment = with_failed_rows(base, *rows)
    assert judgment.drafts == ()
    assert [cut.reason for cut in judgment.cuts] == ["fails on head: boom"]


def test_judge__what_was_said_of_a_row_goes_with_it() -> None:
    one = function("test_a", F, F)
    one = replace(one, head=tuple(replace(run, failed_rows=frozenset({1})) for run in one.head))
    says = [
        TestDescription(test="test_a", row=row, shows=f"row {row}", witness=f"new in {row}")
        for row in (1, 0, 2)
    ]
    run = proof(one, member=replace(MEMBER, change=Change.ADDED))
    candidate = replace(
        run.candidate, code=TABLE, descriptions=(*says, TestDescription(test="test_b", shows="b"))
    )

    (draft,) = judge(replace(run, candidate=candidate), Conflicts(), {}, PYTHON).drafts

    assert draft.candidate.code == TABLE.replace("[1, 2, 3]", "[1, 3]")
    assert draft.candidate.summary({"test_a", "test_b"}) == "row 0; row 2."
    assert draft.candidate.witness({"test_a"}) == "new in 0"
    assert [each.row for each in draft.candidate.descriptions] == [0, 1, None]


@pytest.mark.parametrize(
    ("base", "rows", "caught"),
    [
        (None, [frozenset({1})] * 2, "[2]"),
        (frozenset({0}), [frozenset({1, 2})] * 2, "[2, 3]"),
        (frozenset({0, 1}), [frozenset({1, 2})] * 2, "[3]"),
        (frozenset({0}), [frozenset({1, 2}), frozenset({2})], "[3]"),
    ],
    ids=["all passed", "the others passed", "one failed before", "one is flaky"],
)
def test_judge__rows_that_held_before_the_change_are_a_catch(
    base: frozenset[int] | None, rows: list[frozenset[int]], caught: str
) -> None:
    left = [number + 1 for number in range(3) if not any(number in failed for failed in rows)]
    assert [(draft.kind, draft.candidate.code) for draft in with_failed_rows(base, *rows).drafts] == [
        (TestKind.GREEN, TABLE.replace("[1, 2, 3]", str(left))),
        (TestKind.CATCHES, TABLE.replace("[1, 2, 3]", caught)),
    ]


def test_judge__where_nothing_is_cut_the_code_stays_to_the_letter() -> None:
    run = proof(function("test_a"), function("test_b"))
    (draft,) = judge(run, Conflicts(), {}, PYTHON).drafts
    assert draft.candidate == run.candidate


CLASS = replace(MEMBER, kind=MemberKind.CLASS, name="Colour", source="class Colour: ...\n")


@pytest.mark.parametrize(
    ("body", "lines", "base", "drafts"),
    [
        ("assert Colour.RED.value == 1", {2}, P, 1),
        ("assert shop.Colour.RED.value == 1", {2}, P, 1),
        ("assert red() == 1", {2}, P, 1),
        ("assert shop.paint() == 1", {2}, P, 0),
        ("assert shop.paint() == 1", {2}, F, 1),
        ("assert shop.paint() == 1", {2}, M, 0),
        ("assert shop.paint() == 1", set(), F, 0),
        ("assert Colour.RED.value == 1", set(), P, 0),
    ],
)
def test_judge__of_a_class_it_is_enough_to_name_it_or_to_fail_on_base(
    body: str, lines: set[int], base: TestStatus, drafts: int
) -> None:
    helper = "def red():\n    return Colour.RED.value\n\n\n" if "red()" in body else ""
    code = f"import shop\nfrom shop import Colour\n\n\n{helper}def test_a():\n    {body}\n"
    runs = tuple(Run(status=P, import_lines=frozenset(lines)) for _ in range(5))
    candidate = Candidate(member=CLASS.id, code=code, origin=Origin.OFFLINE)
    one = FunctionProof(name="test_a", head=runs, base=Run(status=base))
    run = Proof(member=CLASS, candidate=candidate, functions=(one,))
    assert len(judge(run, Conflicts(), {}, PYTHON).drafts) == drafts


@pytest.mark.parametrize(
    ("lines", "base", "drafts"), [({2}, F, 1), ({2}, P, 0), ({2}, M, 0), (set[int](), F, 0)]
)
def test_judge__of_what_runs_when_tests_are_loaded_it_is_enough_to_fail_on_base(
    lines: set[int], base: TestStatus, drafts: int
) -> None:
    runs = tuple(Run(status=P, import_lines=frozenset(lines)) for _ in range(5))
    run = proof(FunctionProof(name="test_a", head=runs, base=Run(status=base)))
    assert len(judge(run, Conflicts(), {}, PYTHON).drafts) == drafts


def green(run: Proof) -> ReducedCandidate:
    return ReducedCandidate(kind=TestKind.GREEN, candidate=run.candidate, tests=run.names)


@pytest.mark.parametrize(
    ("bases", "change", "outcome", "failing", "label"),
    [
        ((None, None), Change.CHANGED, BaseOutcome.NOT_RUN, None, None),
        ((P, P), Change.CHANGED, BaseOutcome.PASSES, 0, Label.UNCHANGED_BEHAVIOR),
        ((P, F), Change.CHANGED, BaseOutcome.FAILS, 1, Label.NEW_BEHAVIOR),
        ((T, C), Change.AFFECTED, BaseOutcome.FAILS, 2, Label.NEW_BEHAVIOR),
        ((S, P), Change.CHANGED, BaseOutcome.NOT_RUN, None, None),
        ((M, M), Change.AFFECTED, BaseOutcome.NOT_RUN, None, None),
        ((M, M), Change.ADDED, BaseOutcome.ABSENT, None, Label.NEW_BEHAVIOR),
        ((F, P), Change.ADDED, BaseOutcome.ABSENT, None, Label.NEW_BEHAVIOR),
        ((P, P), Change.ADDED, BaseOutcome.PASSES, 0, Label.UNCHANGED_BEHAVIOR),
    ],
)
def test_settle__the_evidence_tells_what_base_does(
    bases: tuple[TestStatus | None, TestStatus | None],
    change: Change,
    outcome: BaseOutcome,
    failing: int | None,
    label: Label | None,
) -> None:
    functions = [function(f"test_{number}", base=base) for number, base in enumerate(bases)]
    run = proof(*functions, member=replace(MEMBER, change=change))
    entry = settle(green(run), run, {}, PYTHON)
    assert isinstance(entry, ProvenSuggestion)
    evidence = entry.evidence
    assert (evidence.base, evidence.tests, evidence.fail_to_pass) == (outcome, 2, failing)
    assert entry.label == label
    assert (entry.evidence.passes, entry.evidence.runs) == (5, 5)
    assert entry.tests == ("test_0", "test_1")
    assert entry.is_green
    assert entry.summary == "it adds up."


@pytest.mark.parametrize(
    ("second", "outcome", "failing", "label"),
    [(P, BaseOutcome.NOT_RUN, None, None), (F, BaseOutcome.FAILS, 1, Label.NEW_BEHAVIOR)],
)
def test_settle__a_failure_that_the_test_raises_itself_is_not_one_of_base(
    second: TestStatus, outcome: BaseOutcome, failing: int | None, label: Label | None
) -> None:
    own = replace(function("test_0", base=F), base=Run(status=F, raised_by_test=True))
    run = proof(own, function("test_1", base=second))
    entry = settle(green(run), run, {}, PYTHON)
    assert isinstance(entry, ProvenSuggestion)
    assert (entry.evidence.base, entry.evidence.fail_to_pass) == (outcome, failing)
    assert entry.label == label


def test_settle__the_evidence_counts_the_runs_of_the_function_with_the_fewest() -> None:
    run = proof(function("test_0", P, P, P, P), function("test_1"))
    entry = settle(green(run), run, {}, PYTHON)
    assert isinstance(entry, ProvenSuggestion)
    assert (entry.evidence.passes, entry.evidence.runs) == (4, 4)


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [((0.5, 0.2, 0.9), (0.3, 0.3, 0.1), 0.3), ((0.5, None, 0.9), (0.1,), 0.6), ((0.5,), (None,), None)],
)
def test_settle__the_evidence_adds_up_the_fastest_runs(
    first: Collection[float | None], second: Collection[float | None], seconds: float | None
) -> None:
    functions = (
        FunctionProof(
            name=f"test_{number}",
            head=tuple(Run(status=P, lines=frozenset({1}), seconds=one) for one in runs),
        )
        for number, runs in enumerate((first, second))
    )
    run = proof(*functions)
    entry = settle(green(run), run, {}, PYTHON)
    assert isinstance(entry, ProvenSuggestion)
    assert entry.evidence.seconds == pytest.approx(seconds)


def test_settle__what_fails_now_is_cut_once_more() -> None:
    run = proof(function("test_a"), function("test_b", P, P, P, P, F))
    left = settle(green(run), run, {}, PYTHON)
    assert isinstance(left, Judgment)
    assert [draft.tests for draft in left.drafts] == [("test_a",)]
    assert [cut.function for cut in left.cuts] == ["test_b"]


def test_settle__tests_that_cannot_be_parted_go_together() -> None:
    run = proof(function("test_a"))
    inherited = replace(run, functions=(*run.functions, function("TestX::test_inherited", F, F, F, F, F)))
    left = settle(green(run), inherited, {}, PYTHON)
    assert isinstance(left, Judgment)
    assert left.drafts == ()
    assert {cut.function for cut in left.cuts} == {"test_a", "TestX::test_inherited"}


def test_settle__a_catch_says_what_held_before() -> None:
    run = proof(function("test_a", F, F, F, F, F, base=P, message="assert 2 == 1\n + more"))
    draft = ReducedCandidate(kind=TestKind.CATCHES, candidate=run.candidate, tests=run.names)
    entry = settle(draft, run, {}, PYTHON)
    assert isinstance(entry, ProvenSuggestion)
    assert entry.label is Label.CATCHES
    assert (entry.evidence.passes, entry.evidence.base) == (0, BaseOutcome.PASSES)
    assert entry.summary == (
        "This was true before the change and no longer is: `assert 2 == 1`. Is the new behavior intended?"
    )


def question(run: Proof) -> ReducedCandidate:
    shown = DocumentedExample(setup=(), call="total()", expected="3", exception=None, line=2)
    asked = DocumentationQuestion(documented=shown, candidate=run.candidate, test="test_a")
    return ReducedCandidate(
        kind=TestKind.QUESTION, candidate=run.candidate, tests=("test_a",), question=asked
    )


def test_settle__a_documented_value_that_fails_every_time_is_asked_about() -> None:
    run = proof(function("test_a", F, F, F, F, F, base=F, message="assert 4 == 3"))
    entry = settle(question(run), run, {}, PYTHON)
    assert isinstance(entry, ProvenSuggestion)
    assert (entry.label, entry.is_green) == (Label.QUESTION, False)
    assert entry.summary == "The docstring says `total()` is `3`; it returns `4`."


@pytest.mark.parametrize("statuses", [(P, P, P, P, P), (F, F, P, F, F), (M,), (T,)])
def test_settle__anything_else_is_no_question(statuses: tuple[TestStatus, ...]) -> None:
    run = proof(function("test_a", *statuses))
    assert settle(question(run), run, {}, PYTHON) == Judgment()


def test_judge__the_guard_goes_before_everything() -> None:
    run = proof(function("test_a"), function("test_b"))
    asked = question(run).question
    assert asked is not None
    guarded = Conflicts(questions=(asked,), suspended={"test_a": "contradicts"})
    judgment = judge(run, guarded, {}, PYTHON)
    assert [draft.kind for draft in judgment.drafts] == [TestKind.GREEN, TestKind.QUESTION]
    assert judgment.drafts[0].tests == ("test_b",)
    assert judgment.cuts == (Cut(function="test_a", point=Point.STABLE, reason="contradicts"),)


def test_skipped__tells_the_stage_and_the_reasons() -> None:
    run = proof(function("test_a"))
    cuts = tuple(Cut(function=f"t{n}", point=Point.RAN, reason="fails on head: x") for n in range(5))
    skipped = Verdict(proof=run, cuts=cuts).skipped()
    assert (skipped.stage, skipped.member) == (SkipStage.GATE, MEMBER.id)
    assert skipped.reason.startswith("no test was left; `t0` fails on head: x; `t1`")
    assert skipped.reason.endswith("; 2 more cut for the same reasons")


def test_skipped__what_could_not_be_run_at_all_is_verification() -> None:
    skipped = Verdict(proof=replace(proof(), problem="it does not parse")).skipped()
    assert (skipped.stage, skipped.reason) == (SkipStage.VERIFICATION, "it does not parse")
    cut = Cut(function="test_a", point=Point.ANSWERED, reason="could not be run: x")
    assert Verdict(proof=proof(), cuts=(cut,)).skipped().stage is SkipStage.VERIFICATION

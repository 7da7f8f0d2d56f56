from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.trees import MemoryTree
from fakes.workspaces import function_member, proof_context, small_workspace
from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import ChangedModules, Reached
from testsmith.languages.judge import Judge
from testsmith.languages.language import Language
from testsmith.languages.mutants import Mutator
from testsmith.languages.python.judge.documentation.questions import DocumentationQuestion
from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.running.project_tests.suite import measure_project_tests
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.languages.results import FunctionProof, Proof, Run, TestStatus
from testsmith.languages.source import DocumentedExample
from testsmith.model import (
    BaselineStatus,
    BaseOutcome,
    Candidate,
    Change,
    Evidence,
    Funnel,
    Label,
    Member,
    Origin,
    Place,
)
from testsmith.settings import VerificationSettings
from testsmith.verification.baseline_mutants import OwnTests
from testsmith.verification.evidence import RunSubject
from testsmith.verification.gate import Cut, Point, ProvenSuggestion, Verdict
from testsmith.verification.prove import best_verdict, funnel, prove

BASE = """\
def cents(text):
    return round(float(text) * 100)
"""

HEAD = '''\
import enum


def cents(text):
    """Read an amount.

    >>> cents("1.15")
    115
    """
    if text.startswith("-"):
        raise ValueError(text)
    return int(float(text) * 100)


class Colour(enum.Enum):
    RED = 1
'''

CENTS = replace(function_member(HEAD, "cents"), changed_lines=frozenset({10, 11, 12}))


def subject(code: str, member: Member = CENTS) -> RunSubject:
    candidate = Candidate(member=member.id, code=textwrap.dedent(code), origin=Origin.MODEL)
    return RunSubject(member=member, candidate=candidate)


def proven(  # noqa: PLR0913 - all that a test may vary
    folder: Path,
    *subjects: RunSubject,
    base: str | None = BASE,
    head: str = HEAD,
    runs: int = 2,
    own_suite: OwnSuite | None = None,
    language: Language = PYTHON,
    files: Mapping[str, str] | None = None,
) -> tuple[Verdict, ...]:
    settings = VerificationSettings(test_seconds=2.0, runs=runs)

    async def scenario() -> tuple[Verdict, ...]:
        before: Mapping[str, str] | None = None if base is None else {"shop.py": base}
        async with small_workspace(folder, {"shop.py": head}, before) as workspace:
            context = proof_context(workspace, settings, own_suite)
            return await prove(subjects, language, replace(context, tree=MemoryTree(files or {})))

    return asyncio.run(scenario())


MIXED = """
    import os
    import time

    import pytest
    from shop import cents

    SEEN = []

    def test_refuses_debts():
        with pytest.raises(ValueError, match="-1"):
            cents("-1")

    def test_whole_amounts():
        assert cents("2") == 200

    def test_pinned_bug():
        assert cents("1.15") == 114

    def test_regression():
        assert cents("0.29") == 29

    def test_wrong():
        assert cents("3") == 1

    def test_nothing():
        cents("3")

    def test_elsewhere():
        assert os.sep == "/"

    def test_hangs():
        time.sleep(60)

    def test_unstable():
        assert cents("3") == 300 and os.environ["PYTHONHASHSEED"] != "3"
"""


WAITING = """\
import time
import unittest

import pytest
from shop import cents


class TestCents(unittest.TestCase):
    def setUp(self):
        time.sleep(0.001)

    def test_amounts(self):
        time.sleep(0.002)
        assert cents("2") == 200
"""
RAISES = """\
        with pytest.raises(ValueError):
            cents("-1")
"""


@pytest.mark.parametrize(
    ("added", "is_edit", "reason"),
    [
        (RAISES, True, None),
        (f"\n    def test_debts(self):\n{RAISES}", True, None),
        (RAISES, False, "sleeps"),
        (f"        time.sleep(0.002)\n{RAISES}", True, "sleeps"),
        (f"        time.sleep(0.003)\n{RAISES}", True, "sleeps"),
        (f"\n    def test_debts(self):\n        time.sleep(0.002)\n{RAISES}", True, "sleeps"),
    ],
)
def test_prove__what_a_test_of_the_project_does_already_does_not_count_against_its_edit(
    tmp_path: Path, added: str, *, is_edit: bool, reason: str | None
) -> None:
    after = WAITING + added
    name = "TestCents::test_debts" if "test_debts" in added else "TestCents::test_amounts"
    code = PYTHON.tests.keep_tests(after, [name])
    one = subject(code)
    candidate = replace(one.candidate, edited=after if is_edit else "")
    one = replace(one, candidate=candidate, test_path="test_shop.py")
    (verdict,) = proven(tmp_path, one, files={"test_shop.py": WAITING})
    assert [cut.reason for cut in verdict.cuts] == ([] if reason is None else [reason])
    assert (verdict.green is not None) is (reason is None)


DORMANT = """
    from pathlib import Path

    from shop import cents

    def announce():
        return Path("/github/workspace/secret").exists() and print("sent")

    def test_refuses_debts():
        announce()
        assert cents("2.00") == 200

    def test_whole_amounts():
        assert cents("12.00") == 1200
"""


LEFT = """
    from shop import cents

    def value(text):
        return cents(text)

    def test_first():
        assert value("2") == 200

    def test_wrong():
        assert cents("3") == 1
"""
GOOD = "from shop import cents\n\n\ndef test_good():\n    assert cents('2') == 200\n"
RED = "from shop import Colour\n\n\ndef test_red():\n    assert Colour(1) is Colour.RED\n"


@pytest.fixture(name="verdicts", scope="module")
def _verdicts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Verdict, ...]:
    """The verdicts on seven candidates, of which the first and the third cannot be run."""
    colour = replace(function_member(HEAD, "Colour"), change=Change.ADDED)
    codes = ("def test_x(:", GOOD, "x = 1\n", GOOD, DORMANT, LEFT)
    return proven(tmp_path_factory.mktemp("changed"), *map(subject, codes), subject(RED, colour))


@pytest.mark.xdist_group("verdicts")
def test_prove__a_call_that_nobody_has_seen_run_is_not_posted(verdicts: Sequence[Verdict]) -> None:
    verdict = verdicts[4]
    (green,) = verdict.entries
    assert green.tests == ("test_whole_amounts",)
    assert "sent" not in green.candidate.code
    (cut,) = verdict.cuts
    assert (cut.function, cut.reason) == (
        "test_refuses_debts",
        "has a call that was not executed: `print('sent')`",
    )


def proven_beside(folder: Path, own_tests: str, one: RunSubject, source: str = HEAD) -> Verdict:
    """Prove a candidate in a project that has tests of its own, which are measured."""
    settings = VerificationSettings(test_seconds=5.0, runs=2)
    files = {"shop.py": source, "tests/test_shop.py": own_tests}

    async def scenario() -> Verdict:
        async with small_workspace(folder, files, {"shop.py": source}) as workspace:
            measured = [one.member, *one.member.causes]
            own_suite = await measure_project_tests(workspace, measured, settings)
            assert one.member.id in own_suite.members, own_suite.notes
            context = proof_context(workspace, settings, own_suite)
            (verdict,) = await prove([one], PYTHON, context)
            return verdict

    return asyncio.run(scenario())


PRIVATE = """\
def _rate(days):
    if days > 7:
        return 2
    return 3


def fee(days):
    return days * _rate(days)
"""
PRICED = "from shop import fee\n\n\ndef test_week():\n    assert fee(7) == 21\n"
FEE = replace(
    function_member(PRIVATE, "fee", change=Change.AFFECTED),
    because=("_rate",),
    because_places=(
        Place(path="shop.py", line=1, end_line=4, name="_rate", changed_lines=frozenset({2, 3, 4})),
    ),
)


@pytest.mark.parametrize(
    ("own_test", "labels"),
    [
        ("from shop import fee\n\n\ndef test_own():\n    assert fee(9) == 18\n", [Label.GUARDS_CHANGE]),
        ("from shop import fee\n\n\ndef test_own():\n    assert (fee(9), fee(7)) == (18, 21)\n", []),
        # It never calls the public function, but kills the mutants of what changed.
        ("from shop import _rate\n\n\ndef test_own():\n    assert (_rate(8), _rate(7)) == (2, 3)\n", []),
    ],
)
def test_prove__a_test_of_an_affected_member_guards_what_changed_below_it(
    tmp_path: Path, own_test: str, labels: list[Label]
) -> None:
    verdict = proven_beside(tmp_path, own_test, subject(PRICED, FEE), PRIVATE)
    assert [entry.label for entry in verdict.entries] == labels
    if not labels:
        assert [cut.reason for cut in verdict.cuts] == ["shows nothing about this change"]
    else:
        assert verdict.entries[0].evidence.killed[0] == "`>` to `>=` on line 2"


FAILING_ON_BASE = """
    import shop

    def test_nothing():
        shop.cents("2")
        shop.Colour

    def test_color():
        assert (shop.cents("2"), shop.Colour.RED.value) == (200, 1)
"""


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        (
            replace(PYTHON, judge=Judge()),
            "could not be judged: there is no judge for this language",
        ),
        (replace(PYTHON, mutator=Mutator()), "could not be run with the function removed"),
    ],
    ids=["without a judge", "without a mutator"],
)
def test_prove__nothing_is_posted_that_its_language_cannot_judge(
    language: Language, reason: str, tmp_path: Path
) -> None:
    (verdict,) = proven(tmp_path, subject(FAILING_ON_BASE), language=language)
    assert verdict.entries == ()
    assert {cut.function: cut.reason for cut in verdict.cuts}["test_color"] == reason


@pytest.mark.slow
def test_prove__sorts_the_functions_of_one_candidate(tmp_path: Path) -> None:
    (verdict,) = proven(tmp_path, subject(MIXED), runs=5)
    green, *others = verdict.entries
    assert green.tests == ("test_refuses_debts", "test_whole_amounts")
    assert green.label is Label.NEW_BEHAVIOR
    (said,) = green.evidence.failures
    assert (said[0], "DID NOT RAISE" in said[1] or "assert" in said[1]) == ("test_refuses_debts", True)
    assert replace(green.evidence, failures=()) == Evidence(
        passes=5,
        runs=5,
        base=BaseOutcome.FAILS,
        tests=2,
        fail_to_pass=1,
        mutants=6,
        mutants_killed=6,
        mutants_guarded=6,
        killed=(
            "`text.startswith('-')` to `not text.startswith('-')` on line 10",
            "`*` to `/` on line 12",
            "`'-'` to `''` on line 10",
            "`100` to `101` on line 12",
            "`ValueError` to `TypeError` on line 11",
            "`raise ValueError(text)` to `pass` on line 11",
        ),
    )
    assert "time" not in green.candidate.code
    assert {entry.label: (entry.tests, entry.summary) for entry in others} == {
        Label.CATCHES: (
            ("test_regression",),
            "`cents('0.29')` gave `29` before this change and gives `28` now",
        ),
        Label.QUESTION: (
            ("test_cents_as_documented",),
            'The docstring says `cents("1.15")` is `115`; it returns `114`.',
        ),
    }
    assert {cut.function: (cut.point, cut.reason.partition(":")[0]) for cut in verdict.cuts} == {
        "test_pinned_bug": (Point.STABLE, 'contradicts the docstring\'s example `cents("1.15")`'),
        "test_wrong": (Point.RAN, "fails on head"),
        "test_nothing": (Point.STABLE, "asserts nothing"),
        "test_elsewhere": (Point.STABLE, "never reaches the function"),
        "test_hangs": (Point.RAN, "exceeds the time limit"),
        "test_unstable": (Point.RAN, "is flaky"),
    }
    counts = funnel([verdict], verdict.entries, unanswered=1)
    assert counts == Funnel(asked=10, answered=9, ran=9, stable=6, gains=4, posted=4)


TEE = '''\
def tee_each(func, items):
    """Yield items, each given to a function first.

    >>> seen = []
    >>> func = lambda item: seen.append(item * 2)
    >>> list(tee_each(func, [1, 2]))
    [1, 2]
    >>> list(seen)
    [2, 4]
    >>> len(seen)
    3
    >>> 1 + 1
    3
    >>> print(list(tee_each(func, "ab")))
    ['a', 'b', 'c']
    """
    for item in items:
        func(item)
        yield item
'''


def test_prove__asks_of_an_example_what_all_lines_before_it_come_to(tmp_path: Path) -> None:
    told = "The docstring says `len(seen)` is `3`; it returns `2`."
    summaries_of = {
        "list(seen) == [2, 4]": [],  # doctest finds it as it is shown
        "list(seen) == []": [],  # it is another situation
        "len(seen) == 3": [told],  # doctest contradicts it
    }
    code = """
        from shop import tee_each

        def test_claim():
            seen = []
            func = lambda item: seen.append(item * 2)
            assert {}
    """
    member = function_member(TEE, "tee_each")
    claims = [subject(code.format(claim), member) for claim in summaries_of]
    verdicts = proven(tmp_path, *claims, base=None, head=TEE)
    assert [[entry.summary for entry in one.entries] for one in verdicts] == list(summaries_of.values())


def test_prove__asks_nothing_that_does_not_reach_the_member(tmp_path: Path) -> None:
    text = TEE.replace("    >>> list(tee_each(func, [1, 2]))\n    [1, 2]\n", "")
    code = """
        def test_sum():
            assert 1 + 1 == 3
    """
    (verdict,) = proven(tmp_path, subject(code, function_member(text, "tee_each")), base=None, head=text)
    assert verdict.entries == ()


def test_prove__rows_that_contradict_the_docstring_leave_the_others(tmp_path: Path) -> None:
    code = """
        import pytest
        from shop import cents

        @pytest.mark.parametrize(("text", "expected"), [("1.15", 115), ("2", 200), ("3", 300)])
        def test_amounts(text, expected):
            assert cents(text) == expected
    """
    (verdict,) = proven(tmp_path, subject(code), base=None)
    assert [(entry.label, entry.tests) for entry in verdict.entries] == [
        (None, ("test_amounts",)),
        (Label.QUESTION, ("test_cents_as_documented",)),
    ]
    assert '[("2", 200), ("3", 300)]' in verdict.entries[0].candidate.code
    assert verdict.entries[0].evidence.base is BaseOutcome.NOT_RUN
    assert funnel([verdict], verdict.entries, unanswered=0) == Funnel(
        asked=2, answered=2, ran=2, stable=2, gains=2, posted=2
    )


@pytest.mark.xdist_group("verdicts")
def test_prove__what_is_left_keeps_what_it_stands_on(verdicts: Sequence[Verdict]) -> None:
    (left,) = verdicts[5].entries
    assert left.tests == ("test_first",)
    assert "test_wrong" not in left.candidate.code


SEVERAL = """
    import pytest
    from shop import cents

    def test_whole_amounts():
        assert cents("2") == 200
        assert cents("3") == 300

    def test_whole_amount():
        assert cents("2") == 200

    def test_refuses_debts():
        with pytest.raises(ValueError):
            cents("-1")

    def test_is_a_number():
        assert isinstance(cents("2"), int)
"""


def test_prove__what_shows_nothing_of_its_own_is_not_posted(tmp_path: Path) -> None:
    (verdict,) = proven(tmp_path, subject(SEVERAL), base=None)
    (green,) = verdict.entries
    assert green.tests == ("test_whole_amount", "test_refuses_debts")
    assert "def test_whole_amounts" not in green.candidate.code
    assert {cut.function: (cut.point, cut.reason) for cut in verdict.cuts} == {
        "test_whole_amounts": (Point.GAINS, "shows nothing that `test_whole_amount` does not show"),
        "test_is_a_number": (Point.GAINS, "shows nothing that `test_whole_amount` does not show"),
    }
    assert funnel([verdict], verdict.entries, 0) == Funnel(
        asked=4, answered=4, ran=4, stable=4, gains=4, posted=2
    )
    nothing_known = (green.evidence.mutants_gained, green.evidence.lines_gained)
    assert nothing_known == (None, None)


def test_prove__what_the_own_tests_do_not_reach_is_gained(tmp_path: Path) -> None:
    reached = Reached(lines=frozenset({10, 12}), branches=frozenset({(10, 12)}))
    own = OwnSuite(members={CENTS.id: MemberBaseline(reached=reached)})
    (verdict,) = proven(tmp_path, subject(SEVERAL), base=None, own_suite=own)
    (green,) = verdict.entries
    # what the others kill is of unknown fate, as no own test is told of that could be run
    assert green.tests == ("test_whole_amount", "test_refuses_debts")
    shown = green.evidence
    assert (shown.lines_gained, shown.branches_gained) == (1, 1)
    assert (shown.mutants, shown.mutants_killed, shown.mutants_gained) == (6, 6, 2)
    assert "on line 11" in shown.killed[0]


def test_prove__only_what_shows_more_than_the_own_tests_is_left(tmp_path: Path) -> None:
    own_tests = "from shop import cents\n\n\ndef test_own():\n    assert cents('2') == 200\n"
    verdict = proven_beside(tmp_path, own_tests, subject(SEVERAL))
    (green,) = verdict.entries
    assert green.tests == ("test_refuses_debts",)
    assert green.label is Label.GUARDS_CHANGE
    shown = green.evidence
    assert (shown.lines_gained, shown.branches_gained) == (1, 1)
    assert (shown.mutants, shown.mutants_gained) == (6, 2)
    assert shown.killed[:2] == (
        "`ValueError` to `TypeError` on line 11",
        "`raise ValueError(text)` to `pass` on line 11",
    )
    assert [(cut.function, cut.point) for cut in verdict.cuts] == [
        ("test_whole_amounts", Point.STABLE),
        ("test_whole_amount", Point.STABLE),
        ("test_is_a_number", Point.STABLE),
    ]
    assert {cut.reason for cut in verdict.cuts} == {"shows nothing about this change"}


@pytest.mark.xdist_group("verdicts")
def test_prove__a_class_whose_body_runs_at_import(verdicts: Sequence[Verdict]) -> None:
    assert [(entry.tests, entry.evidence.base) for entry in verdicts[6].entries] == [
        (("test_red",), BaseOutcome.ABSENT)
    ]


@pytest.mark.xdist_group("verdicts")
def test_prove__several_candidates_keep_their_order(verdicts: Sequence[Verdict]) -> None:
    first = verdicts[:4]
    assert [bool(verdict.green) for verdict in first] == [False, True, False, True]
    assert first[1].entries[0].candidate.code == GOOD
    assert first[1].entries[0].label is Label.GUARDS_CHANGE
    assert funnel(first, first[1].entries, unanswered=0) == Funnel(
        asked=4, answered=4, ran=2, stable=2, gains=2, posted=2
    )


def entry(
    code: str,
    label: Label | None,
    *tests: str,
    question: DocumentationQuestion | None = None,
    evidence: Evidence | None = None,
) -> ProvenSuggestion:
    candidate = Candidate(member=CENTS.id, code=code, origin=Origin.MODEL)
    return ProvenSuggestion(
        candidate=candidate,
        tests=tests,
        label=label,
        evidence=evidence or Evidence(passes=5, runs=5),
        question=question,
    )


def verdict(*entries: ProvenSuggestion, cuts: tuple[Cut, ...] = ()) -> Verdict:
    runs = (Run(status=TestStatus.PASSED),)
    names = [*(name for one in entries for name in one.tests), *(cut.function for cut in cuts)]
    candidate = Candidate(member=CENTS.id, code="", origin=Origin.MODEL)
    functions = tuple(FunctionProof(name=name, head=runs) for name in names)
    proof = Proof(member=CENTS, candidate=candidate, functions=functions)
    return Verdict(proof=proof, entries=entries, cuts=cuts)


UNCHANGED = entry("a", Label.UNCHANGED_BEHAVIOR, "test_a")
NEW = entry("b", Label.NEW_BEHAVIOR, "test_b")
CATCH = entry("c", Label.CATCHES, "test_c")


def ask(code: str, call: str) -> ProvenSuggestion:
    shown = DocumentedExample(setup=(), call=call, expected="1", exception=None, line=1)
    candidate = Candidate(member=CENTS.id, code=code, origin=Origin.MODEL)
    question = DocumentationQuestion(
        documented=shown, candidate=candidate, test="test_q", functions=("test_p",)
    )
    return entry(code, Label.QUESTION, "test_q", question=question)


def test_best_verdict__a_green_entry_goes_before_what_is_only_asked() -> None:
    assert best_verdict([verdict(CATCH), verdict(UNCHANGED)]).entries == (UNCHANGED, CATCH)


def proven_by(*tests: str, **evidence: Any) -> Verdict:
    shown = replace(Evidence(passes=5, runs=5, base=BaseOutcome.PASSES), **evidence)
    return verdict(entry("", None, *tests or ("test_a",), evidence=shown))


def test_best_verdict__goes_by_the_evidence_the_strongest_first() -> None:
    ranked = [
        proven_by(base=BaseOutcome.FAILS, fail_to_pass=1),
        proven_by(mutants_gained=2, mutants_killed=3),
        proven_by(mutants_gained=1, mutants_killed=9),
        proven_by(mutants_gained=1, mutants_killed=8, branches_gained=9),
        proven_by(mutants_gained=1, mutants_killed=8, branches_gained=1),
        proven_by("test_a", "test_b", mutants_gained=1, mutants_killed=8, branches_gained=1, lines_gained=0),
        proven_by("test_a", "test_b", "test_c"),
        verdict(),
    ]
    for number, best in enumerate(ranked):
        assert best_verdict(ranked[: number - 1 : -1] if number else ranked[::-1]).entries == best.entries


def test_best_verdict__more_lines_count_and_then_the_fewer_and_shorter_tests() -> None:
    more = proven_by("test_a", "test_b", "test_c", lines_gained=3)
    fewer = proven_by("test_d", lines_gained=2)
    long, short = (entry(code, None, "test_e") for code in ("a\nb\nc\n", "d\n"))
    assert best_verdict([fewer, more]).entries == more.entries
    assert best_verdict([proven_by("test_f", "test_g", lines_gained=2), fewer]).entries == fewer.entries
    assert best_verdict([verdict(long), verdict(short)]).entries == (short,)


def test_best_verdict__the_first_of_equals() -> None:
    one, other = entry("a", None, "test_a"), entry("b", None, "test_b")
    assert best_verdict([verdict(one), verdict(other)]).entries == (one,)


def test_best_verdict__each_question_once() -> None:
    found = best_verdict([verdict(ask("x", "f(1)")), verdict(NEW, ask("y", "f(1)"), ask("z", "f(2)"))])
    assert [one.candidate.code for one in found.entries] == ["b", "y", "z"]


def test_funnel__a_question_takes_the_place_of_what_it_is_about() -> None:
    cut = Cut(function="test_p", point=Point.STABLE, reason="contradicts")
    question = ask("x", "f(1)")
    proof = replace(verdict(cuts=(cut,)).proof)
    one = Verdict(proof=proof, entries=(question,), cuts=(cut,))
    assert funnel([one], [question], 0) == Funnel(asked=1, answered=1, ran=1, stable=1, gains=1, posted=1)
    assert funnel([one], [], 0) == Funnel(asked=1, answered=1, ran=1, stable=1, gains=1, posted=0)


def test_funnel__the_green_entry_that_was_not_chosen_is_not_posted() -> None:
    counts = funnel([verdict(NEW), verdict(UNCHANGED)], [NEW], 2)
    assert counts == Funnel(asked=4, answered=2, ran=2, stable=2, gains=2, posted=1)


CHANGED_FEE = "def fee(days):\n    if days > 7:\n        return days * 2\n    return days * 3\n"
OLD_FEE = CHANGED_FEE.replace("days * 2", "days * 3")
WEEK = "from shop import fee\n\n\ndef test_{}():\n    assert fee({}) == {}\n"
BOTH = WEEK.format("long", 8, 16) + "\n\ndef test_week():\n    assert fee(7) == 21\n"


@pytest.mark.parametrize(
    ("code", "changed", "most", "asked_for"),
    [
        (WEEK.format("long", 8, 16), {3}, 300.0, []),
        (BOTH, {3}, 300.0, [3.0]),
        (BOTH, {2, 3}, 300.0, [300.0]),
        (WEEK.format("week", 7, 21), {3}, 300.0, [300.0]),
        (WEEK.format("week", 7, 21), {3}, 5.0, [5.0]),
    ],
    ids=["shows the change", "one does", "the other may guard it", "shows no change", "little time"],
)
def test_prove__all_own_tests_are_run_if_a_suggestion_depends_on_them(
    tmp_path: Path, code: str, changed: set[int], most: float, asked_for: list[float]
) -> None:
    member = function_member(CHANGED_FEE, "fee", change=Change.CHANGED)
    member = replace(member, changed_lines=frozenset(changed))
    own = MemberBaseline(
        reached=Reached(lines=frozenset({2, 3, 4})), tests=dict.fromkeys((2, 3, 4), ("t.py::test",))
    )
    every = OwnSuite(
        status=BaselineStatus.MEASURED, tests=1, members={member.id: own}, passed=frozenset({"t.py::test"})
    )
    suite = replace(every, members={member.id: replace(own, is_whole=False)})
    asked: list[float] = []
    measured: list[OwnSuite] = []

    async def measure_all() -> OwnSuite:
        measured.append(every)
        return every

    class Noting(PythonRunner):
        async def own_changed(
            self, changed: Mapping[str, ChangedModules], seconds: float
        ) -> Mapping[str, Mapping[int, bool]]:
            asked.append(seconds)
            return {one: {change.number: False for change in of.changes} for one, of in changed.items()}

    async def scenario() -> None:
        settings = VerificationSettings(runs=1, suite_seconds=most)
        async with small_workspace(tmp_path, {"shop.py": CHANGED_FEE}, {"shop.py": OLD_FEE}) as workspace:
            context = proof_context(workspace, settings, suite)
            runner = Noting(workspace=workspace)
            mutators = {"python": PYTHON.mutator}
            own_tests = OwnTests(suite, mutators, runner, context.progress, measure_all=measure_all)
            context = replace(context, runner=runner, own_tests=own_tests)
            await prove([subject(code, member)], PYTHON, context)
            assert own_tests.suite == (every if measured else suite)

    asyncio.run(scenario())
    assert asked == asked_for
    assert bool(measured) is (asked_for == [most])

"""Judge each test function of a candidate by its evidence.

The remaining functions are run again in the form that would be posted, and judged again: a `ReducedCandidate`
becomes a `ProvenSuggestion` if all of its functions pass. A good test is not lost because of a bad one in the
same module. Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

from testsmith.languages.judge import Conflicts, Judge, Question
from testsmith.languages.language import Language
from testsmith.languages.results import WITHOUT_RUN, FunctionProof, Proof, Run, TestStatus
from testsmith.languages.thresholds import DEFAULTS
from testsmith.model import (
    BaseOutcome,
    Candidate,
    Change,
    Evidence,
    Label,
    MemberKind,
    Skipped,
    SkipStage,
    TestDescription,
)
from testsmith.verification.gains import Gains

_MOST_NAMED_FILES = 2
_MOST_OF_A_FAILURE = 1_500
NOTHING_ALIVE = "kills no mutant that survives your tests"
"""Reason for cutting a function that kills only mutants that the project's own tests kill."""

NOTHING_ABOUT_CHANGE = "shows nothing about this change"
"""Reason for cutting a function that passes on base and kills no mutant on a changed line."""

SHOWN_ALREADY = "fails without this change, but so do your tests"
"""Reason for cutting a function that shows no more about the change than the project's own tests."""

NOT_MUTATED = "could not be judged: mutation not possible"
"""Reason for cutting a function if no change to the member's source had a visible effect."""


class Point(IntEnum):
    """Stage that a test function reached."""

    ANSWERED = 1
    RAN = 2
    STABLE = 3
    GAINS = 4
    POSTED = 5


class TestKind(StrEnum):
    """Kind of test function, from a reviewer's point of view."""

    GREEN = "green"
    CATCHES = "catches"
    QUESTION = "question"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A test function that is not posted.

    Attributes:
        function: Its name.
        point: The last stage it reached.
        reason: Why it was cut, in plain text.
        adds_nothing: Whether it is a valid test that adds nothing.
        ignores_results: Whether it passes whatever the member returns.
    """

    function: str
    point: Point
    reason: str
    adds_nothing: bool = False
    ignores_results: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducedCandidate:
    """A test module to run in the form that would be posted.

    Attributes:
        kind: Kind of its test functions.
        candidate: The test module.
        tests: Names of its test functions.
        question: The question, if the kind is a question.
    """

    kind: TestKind
    candidate: Candidate
    tests: tuple[str, ...]
    question: Question | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenSuggestion:
    """A proven suggestion, before it is numbered and placed in the test tree.

    Attributes:
        candidate: The test module, as it was run.
        tests: Names of its test functions, in order.
        label: What it says about the change; None if base was not run.
        evidence: Results of running it.
        summary: One sentence for the reviewer; may be empty.
        question: The question, if it is one.
        kills_all: Whether its tests kill all mutants, or all of the changed lines if only these count.
        gains: What its tests show of the member.
        misses_own_change: Whether the member's own changed lines have mutants, and its tests kill none.
    """

    candidate: Candidate
    tests: tuple[str, ...]
    label: Label | None
    evidence: Evidence
    summary: str = ""
    question: Question | None = None
    kills_all: bool = False
    gains: Gains = field(default_factory=Gains)
    misses_own_change: bool = False

    @property
    def is_green(self) -> bool:
        """Whether this is a test to keep, rather than a question or a suspected bug."""
        return self.label not in {Label.CATCHES, Label.QUESTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """Judgment of one run: modules to run in their reduced form, and functions that were cut."""

    drafts: tuple[ReducedCandidate, ...] = ()
    cuts: tuple[Cut, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Result for one candidate.

    Attributes:
        proof: The candidate's first run.
        entries: Proven suggestions, the green one first.
        cuts: Test functions that are not posted.
    """

    proof: Proof
    entries: tuple[ProvenSuggestion, ...] = ()
    cuts: tuple[Cut, ...] = ()

    @property
    def green(self) -> ProvenSuggestion | None:
        """The entry with tests to keep, if any."""
        return next((entry for entry in self.entries if entry.is_green), None)

    @property
    def questions(self) -> tuple[ProvenSuggestion, ...]:
        """The entries that ask something or name a suspected bug."""
        return tuple(entry for entry in self.entries if not entry.is_green)

    def skipped(self) -> Skipped:
        """Return the member as skipped, with the reason why this candidate gave no suggestion."""
        ran = any(cut.point > Point.ANSWERED for cut in self.cuts)
        stage = SkipStage.GATE if ran else SkipStage.VERIFICATION
        return Skipped.of(self.proof.member, stage, self.proof.problem or _reasons(self.cuts))


def _reasons(cuts: Sequence[Cut]) -> str:
    if cuts and all(cut.reason == NOTHING_ABOUT_CHANGE for cut in cuts):
        return "no test of it showed anything about this change"
    if cuts and all(cut.adds_nothing for cut in cuts):
        has_own = any(cut.reason == NOTHING_ALIVE for cut in cuts)
        return f"no test killed a mutant {'that survives your tests' if has_own else 'of the function'}"
    if cuts and all(cut.reason == NOT_MUTATED for cut in cuts):
        return "mutation not possible: changing its source has no effect on its tests"
    data = [f"`{cut.function}` {cut.reason}" for cut in cuts[: DEFAULTS.named_reasons]]
    left = len(cuts) - len(data)
    more = [f"{left} more cut for the same reasons"] if left else []
    return "; ".join(["no test was left", *data, *more]) if data else "no test was left"


def judge(proof: Proof, conflicts: Conflicts, smells: Mapping[str, str], language: Language) -> Judgment:
    """Sort a candidate's test functions into modules to run again and cuts.

    Args:
        proof: The candidate's results.
        conflicts: Conflicts with the documentation.
        smells: The smell of each function that has one.
        language: Language of the tests.
    """
    kinds: dict[TestKind, list[str]] = {TestKind.GREEN: [], TestKind.CATCHES: []}
    cuts: list[Cut] = []
    wrong = _wrong_rows(proof, language.judge)
    rows = {**wrong, **conflicts.rows}
    held = {name: _held_before(proof, name) for name in wrong.keys() - conflicts.rows.keys()}
    for function in proof.functions:
        if function.name in conflicts.suspended:
            point = Point.STABLE if _passes(function) else Point.RAN
            cuts.append(Cut(function=function.name, point=point, reason=conflicts.suspended[function.name]))
        elif function.name in rows and function.name not in smells:
            kinds[TestKind.GREEN].append(function.name)  # its other rows are judged by the next run
            kinds[TestKind.CATCHES] += [function.name] if held.get(function.name) else []
        elif isinstance(finding := _finding(function, proof, smells, language.judge), Cut):
            cuts.append(finding)
        else:
            kinds[finding].append(function.name)
    others = _other_rows(proof, {name: kept for name, kept in held.items() if kept}, language.judge)
    candidates = {
        TestKind.GREEN: _without_rows(proof.candidate, rows, language.judge),
        TestKind.CATCHES: _without_rows(proof.candidate, rows | others, language.judge),
    }
    drafts = [
        reduced(ReducedCandidate(kind=kind, candidate=candidates[kind], tests=proof.names), names, language)
        for kind, names in kinds.items()
        if names
    ]
    questions = [
        ReducedCandidate(
            kind=TestKind.QUESTION, candidate=question.candidate, tests=(question.test,), question=question
        )
        for question in conflicts.questions
    ]
    return Judgment(drafts=(*drafts, *questions), cuts=tuple(cuts))


def _without_rows(candidate: Candidate, rows: Mapping[str, frozenset[int]], judge: Judge) -> Candidate:
    """Return a candidate without some rows, and without what was said of them."""
    descriptions: list[TestDescription] = []
    for one in candidate.descriptions:
        gone = rows.get(one.test, frozenset())
        if one.row is None:
            descriptions.append(one)
        elif one.row not in gone:
            descriptions.append(replace(one, row=one.row - sum(row < one.row for row in gone)))
    return replace(candidate, code=judge.without_rows(candidate.code, rows), descriptions=tuple(descriptions))


def _wrong_rows(proof: Proof, judge: Judge) -> dict[str, frozenset[int]]:
    """Return the rows that fail on head, of functions with other rows."""
    failed = {
        function.name: frozenset().union(*(run.failed_rows for run in function.head))
        for function in proof.functions
        if all(run.failed_rows or run.status is TestStatus.PASSED for run in function.head)
    }
    failed = {name: rows for name, rows in failed.items() if rows}
    counts = judge.row_counts(proof.candidate.code) if failed else {}
    return {name: rows for name, rows in failed.items() if len(rows) < counts.get(name, 0)}


def _other_rows(proof: Proof, rows: Mapping[str, frozenset[int]], judge: Judge) -> dict[str, frozenset[int]]:
    """Return all rows of these functions but the given ones."""
    counts = judge.row_counts(proof.candidate.code) if rows else {}
    return {name: frozenset(range(counts[name])) - kept for name, kept in rows.items()}


def _held_before(proof: Proof, name: str) -> frozenset[int]:
    """Return the rows of a function that pass on base and fail every time on head."""
    function = next(one for one in proof.functions if one.name == name)
    base = function.base
    if proof.member.change is Change.ADDED or base is None:
        return frozenset()
    if base.status is not TestStatus.PASSED and not base.failed_rows:
        return frozenset()
    return frozenset.intersection(*(run.failed_rows for run in function.head)) - base.failed_rows


def reduced(draft: ReducedCandidate, names: Sequence[str], language: Language) -> ReducedCandidate:
    """Return a draft reduced to these test functions; unchanged if they are all of them."""
    if len(names) == len(draft.tests):
        return draft
    code = language.tests.keep_tests(draft.candidate.code, names)
    return replace(draft, candidate=replace(draft.candidate, code=code), tests=tuple(names))


def settle(
    draft: ReducedCandidate, proof: Proof, smells: Mapping[str, str], language: Language
) -> ProvenSuggestion | Judgment:
    """Judge a draft by the run of its own code.

    Returns:
        The proven suggestion; or a smaller draft (if anything is left) and the functions that were cut.
    """
    if draft.question is not None:
        return _settled_question(draft, draft.question, proof, language.judge)
    findings = {one.name: _finding(one, proof, smells, language.judge) for one in proof.functions}
    kept = [name for name, finding in findings.items() if finding is draft.kind]
    if kept and len(kept) == len(findings):
        return _entry(draft, proof, language.judge)
    cuts = tuple(
        finding
        if isinstance(finding, Cut)
        else Cut(
            function=name, point=Point.STABLE, reason="gives a different result without the tests around it"
        )
        for name, finding in findings.items()
        if finding is not draft.kind
    )
    return lessened(draft, kept, cuts, language)


def lessened(
    draft: ReducedCandidate, kept: Sequence[str], cuts: Sequence[Cut], language: Language
) -> Judgment:
    """Return what is left of a draft without the functions that were cut."""
    smaller = reduced(draft, kept, language) if kept else None
    if smaller is None or smaller.candidate.code == draft.candidate.code:
        reason = "has the same name as a test that is cut"
        with_them = (Cut(function=name, point=Point.STABLE, reason=reason) for name in kept)
        return Judgment(cuts=(*cuts, *with_them))
    return Judgment(drafts=(smaller,), cuts=tuple(cuts))


def _settled_question(
    draft: ReducedCandidate, question: Question, proof: Proof, judge: Judge
) -> ProvenSuggestion | Judgment:
    """Accept a question if its test, made from the documentation, reaches the member and always fails."""
    reaches = all(_touches(function, proof, judge) for function in proof.functions)
    if reaches and always_fails(proof):
        entry = _entry(draft, proof, judge)
        return replace(entry, summary=question.text(proof.functions[0].head[0].message))
    return Judgment()


def always_fails(proof: Proof) -> bool:
    """Return whether each test function of a proof failed in each of its runs."""
    runs = [run for function in proof.functions for run in function.head]
    return bool(proof.functions) and all(run.status is TestStatus.FAILED for run in runs)


def _finding(
    function: FunctionProof, proof: Proof, smells: Mapping[str, str], judge: Judge
) -> TestKind | Cut:
    """Return a function's kind, or why it is cut."""
    cut = Cut(function=function.name, point=Point.STABLE, reason="never reaches the function")
    if _passes(function):
        kind = TestKind.GREEN
    elif proof.member.change is not Change.ADDED and _fails_on_head_alone(function):
        kind = TestKind.CATCHES
    else:
        ran = any(run.status not in WITHOUT_RUN for run in function.head)
        return replace(cut, point=Point.RAN if ran else Point.ANSWERED, reason=_failure(function, judge))
    if function.name in smells:
        return replace(cut, reason=smells[function.name])
    if function.wants_network:
        return replace(cut, reason="tries to use the network")
    if function.left:
        left = ", ".join(function.left[:_MOST_NAMED_FILES])
        reason = f"leaves files outside {judge.temporary_folder}: {left}"
        return replace(cut, reason=judge.first_words(reason))
    return kind if _touches(function, proof, judge) else cut


def _passes(function: FunctionProof) -> bool:
    return bool(function.head) and function.passes == len(function.head)


def _fails_on_head_alone(function: FunctionProof) -> bool:
    passed_before = function.base is not None and function.base.status is TestStatus.PASSED
    return passed_before and all(run.status is TestStatus.FAILED for run in function.head)


def _touches(function: FunctionProof, proof: Proof, judge: Judge) -> bool:
    """Return whether a function reaches the member.

    Some members run only when the test module is loaded: class bodies, and what a class or an object of the
    module is made with. Then it is enough that the function fails on base, or that it names the class. A test
    of what an affected member leads to may get there by another way, if one of its assertions fails on base.
    """
    base = function.base
    fails_on_base = base is not None and base.status is TestStatus.FAILED
    goes_another_way = base is not None and fails_on_base and judge.is_assertion(base.message)
    if function.lines or (proof.member.change is Change.AFFECTED and goes_another_way):
        return True
    if not any(run.import_lines for run in function.head):
        return False
    if fails_on_base:
        return True
    is_class = proof.member.kind is MemberKind.CLASS
    return is_class and judge.names_member(proof.candidate.code, function.name, proof.member)


def _failure(function: FunctionProof, judge: Judge) -> str:
    """Describe why a function did not pass every run."""
    failed = [run for run in function.head if run.status is not TestStatus.PASSED]
    if not failed:
        return "was not run"
    first = next((run for run in failed if run.session), failed[0])  # as it would fail in its file
    words = judge.first_words(first.message)
    if function.fault:
        return f"could not be run here: {words}"
    if function.wants_network:
        return f"needs the network: {words}"
    if function.passes:
        return f"{_difference(function)}: {words}"
    return {
        TestStatus.FAILED: f"fails on head: {words}",
        TestStatus.SKIPPED: f"is skipped: {words}",
        TestStatus.MISSING: f"could not be run: {words}",
        TestStatus.TIMED_OUT: "exceeds the time limit",
        TestStatus.CRASHED: "ends the test process",
    }.get(first.status, words)


def _difference(function: FunctionProof) -> str:
    """Describe how the runs that a function passed differ from those that it failed."""
    passed = [run for run in function.head if run.status is TestStatus.PASSED]
    failed = [run for run in function.head if run.status is not TestStatus.PASSED]
    passing, failing = _sessions(passed), _sessions(failed)
    if set(passing).isdisjoint(failing):
        also = [words for words in _only_in(failed, passed) if words not in failing]
        which = f", with {_listed(also)}" if also else ""
        return f"passes {_listed(passing)}, but fails {_listed(failing)}{which}"
    if len(passed) < len(failed):
        return f"is flaky: passed only {_share(passed, failed)}"
    return f"is flaky: failed {_share(failed, passed)}"


def _sessions(runs: Sequence[Run]) -> list[str]:
    """Return in which sessions tests ran, each once."""
    return list(dict.fromkeys(run.session or "by itself" for run in runs))


def _only_in(runs: Sequence[Run], others: Sequence[Run]) -> list[str]:
    """Return the settings that all of these runs have, and none of the others."""
    elsewhere = {words for run in others for words in run.settings}
    return [
        words
        for words in runs[0].settings
        if words not in elsewhere and all(words in run.settings for run in runs)
    ]


def _listed(parts: Sequence[str]) -> str:
    *rest, last = parts
    return f"{', '.join(rest)} and {last}" if rest else last


def _share(fewer: Sequence[Run], others: Sequence[Run]) -> str:
    """Describe how many of a flaky function's runs these are, and what they have in common."""
    shared = _only_in(fewer, others)
    which = "with" if shared or len(fewer) == 1 else "the first with"
    named = _listed(shared or fewer[0].settings)
    return f"in {len(fewer)} of {len(fewer) + len(others)} runs, {which} {named}"


def _entry(draft: ReducedCandidate, proof: Proof, judge: Judge) -> ProvenSuggestion:
    """Return the proven suggestion for a draft and the run of its code."""
    weakest = min(proof.functions, key=lambda one: (one.passes - len(one.head), len(one.head)))
    base = base_outcome(proof)
    return ProvenSuggestion(
        candidate=draft.candidate,
        tests=proof.names,
        label=_label(draft.kind, base),
        evidence=Evidence(
            passes=weakest.passes,
            runs=len(weakest.head),
            base=base,
            tests=len(proof.functions),
            fail_to_pass=_fail_to_pass(proof, base),
            failures=tuple(_failures(proof, base)),
            seconds=_seconds(proof),
        ),
        summary=_catch_text(proof, judge)
        if draft.kind is TestKind.CATCHES
        else draft.candidate.summary(proof.names),
        question=draft.question,
    )


def _seconds(proof: Proof) -> float | None:
    """Return how long the test functions take together; None if that is unknown of one."""
    known = [one.seconds for one in proof.functions if one.seconds is not None]
    return sum(known) if known and len(known) == len(proof.functions) else None


def _failures(proof: Proof, base: BaseOutcome) -> Iterator[tuple[str, str]]:
    """Yield each function's first failure message, from base (if the member exists there) or head."""
    for function in proof.functions:
        runs = function.head if base is BaseOutcome.ABSENT else (function.base, *function.head)
        messages = [run.message for run in runs if run is not None and run.status is not TestStatus.PASSED]
        if messages:
            yield function.name, messages[0][:_MOST_OF_A_FAILURE]


def base_outcome(proof: Proof) -> BaseOutcome:
    """Return the result of a whole candidate on the merge base."""
    statuses = {None if function.base is None else function.base.status for function in proof.functions}
    if None in statuses:
        return BaseOutcome.NOT_RUN
    if statuses == {TestStatus.PASSED}:
        return BaseOutcome.PASSES
    if proof.member.change is Change.ADDED:
        return BaseOutcome.ABSENT
    fails = any(function.base is not None and function.base.fails_by_member for function in proof.functions)
    return BaseOutcome.FAILS if fails else BaseOutcome.NOT_RUN


def _fail_to_pass(proof: Proof, base: BaseOutcome) -> int | None:
    """Count the functions that run and fail on the merge base; None if that shows nothing."""
    if base in {BaseOutcome.NOT_RUN, BaseOutcome.ABSENT}:
        return None
    return sum(function.base is not None and function.base.fails_by_member for function in proof.functions)


def _label(kind: TestKind, base: BaseOutcome) -> Label | None:
    if kind is TestKind.QUESTION:
        return Label.QUESTION
    if kind is TestKind.CATCHES:
        return Label.CATCHES
    if base is BaseOutcome.NOT_RUN:
        return None
    return Label.UNCHANGED_BEHAVIOR if base is BaseOutcome.PASSES else Label.NEW_BEHAVIOR


def _catch_text(proof: Proof, judge: Judge) -> str:
    """Describe the difference between base and head, from the first function that shows one."""
    code, member = proof.candidate.code, proof.member
    for function in proof.functions:
        data = judge.difference(code, member, function.name, function.head[0].message)
        if data:
            return data
    says = judge.first_words(proof.functions[0].head[0].message)
    return f"This was true before the change and no longer is: `{says}`. Is the new behavior intended?"

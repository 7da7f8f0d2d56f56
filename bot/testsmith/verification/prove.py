"""Prove candidates: run and judge them, and repeat with the remaining tests until none is cut."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith.execution.baseline import OwnSuite
from testsmith.execution.runner import TestRunner
from testsmith.languages.judge import CannotJudge, Finding, Question, added_smells
from testsmith.languages.language import Language
from testsmith.languages.results import Proof
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.languages.thresholds import GateTable
from testsmith.model import Funnel, Progress
from testsmith.settings import VerificationSettings
from testsmith.verification.baseline_mutants import OwnTests
from testsmith.verification.evidence import RunSubject, gather_evidence, in_place
from testsmith.verification.gains import gains_of, is_of_change, together, with_reach
from testsmith.verification.gate import (
    Cut,
    Judgment,
    Point,
    ProvenSuggestion,
    ReducedCandidate,
    Verdict,
    always_fails,
    judge,
    settle,
)
from testsmith.verification.mutation import Mutation, gather_mutants
from testsmith.verification.selection import EntryWeight, weigh

_SECONDS_TO_CHOOSE = 3.0
"""For the project's own tests with mutants if it only depends on them which of several tests are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofContext:
    """What candidates of all languages are proven with.

    Attributes:
        runner: Runs them.
        own_tests: What the project's own tests do with mutants.
        settings: Number of runs and limits.
        progress: Progress display, advanced once per run of a candidate.
        tree: Tree of head, whose settings are used to format converted tests.
    """

    runner: TestRunner
    own_tests: OwnTests
    settings: VerificationSettings
    progress: Progress
    tree: SourceTree

    @property
    def own_suite(self) -> OwnSuite:
        """Measurements of the project's own tests."""
        return self.own_tests.suite


@dataclass(slots=True)
class _Case:
    """One candidate in the gate.

    Redundant tests are cut only once. If the evidence varies from run to run, the candidate might otherwise
    be cut to nothing step by step.
    """

    proof: Proof
    open: list[ReducedCandidate] = field(default_factory=list)
    entries: list[ProvenSuggestion] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    unweighed: list[ProvenSuggestion] = field(default_factory=list)
    is_thinned: bool = False

    def take(self, judged: ProvenSuggestion | Judgment) -> None:
        """Add the gate's result."""
        if isinstance(judged, ProvenSuggestion):
            place = self.unweighed if judged.is_green else self.entries
            place.append(judged)
        else:
            self.open += judged.drafts
            self.cuts += judged.cuts


@dataclass(frozen=True, slots=True)
class _Prover:
    """Runs and judges candidates. The same code is run only once per member."""

    language: Language
    context: ProofContext
    table: GateTable
    known: dict[tuple[str, str], Proof] = field(default_factory=dict)
    on_head: dict[tuple[str, str], Mapping[str, Sequence[Finding]]] = field(default_factory=dict)

    async def run(self, subjects: Iterable[RunSubject]) -> None:
        """Run the code that has not been run yet."""
        new = {_key(subject): subject for subject in subjects if _key(subject) not in self.known}
        proofs = await gather_evidence(
            [in_place(subject, self.language.tests) for subject in new.values()],
            self.context.runner,
            self.language.tests.test_functions,
            self.context.settings,
            self.context.progress,
        )
        self.known.update(zip(new, proofs, strict=True))

    def begin(self, subject: RunSubject) -> _Case:
        """Judge a candidate in its original form."""
        proof = replace(self.known[_key(subject)], candidate=subject.candidate)
        case = _Case(proof)
        conflicts = self.language.judge.conflicts(proof)
        case.take(judge(proof, conflicts, self._smells(proof), self.language))
        return case

    def advance(self, case: _Case) -> None:
        """Judge the open drafts of a candidate by their own runs."""
        drafts, case.open = case.open, []
        for draft in drafts:
            check = None if draft.question is None else draft.question.check
            if check is not None and not always_fails(self.known[case.proof.member.id, check.code]):
                continue  # doctest, which runs all lines before the example, agrees with the test
            subject = RunSubject(member=case.proof.member, candidate=draft.candidate)
            proof = self.known[_key(subject)]
            judged = settle(draft, proof, self._smells(proof), self.language)
            if isinstance(judged, ProvenSuggestion):
                own = self.context.own_tests.of(subject.member)
                judged = replace(judged, evidence=with_reach(judged.evidence, proof, own))
            case.take(judged)

    async def weigh(self, cases: Iterable[_Case]) -> None:
        """Run green tests against mutants of their members, and judge the results."""
        waiting = [(case, entry) for case in cases for entry in case.unweighed]
        proofs = [self.known[case.proof.member.id, entry.candidate.code] for case, entry in waiting]
        mutations = await gather_mutants(
            proofs, self.language, self.context.runner, self.table, self.context.progress
        )
        own_tests = self.context.own_tests
        tried = list(zip(proofs, mutations, strict=True))
        seconds = self.table.suite_seconds
        if any(self._needs_own_tests(*one) for one in tried):
            await own_tests.complete()
        else:
            seconds = min(seconds, _SECONDS_TO_CHOOSE)
            tried = [one for one in tried if len(one[0].functions) > 1]
        await own_tests.learn(tried, seconds)
        for (case, entry), proof, mutation in zip(waiting, proofs, mutations, strict=True):
            weight = EntryWeight(
                proof=proof,
                mutation=mutation,
                own=own_tests.of(proof.member),
                table=self.table,
                thins=not case.is_thinned,
            )
            case.unweighed.remove(entry)
            judged = weigh(entry, weight, self.language)
            if isinstance(judged, ProvenSuggestion):
                case.entries.append(judged)
            else:
                case.is_thinned = True
                case.take(judged)

    def _needs_own_tests(self, proof: Proof, mutation: Mutation) -> bool:
        """Return whether it depends on the project's own tests if a candidate's functions are worth posting.

        It does not for functions that fail on base, unless tests of the change do so, too.
        """
        member, own = proof.member, self.context.own_tests.of(proof.member)
        gains = [gains_of(one, member, mutation, own, self.language.judge) for one in proof.functions]
        others = together(one for one in gains if not one.fails_on_base)
        guards = any(is_of_change(mutant, member) for mutant in others.guarded | others.unknown)
        return own.fail_on_base or guards or not any(one.fails_on_base for one in gains)

    def _smells(self, proof: Proof) -> dict[str, str]:
        """Return smells, and calls that were not run, of passing functions; failing ones may stop early.

        What a test that was extended has on head does not count, nor what new tests share with tests of their
        file. If the tests cannot be judged, this is the smell of all of them: what is not understood is not
        posted.
        """
        code, member = proof.candidate.code, proof.member
        passing = {one.name for one in proof.functions if one.passes == len(one.head)}
        try:
            found = self.language.judge.findings(code, member, proof.test_path)
            smells = added_smells(found, self._findings_on_head(proof) if found else {})
            if proof.idle is None:
                idle = dict.fromkeys(passing, "could not be traced")
            else:
                not_run = self.language.judge.calls_not_run(code, member, proof.idle, proof.test_path)
                idle = {name: why for name, why in not_run.items() if name in passing}
        except (CannotJudge, CannotParse) as error:
            return dict.fromkeys(proof.names, f"could not be judged: {error}")
        return {**idle, **smells}

    def _findings_on_head(self, proof: Proof) -> Mapping[str, Sequence[Finding]]:
        """Return the findings of the tests on head, if the candidate is an edit of their file."""
        path, tree = proof.test_path, self.context.tree
        data = tree.read(path) if path is not None and proof.candidate.edited else None
        if path is None or data is None:
            return {}
        key = path, proof.member.id
        if key not in self.on_head:
            try:
                file = self.language.tests.self_contained(data.decode(), path, tree)
                self.on_head[key] = self.language.judge.findings(file, proof.member)
            except (CannotJudge, CannotParse, UnicodeDecodeError):
                self.on_head[key] = {}
        return self.on_head[key]


def _key(subject: RunSubject) -> tuple[str, str]:
    return subject.member.id, subject.candidate.code


async def prove(
    subjects: Sequence[RunSubject], language: Language, context: ProofContext
) -> tuple[Verdict, ...]:
    """Return a verdict for each candidate, in the same order.

    Args:
        subjects: The candidates with their members, all of one language.
        language: Their language.
        context: What they are proven with.
    """
    table = GateTable.of(context.settings)
    prover = _Prover(language.of_project(context.tree), context, table)
    await prover.run(subjects)
    cases = [prover.begin(subject) for subject in subjects]
    for _ in range(table.rounds):
        left = [
            RunSubject(
                member=case.proof.member,
                candidate=draft.candidate,
                test_path=case.proof.test_path,
                in_project=bool(case.proof.project_code),
            )
            for case in cases
            for draft in case.open
        ]
        if not left:
            break
        checks = [
            RunSubject(member=case.proof.member, candidate=draft.question.check)
            for case in cases
            for draft in case.open
            if draft.question is not None and draft.question.check is not None
        ]
        await prover.run([*left, *checks])
        for case in cases:
            prover.advance(case)
        await prover.weigh(cases)
    return tuple(map(_verdict, cases))


def _verdict(case: _Case) -> Verdict:
    restless = [
        Cut(
            function=name,
            point=Point.STABLE,
            reason="gives a different result whenever the tests around it are cut",
        )
        for draft in case.open
        if draft.question is None
        for name in draft.tests
    ]
    entries = sorted(case.entries, key=lambda entry: not entry.is_green)
    return Verdict(proof=case.proof, entries=tuple(entries), cuts=(*case.cuts, *restless))


def best_verdict(verdicts: Sequence[Verdict]) -> Verdict:
    """Combine the verdicts of one member's candidates: the best green entry, and each question once.

    Green entries are compared in this order: failing on base, mutants guarded, gained and killed, branches
    gained, lines gained, fewer tests, shorter code. Of equal entries, the first one wins.
    """
    best = max(verdicts, key=_worth)
    others = [verdict for verdict in verdicts if verdict is not best]
    asked: dict[str, ProvenSuggestion] = {}
    for verdict in (best, *others):
        for entry in verdict.entries:
            if not entry.is_green:
                asked.setdefault(_subject_of(entry), entry)
    green = [] if best.green is None else [best.green]
    return replace(best, entries=(*green, *asked.values()))


def _worth(verdict: Verdict) -> tuple[int, ...]:
    if verdict.green is None:
        return (0,)
    evidence = verdict.green.evidence
    return (
        1,
        bool(evidence.fail_to_pass),
        evidence.mutants_guarded or 0,
        evidence.mutants_gained or 0,
        evidence.mutants_killed or 0,
        evidence.branches_gained or 0,
        evidence.lines_gained or 0,
        -len(verdict.green.tests),
        -len(verdict.green.candidate.code.splitlines()),
    )


def _subject_of(entry: ProvenSuggestion) -> str:
    """Return the key of a question or suspected bug, to find duplicates."""
    return entry.candidate.code if entry.question is None else entry.question.subject


def funnel(verdicts: Iterable[Verdict], posted: Collection[ProvenSuggestion], unanswered: int) -> Funnel:
    """Count the test functions per stage. Each count includes the later stages.

    A function that gains something is not posted if it is redundant in its candidate, or if another candidate
    of the member is better.

    Args:
        verdicts: The verdicts of all candidates.
        posted: The entries that became suggestions.
        unanswered: Number of members without a readable answer from any generator.
    """
    points = [point for verdict in verdicts for point in _points(verdict, posted)]
    counts = [sum(reached >= point for reached in points) for point in Point]
    answered, ran, stable, gains, posted_tests = counts
    return Funnel(
        asked=answered + unanswered,
        answered=answered,
        ran=ran,
        stable=stable,
        gains=gains,
        posted=posted_tests,
    )


def _points(verdict: Verdict, posted: Collection[ProvenSuggestion]) -> Iterator[Point]:
    """Yield the stage of each test function. A question replaces one function that it is about."""
    reached = {cut.function: cut.point for cut in verdict.cuts}
    for entry in verdict.entries:
        point = Point.POSTED if entry in posted else Point.GAINS
        names = entry.tests if entry.question is None else (_replaced(entry.question, reached),)
        reached.update(dict.fromkeys(names, point))
    names_of_all = [function.name for function in verdict.proof.functions]
    yield from {**dict.fromkeys(names_of_all, Point.STABLE), **reached}.values()
    if not reached and not names_of_all:
        yield Point.ANSWERED


def _replaced(question: Question, reached: dict[str, Point]) -> str:
    """Return the function that a question replaces, or the question's own test if none is left."""
    waiting = [name for name in question.functions if name in reached and reached[name] < Point.GAINS]
    return waiting[0] if waiting else question.test

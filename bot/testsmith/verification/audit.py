"""Judge tests that someone else wrote: run them on head and base, against mutants, and without the project.

It needs nothing but the test functions' names, so that it serves the tests of a pull request (`audit`) as
well as those of a person or an agent (`prove`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from testsmith.execution.audit_runs import AuditedMutants, AuditedRun, AuditRuns
from testsmith.execution.baseline import OwnSuite
from testsmith.execution.jobs import PASSED, ChangedModule, ChangedModules
from testsmith.execution.runner import TestRunner
from testsmith.languages.judge import CannotJudge
from testsmith.languages.language import Language
from testsmith.languages.mutants import Mutant, spread
from testsmith.languages.source import CannotParse
from testsmith.languages.thresholds import AUDIT_LIMITS, AuditLimits
from testsmith.model import (
    Audit,
    AuditedTest,
    AuditVerdict,
    Change,
    Member,
    MemberKind,
    Place,
    Progress,
    SurvivingMutant,
)
from testsmith.verification.audit_verdicts import AuditFindings, decide, weakness
from testsmith.verification.baseline_mutants import OwnTests, own_tests_reaching
from testsmith.verification.mutation import edit_of, function_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedFunction:
    """A test function to judge.

    Attributes:
        path: Its file, relative to the git root.
        name: Its name, as in `TestFiles.test_functions`.
    """

    path: str
    name: str

    @property
    def id(self) -> str:
        """Identifier: `<path>::<name>`."""
        return f"{self.path}::{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditContext:
    """What tests of one language are judged with.

    Attributes:
        runner: Runs them.
        language: Their language.
        seconds: Time limit for each run, and for all mutants together.
        progress: Progress display.
        changed_lines: Lines of source files on head that the change adds or alters, by path.
        members: The change's members, whose mutants the whole suite is tried on.
        own_tests: What the whole suite does with mutants; None if it was not measured.
        limits: Limits for the numbers of tests and mutants.
    """

    runner: TestRunner
    language: Language
    seconds: float
    progress: Progress
    changed_lines: Mapping[str, frozenset[int]] = field(default_factory=dict)
    members: Sequence[Member] = ()
    own_tests: OwnTests | None = None
    limits: AuditLimits = AUDIT_LIMITS


async def audit_tests(functions: Sequence[AuditedFunction], context: AuditContext) -> Audit:
    """Judge test functions, and find the mutants of changed lines that the whole suite leaves alive.

    Args:
        functions: The test functions. Those beyond the limit are left out.
        context: What they are judged with.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    chosen = functions[: context.limits.tests]
    left_out = len(functions) - len(chosen)
    notes = [_too_many_words(len(functions), len(chosen))] if left_out else []
    context.progress.phase("auditing tests", 2, 0.2)
    runs = AuditRuns()
    if chosen:
        suite = OwnSuite() if context.own_tests is None else context.own_tests.suite
        runs = await context.runner.audit_runs([one.id for one in chosen], context.seconds, suite)
    context.progress.advance()
    plan = _Plan(context)
    plan.add_functions(chosen, runs)
    plan.add_changed_lines()
    tried = AuditedMutants()
    if plan.functions or plan.changes:
        tried = await context.runner.audit_mutants(plan.changed, plan.functions, context.seconds)
    context.progress.advance()
    survived, mutants = plan.of_suite(tried)
    return Audit(
        tests=tuple(_judged(one, number, runs, plan, tried) for number, one in enumerate(chosen)),
        survived=survived,
        mutants=mutants,
        left_out=left_out,
        notes=tuple(notes),
    )


def known_of_suite(context: AuditContext) -> Audit | None:
    """Return what is known of mutants of changed lines without running anything; None for nothing."""
    plan = _Plan(context)
    plan.add_changed_lines()
    survived, mutants = plan.of_suite(AuditedMutants())
    return None if survived is None else Audit(survived=survived, mutants=mutants)


def _too_many_words(there: int, looked_at: int) -> str:
    return f"the audit looked at {looked_at} of {there} test functions: there are too many for one run"


class _Plan:
    """The mutants to try, numbered over all files, with the tests to run against each."""

    def __init__(self, context: AuditContext) -> None:
        self.context = context
        self._numbers = count()
        self._sources: dict[str, str | None] = {}
        self._places: dict[str, tuple[Place, ...]] = {}
        self._mutants: dict[tuple[str, int, str], tuple[Mutant, ...]] = {}
        self._of_suite: dict[tuple[str, int], Mutant] = {}
        self._known: list[tuple[str, Mutant, bool, bool]] = []
        self.of_function: dict[int, dict[tuple[str, int], tuple[Mutant, bool]]] = {}
        self.functions: dict[int, Collection[str]] = {}
        self.reached: dict[int, list[str]] = {}
        self.changes: dict[str, list[ChangedModule]] = {}

    @property
    def changed(self) -> dict[str, ChangedModules]:
        """The mutants by file."""
        return {
            path: ChangedModules(
                path=path, source=self._source(path) or "", names=frozenset(), changes=tuple(changes)
            )
            for path, changes in self.changes.items()
        }

    def add_functions(self, functions: Sequence[AuditedFunction], runs: AuditRuns) -> None:
        """Add the mutants of what each test function reaches, if it passes."""
        share = max(1, self.context.limits.mutants // max(1, len(functions)))
        for number, function in enumerate(functions):
            found = [run.functions.get(function.id) for run in runs.head]
            traced = found[0] if found else None
            if traced is None or any(run is not None and run.status != PASSED for run in found):
                continue
            self.functions[number] = traced.tests
            reached = list(self._reached(traced, self._named_in(function)))
            self.reached[number] = [place.name for place, _ in reached]
            self.of_function[number] = {}
            every = [pair for place, lines in reached for pair in self._pairs(place, lines)]
            changed = [pair for pair in every if self._is_changed(*pair)]
            others = [pair for pair in every if not self._is_changed(*pair)]
            of_change = spread(changed, min(share, self.context.limits.changed_mutants))
            for path, mutant in of_change:
                self._add(path, mutant, traced.tests, number, is_changed=True)
            left = share - len(of_change)
            for path, mutant in _nearest(others, min(left, self.context.limits.other_mutants)):
                self._add(path, mutant, traced.tests, number, is_changed=False)

    def _named_in(self, function: AuditedFunction) -> frozenset[str]:
        """Return the words of a test function."""
        text = self._source(function.path) or ""
        try:
            return frozenset(_WORD.findall(self.context.language.tests.keep_tests(text, [function.name])))
        except CannotParse:
            return frozenset()

    def _reached(self, run: AuditedRun, words: Collection[str]) -> Iterator[tuple[Place, frozenset[int]]]:
        """Yield the functions that a test reaches with the reached lines.

        Those with changed lines come first, then those that the test names.
        """
        found = [
            (place, inside)
            for path, lines in sorted(run.lines.items())
            for place in self._functions_in(path)
            if (inside := lines & frozenset(range(place.line, place.end_line + 1)))
        ]
        changed = self.context.changed_lines
        yield from sorted(
            found,
            key=lambda one: (
                changed.get(one[0].path, frozenset()).isdisjoint(one[1]),
                one[0].name.rpartition(".")[2] not in words,
            ),
        )

    def _pairs(self, place: Place, lines: frozenset[int]) -> Iterator[tuple[str, Mutant]]:
        for mutant in self._mutants_of(place):
            if mutant.is_reached_by(lines):
                yield place.path, mutant

    def _is_changed(self, path: str, mutant: Mutant) -> bool:
        return mutant.line in self.context.changed_lines.get(path, ())

    def _add(
        self, path: str, mutant: Mutant, tests: Collection[str], function: int, *, is_changed: bool
    ) -> None:
        number = self._put(path, mutant, tests, function, is_optional=not is_changed)
        self.of_function[function][path, number] = mutant, is_changed

    def _put(
        self,
        path: str,
        mutant: Mutant,
        tests: Collection[str],
        function: int | None = None,
        *,
        is_optional: bool = False,
    ) -> int:
        number = next(self._numbers)
        change = ChangedModule(
            number=number,
            edit=edit_of(mutant),
            function=function_of(mutant.function, runs_when_loaded=False),
            tests=frozenset(tests),
            audited=function,
            optional=is_optional,
        )
        self.changes.setdefault(path, []).append(change)
        return number

    def add_changed_lines(self) -> None:
        """Add the mutants of the members' changed lines, unless it is known what the suite does with them."""
        own_tests = self.context.own_tests
        if own_tests is None:
            return
        for member in (*self.context.members, *own_tests.elsewhere):
            own = own_tests.of(member)
            if own.baseline is None:
                continue
            for mutant in own_tests.mutants_of_change(member):
                tests, is_alive = own_tests_reaching(mutant, own.baseline), own.leaves_alive(mutant)
                if is_alive is not None:
                    self._known.append((member.path, mutant, is_alive, bool(tests)))
                elif tests:
                    self._of_suite[member.path, self._put(member.path, mutant, tests)] = mutant

    def of_suite(self, tried: AuditedMutants) -> tuple[tuple[SurvivingMutant, ...] | None, int]:
        """Return the mutants of changed lines that the suite leaves alive, and the number of those tried.

        The first is None if none was tried.
        """
        ends = {(path, mutant): (is_alive, is_reached) for path, mutant, is_alive, is_reached in self._known}
        ends |= {
            (key[0], mutant): (not tried.killed[key], True)
            for key, mutant in self._of_suite.items()
            if key in tried.killed
        }
        alive = {
            SurvivingMutant(path=path, line=mutant.line, words=mutant.words, is_reached=is_reached)
            for (path, mutant), (is_alive, is_reached) in ends.items()
            if is_alive
        }
        survived = tuple(sorted(alive, key=lambda one: (one.path, one.line, one.words)))
        return (survived if ends else None), len(ends)

    def _functions_in(self, path: str) -> tuple[Place, ...]:
        if path not in self._places:
            try:
                data = (self.context.runner.workspace.head.root / path).read_bytes()
                self._places[path] = self.context.language.source.functions(data, path)
            except (OSError, CannotParse):
                self._places[path] = ()
        return self._places[path]

    def _source(self, path: str) -> str | None:
        if path not in self._sources:
            try:
                data = (self.context.runner.workspace.head.root / path).read_bytes()
                self._sources[path] = self.context.language.mutator.text(data)
            except (OSError, CannotParse):
                self._sources[path] = None
        return self._sources[path]

    def _mutants_of(self, place: Place) -> tuple[Mutant, ...]:
        key = place.path, place.line, place.name
        if key not in self._mutants:
            source, language = self._source(place.path), self.context.language
            changed = self.context.changed_lines.get(place.path, frozenset())
            member = _member_at(place, language.name, changed)
            try:
                most = self.context.limits.mutants_of_function
                found = () if source is None else language.mutator.mutants(source, member, most)
            except CannotParse:
                found = ()
            self._mutants[key] = found
        return self._mutants[key]


def _member_at(place: Place, language: str, changed: frozenset[int]) -> Member:
    """Return a function as a member, as far as a mutator looks at it."""
    return Member(
        path=place.path,
        name=place.name,
        language=language,
        change=Change.CHANGED,
        line=place.line,
        end_line=place.end_line,
        kind=MemberKind.FUNCTION,
        source="",
        module="",
        changed_lines=changed & frozenset(range(place.line, place.end_line + 1)),
    )


_WORD = re.compile(r"\w+")


def _nearest(mutants: Sequence[tuple[str, Mutant]], most: int) -> list[tuple[str, Mutant]]:
    """Return at most `most` mutants: half of them the first ones, the others spread over the rest."""
    first = most // 2
    return [*mutants[:first], *spread(mutants[first:], most - first)]


def _judged(
    function: AuditedFunction, number: int, runs: AuditRuns, plan: _Plan, tried: AuditedMutants
) -> AuditedTest:
    context = plan.context
    own = plan.of_function.get(number, {})
    known = [key for key in own if key in tried.killed]
    killed = [key for key in known if tried.killed[key] and key not in tried.in_setup]
    of_change = [f"{key[0]}: {own[key][0].words}" for key in killed if own[key][1]]
    elsewhere = [f"{key[0]}: {own[key][0].words}" for key in killed if not own[key][1]]
    base = runs.base
    found = AuditFindings(
        head=[(run.words, run.functions.get(function.id)) for run in runs.head],
        not_loaded=next((run.broken[function.path] for run in runs.head if function.path in run.broken), ""),
        base=None if base is None else base.functions.get(function.id),
        base_not_loaded="" if base is None else base.broken.get(function.path, ""),
        has_base=context.runner.workspace.base is not None,
        reached=plan.reached.get(number, ()),
        is_traced=all(
            run.functions[function.id].is_traced for run in runs.head[:1] if function.id in run.functions
        ),
        mutants=len(known),
        killed=[own[key][0].words for key in sorted(killed, key=lambda key: not own[key][1])],
        without=tried.functions.get(number),
    )
    verdict, reason = decide(found, context.language.judge)
    text = _text(context, function.path)
    seconds = [run.seconds for _, run in found.head if run is not None]
    return AuditedTest(
        path=function.path,
        name=function.name,
        line=context.language.judge.first_line(text, function.name),
        verdict=verdict,
        reason=reason,
        passes=sum(status == PASSED for _, status in found.runs),
        runs=len(found.runs),
        base=found.base_outcome,
        mutants=len(known) if number in plan.of_function else None,
        killed=tuple(of_change),
        killed_elsewhere=elsewhere[0] if elsewhere else "",
        weakness=weakness(found) if verdict is AuditVerdict.FAILS_WITHOUT_CHANGE else "",
        smells=_smells(context, text, function.name),
        seconds=min(seconds, default=None),
    )


def _text(context: AuditContext, path: str) -> str:
    try:
        return context.language.mutator.text((context.runner.workspace.head.root / path).read_bytes())
    except (OSError, CannotParse):
        return ""


def _smells(context: AuditContext, text: str, name: str) -> tuple[str, ...]:
    """Return the smells of a test, which are not about any particular function of the project."""
    nothing = _member_at(Place(path="", line=0, end_line=0, name="_"), context.language.name, frozenset())
    try:
        smell = context.language.judge.smells(text, nothing).get(name)
    except (CannotJudge, CannotParse):
        return ()
    return () if smell is None else (smell,)

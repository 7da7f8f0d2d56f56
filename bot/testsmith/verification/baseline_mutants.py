"""Run the project's own tests against mutants of changed lines, and against those that candidates kill."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import ChangedModule, ChangedModules, Reached
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.faults import is_fault
from testsmith.languages.mutants import Mutant, Mutator, spread
from testsmith.languages.results import Proof
from testsmith.languages.source import CannotParse
from testsmith.languages.thresholds import AUDIT_LIMITS, DEFAULTS, GateTable
from testsmith.model import Member, MemberKind, Progress
from testsmith.verification.gains import OwnEvidence, is_of_change
from testsmith.verification.mutation import Mutation, edit_of, function_of, mutants_of, runs_when_loaded


def changes_reached(
    member: Member,
    source: str,
    mutants: Sequence[Mutant],
    baseline: MemberBaseline,
    *,
    runs_when_loaded: bool,
) -> ChangedModules:
    """Return the member's mutants that the project's own tests reach, each with these tests.

    Args:
        member: The member.
        source: The source of its module.
        mutants: The member's mutants.
        baseline: The project's own tests that reach the member, by line.
        runs_when_loaded: Whether the member runs at import, so that its code cannot be replaced later.
    """
    changes = []
    for number, mutant in enumerate(mutants):
        tests = own_tests_reaching(mutant, baseline)
        if tests:
            function = function_of(mutant.function, runs_when_loaded=runs_when_loaded)
            changes.append(ChangedModule(number=number, edit=edit_of(mutant), function=function, tests=tests))
    names = frozenset[str]().union(*(change.tests for change in changes))
    of_lines = zip_longest(*(tests for _, tests in sorted(baseline.tests.items())))
    quickest = dict.fromkeys(test for each in of_lines for test in each if test in names)
    return ChangedModules(
        path=member.path, source=source, names=names, changes=tuple(changes), quickest=tuple(quickest)
    )


def own_tests_reaching(mutant: Mutant, baseline: MemberBaseline) -> frozenset[str]:
    """Return the project's own tests that reach a mutant.

    For a mutant outside of a function, which runs at import, these are all tests that reach the member.
    """
    first, last = mutant.statement
    return frozenset(
        test
        for line, tests in baseline.tests.items()
        for test in tests
        if mutant.function is None or first <= line <= last
    )


def with_causes(member: Member, baselines: Mapping[str, MemberBaseline]) -> MemberBaseline | None:
    """Return a member's baseline, together with that of the changed definitions in its file that it uses.

    None if one of them is unknown, because one of the project's tests may reach it without the member.
    """
    parts = [baselines.get(one.id) for one in (member, *member.causes)]
    known = [one for one in parts if one is not None]
    if len(known) < len(parts):
        return None
    reached = Reached(
        lines=frozenset().union(*(one.reached.lines for one in known)),
        branches=frozenset().union(*(one.reached.branches for one in known)),
    )
    tests = {line: tests for one in known for line, tests in one.tests.items()}
    return replace(known[0], reached=reached, tests=tests)


def users_of_changes(members: Iterable[Member], found: Iterable[Member]) -> tuple[Member, ...]:
    """Return all found members that use a changed private definition of another file, as one of some does."""
    wanted = {cause.id for member in members for cause in member.causes_elsewhere}
    return tuple(one for one in found if any(cause.id in wanted for cause in one.causes_elsewhere))


def changed_elsewhere(users: Iterable[Member], suite: OwnSuite | None = None) -> tuple[Member, ...]:
    """Return the changed private definitions of other files that members use, as if they were members.

    Args:
        users: All members that use them. Those that are members or used in their own file, too, are left out.
        suite: Their baseline; if given, a definition is left out if one of its users is not known: a failing
            test is known by the members that it names, and no test names what is private.
    """
    found: dict[str, Member] = {}
    known: dict[str, bool] = {}
    for member in users:
        for cause in member.causes_elsewhere:
            found[cause.id] = cause
            is_known = suite is None or member.id in suite.members
            known[cause.id] = known.get(cause.id, True) and is_known
    own = {one.id for member in users for one in (member, *member.causes)}
    return tuple(cause for name, cause in found.items() if known[name] and name not in own)


_MOST_GOALS = 5
_MOST_GOAL_CHARACTERS = 200


class OwnTests:
    """Results of the project's own tests per mutant, for a whole run. No mutant is run twice.

    If a member's baseline is incomplete, the tests that did run are still used: a mutant that they kill
    counts as killed.

    Args:
        suite: The measured suite.
        mutators: Change the source files, by language.
        runner: Runs the tests.
        progress: Progress display, advanced once per mutant.
        table: Limits for the number of mutants.
        elsewhere: Changed private definitions that are measured besides the members; see `changed_elsewhere`.
        measure_all: Measures the suite with all tests, if it was measured with a part of them.

    Attributes:
        suite: The measured suite.
        elsewhere: These definitions.
    """

    def __init__(  # noqa: PLR0913 - the last two have defaults
        self,
        suite: OwnSuite,
        mutators: Mapping[str, Mutator],
        runner: TestRunner,
        progress: Progress,
        *,
        table: GateTable = DEFAULTS,
        elsewhere: Sequence[Member] = (),
        measure_all: Callable[[], Awaitable[OwnSuite]] | None = None,
    ) -> None:
        self.suite = suite
        self.elsewhere = elsewhere
        self._mutators = mutators
        self._runner = runner
        self._progress = progress
        self._table = table
        self._measure_all = measure_all
        self._noticed: dict[str, dict[Mutant, bool]] = {}
        self._asked: dict[str, set[Mutant]] = {}
        self._loaded: set[str] = set()
        self._of_change: dict[str, tuple[Mutant, ...]] = {}

    def of(self, member: Member) -> OwnEvidence:
        """Return what is known about a member so far."""
        return OwnEvidence(
            baseline=with_causes(member, self.suite.members),
            noticed=self._noticed.get(member.id, {}),
            fail_on_base=any(self.suite.fails_on_base(one.id) is True for one in (member, *member.causes)),
        )

    async def complete(self) -> None:
        """Measure the suite with all tests, once, if tests that were left out may reach a member.

        What is known of mutants that no test killed is forgotten then.
        """
        measure, self._measure_all = self._measure_all, None
        baselines = (*self.suite.members.values(), *self.suite.partly.values())
        if measure is None or self.suite.is_cut_short or all(one.is_whole for one in baselines):
            return
        suite = await measure()
        if suite.is_run:
            self.suite = suite
            self._of_change.clear()
            self._asked.clear()
            self._noticed = {
                member: {mutant: True for mutant, killed in known.items() if killed}
                for member, known in self._noticed.items()
            }

    async def learn(self, tried: Sequence[tuple[Proof, Mutation]], seconds: float) -> None:
        """Run the project's own tests against mutants that candidates kill and whose result is unknown.

        Args:
            tried: The candidates, and what they do with the mutants of their members.
            seconds: Time limit for all mutants together.
        """
        mutants: dict[str, list[Mutant]] = {}
        first: dict[str, Proof] = {}
        for proof, mutation in tried:
            if not mutation.in_file:  # has no effect in the session of the project's tests
                first.setdefault(proof.member.id, proof)
                self._forget_if_loaded(proof)
                new = self._unknown(proof.member, mutation.killed)
                known = mutants.setdefault(proof.member.id, [])
                known += [one for one in new if one not in known]
        changed = {
            member: self._changed(first[member].member, new, is_loaded=runs_when_loaded(first[member]))
            for member, new in mutants.items()
        }
        count = sum(len(one.changes) for one in changed.values() if one is not None)
        if count:
            self._progress.phase("running mutants with your tests", count, 0.1)
            await self._try(mutants, changed, seconds)
            self._progress.advance(count)

    async def try_changed(self, members: Sequence[Member], seconds: float) -> None:
        """Run the project's own tests against mutants of changed lines whose result is unknown.

        Args:
            members: The members. Of one whose tests did not all run, nothing is tried.
            seconds: Time limit for all mutants together.
        """
        mutants = {one.id: self._unknown(one, self.mutants_of_change(one)) for one in members}
        changed = {one.id: self._changed(one, mutants[one.id], is_loaded=False) for one in members}
        await self._try(mutants, changed, seconds)

    async def _try(
        self,
        mutants: Mapping[str, Sequence[Mutant]],
        changed: Mapping[str, ChangedModules | None],
        seconds: float,
    ) -> None:
        wanted = {member: one for member, one in changed.items() if one is not None and one.changes}
        if not wanted or seconds <= 0:
            return
        try:
            noticed = await self._runner.own_changed(wanted, seconds)
        except CannotRun:  # the results remain unknown
            return
        for member in wanted:
            self._asked.setdefault(member, set()).update(mutants[member])
            fails = noticed.get(member, {})
            known = {one: fails[number] for number, one in enumerate(mutants[member]) if number in fails}
            self._noticed.setdefault(member, {}).update(known)

    def mutants_of_change(self, member: Member) -> tuple[Mutant, ...]:
        """Return mutants of functions on the changed lines that a member runs.

        There are none if nothing would follow from how the tests of the project end with them.
        """
        if member.id not in self._of_change:
            baseline = self.of(member).baseline
            is_known = baseline is not None and baseline.is_whole and self.suite.is_run
            source = self._source(member) if is_known and member.kind is not MemberKind.CLASS else None
            self._of_change[member.id] = () if source is None else self._mutants_of_change(member, source)
        return self._of_change[member.id]

    def _mutants_of_change(self, member: Member, source: str) -> tuple[Mutant, ...]:
        try:
            found = mutants_of(self._mutators[member.language], source, member, self._table)
        except Exception as error:
            if not is_fault(error):
                raise
            return ()  # it is reported for this member when its candidates are proven
        changed = [one for one in found if one.function is not None and is_of_change(one, member)]
        return tuple(spread(changed, AUDIT_LIMITS.changed_mutants))

    def goals(self, member: Member, killed: Collection[Mutant] = ()) -> tuple[str, ...]:
        """Return mutants of changed lines that no test kills, in words for a prompt.

        Args:
            member: The member.
            killed: Mutants that a new test already kills.
        """
        own, source = self.of(member), self._source(member)
        if source is None:
            return ()
        alive = [one for one in self.mutants_of_change(member) if own.leaves_alive(one) and one not in killed]
        return tuple(dict.fromkeys(_goal(one, source) for one in spread(alive, _MOST_GOALS)))

    def _forget_if_loaded(self, proof: Proof) -> None:
        """Forget results of `try_changed` of a member whose code has run before it could be replaced."""
        member = proof.member.id
        if runs_when_loaded(proof) and member not in self._loaded:
            self._loaded.add(member)
            self._noticed.pop(member, None)
            self._asked.pop(member, None)

    def _unknown(self, member: Member, mutants: Iterable[Mutant]) -> list[Mutant]:
        """Return the mutants that were not looked up yet, the ones of changed lines first."""
        if self._baseline(member) is None:
            return []
        own, asked = self.of(member), self._asked.get(member.id, set())
        new = [one for one in mutants if one not in asked and own.leaves_alive(one) is None]
        return sorted(new, key=lambda mutant: _order(mutant, member))

    def _baseline(self, member: Member) -> MemberBaseline | None:
        known = self.suite.members
        return with_causes(member, known) or with_causes(member, {**self.suite.partly, **known})

    def _changed(
        self, member: Member, mutants: Sequence[Mutant], *, is_loaded: bool
    ) -> ChangedModules | None:
        baseline, source = self._baseline(member), self._source(member) if mutants else None
        if baseline is None or source is None:
            return None
        return changes_reached(member, source, mutants, baseline, runs_when_loaded=is_loaded)

    def _source(self, member: Member) -> str | None:
        try:
            data = (self._runner.workspace.head.root / member.path).read_bytes()
            return self._mutators[member.language].text(data)
        except (OSError, CannotParse, KeyError):
            return None


def _goal(mutant: Mutant, source: str) -> str:
    """Return a mutant as a line of the source before and after it, or in words if that is long.

    A prompt shows no line numbers, so a line that the source has twice is named by the one above it.
    """
    edit = mutant.edit
    start = source.rfind("\n", 0, edit.start) + 1
    end = source.find("\n", edit.end)
    line = source[start : end if end >= 0 else len(source)]
    after = line[: edit.start - start] + edit.text + line[edit.end - start :]
    if "\n" in line.strip() or "\n" in after.strip() or len(line) + len(after) > _MOST_GOAL_CHARACTERS:
        return mutant.words
    lines = [each.strip() for each in source.split("\n")]
    above = next(filter(None, reversed(lines[: source.count("\n", 0, start)])), "")
    where = (
        f", below `{above}`" if lines.count(line.strip()) > 1 and len(above) < _MOST_GOAL_CHARACTERS else ""
    )
    return f"line {mutant.line}{where}: `{line.strip()}` becomes `{after.strip()}`"


def _order(mutant: Mutant, member: Member) -> tuple[bool, int, int, str]:
    """Sort mutants of changed lines first, because there may not be time for all."""
    edit = mutant.edit
    return not is_of_change(mutant, member), edit.start, edit.end, edit.text

"""Run the project's own tests against the mutants that candidates kill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import ChangedModule, ChangedModules, Reached
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.languages.mutants import Mutant, Mutator
from testsmith.languages.results import Proof
from testsmith.languages.source import CannotParse
from testsmith.model import Member, Progress
from testsmith.verification.gains import OwnEvidence, is_of_change
from testsmith.verification.mutation import Mutation, edit_of, function_of, runs_when_loaded


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
    return ChangedModules(path=member.path, source=source, names=names, changes=tuple(changes))


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


class OwnTests:
    """Results of the project's own tests per mutant. No mutant is run twice.

    If a member's baseline is incomplete, the tests that did run are still used: a mutant that they kill
    counts as killed.

    Args:
        own_suite: The measured suite.
        mutator: Changes the source files of the language.
        runner: Runs the tests.
        seconds: Time limit of one call of `learn`, for all its mutants together.
        progress: Progress display, advanced once per mutant.
    """

    def __init__(
        self,
        own_suite: OwnSuite,
        mutator: Mutator,
        runner: TestRunner,
        seconds: float,
        progress: Progress,
    ) -> None:
        self._mutator = mutator
        self._own_suite = own_suite
        self._runner = runner
        self._seconds = seconds
        self._progress = progress
        self._noticed: dict[str, dict[Mutant, bool]] = {}
        self._asked: dict[str, set[Mutant]] = {}

    def of(self, member: Member) -> OwnEvidence:
        """Return what is known about a member so far."""
        return OwnEvidence(
            baseline=with_causes(member, self._own_suite.members),
            noticed=self._noticed.get(member.id, {}),
            fail_on_base=any(
                self._own_suite.fails_on_base(one.id) is True for one in (member, *member.causes)
            ),
        )

    async def learn(self, proofs: Sequence[Proof], mutations: Sequence[Mutation]) -> None:
        """Run the project's own tests against mutants that candidates kill and whose result is unknown."""
        mutants: dict[str, list[Mutant]] = {}
        first: dict[str, Proof] = {}
        for proof, mutation in zip(proofs, mutations, strict=True):
            if not mutation.in_file:  # has no effect in the session of the project's tests
                first.setdefault(proof.member.id, proof)
                mutants.setdefault(proof.member.id, []).extend(self._unknown(proof.member, mutation))
        found = {member: self._changed(first[member], new) for member, new in mutants.items()}
        changed = {member: one for member, one in found.items() if one is not None and one.changes}
        if not changed:
            return
        count = sum(len(one.changes) for one in changed.values())
        self._progress.phase("running mutants with your tests", count, 0.1)
        try:
            noticed = await self._runner.own_changed(changed, self._seconds)
        except CannotRun:  # the results remain unknown
            return
        self._progress.advance(count)
        for member, fails in noticed.items():
            known = {one: fails[number] for number, one in enumerate(mutants[member]) if number in fails}
            self._noticed.setdefault(member, {}).update(known)

    def _unknown(self, member: Member, mutation: Mutation) -> list[Mutant]:
        """Return the killed mutants that were not looked up yet, the ones of changed lines first."""
        if self._baseline(member) is None:
            return []
        own, known = self.of(member), self._asked.setdefault(member.id, set())
        new = [one for one in mutation.killed - known if own.leaves_alive(one) is None]
        known.update(new)
        return sorted(new, key=lambda mutant: _order(mutant, member))

    def _baseline(self, member: Member) -> MemberBaseline | None:
        known = self._own_suite.members
        return with_causes(member, known) or with_causes(member, {**self._own_suite.partly, **known})

    def _changed(self, proof: Proof, mutants: Sequence[Mutant]) -> ChangedModules | None:
        member, baseline = proof.member, self._baseline(proof.member)
        if baseline is None:
            return None
        try:
            source = self._mutator.text((self._runner.workspace.head.root / member.path).read_bytes())
        except (OSError, CannotParse):
            return None
        is_loaded = runs_when_loaded(proof)
        return changes_reached(member, source, mutants, baseline, runs_when_loaded=is_loaded)


def _order(mutant: Mutant, member: Member) -> tuple[bool, int, int, str]:
    """Sort mutants of changed lines first, because there may not be time for all."""
    edit = mutant.edit
    return not is_of_change(mutant, member), edit.start, edit.end, edit.text

"""Run the project's own tests against the mutants that candidates kill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import ChangedModule, ChangedModules
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.languages.mutants import Mutant
from testsmith.languages.python.mutation.mutants import plain_text
from testsmith.languages.python.running.project_tests.suite import changes_noticed
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.source import CannotParse
from testsmith.model import Member, Progress
from testsmith.verification.gains import OwnEvidence
from testsmith.verification.mutation import Mutation, edit_of, function_of, runs_when_loaded
from testsmith.verification.results import Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Mutants of one member to run the project's own tests against."""

    member: Member
    baseline: MemberBaseline
    runs_when_loaded: bool
    mutants: list[Mutant] = field(default_factory=list)

    def changed(self, source: str) -> ChangedModules:
        return changes_reached(
            self.member, source, self.mutants, self.baseline, runs_when_loaded=self.runs_when_loaded
        )


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


class OwnTests:
    """Results of the project's own tests per mutant. No mutant is run twice.

    If a member's baseline is incomplete, the tests that did run are still used: a mutant that they kill
    counts as killed.

    Args:
        own_suite: The measured suite.
        workspace: PythonWorkspace to run the tests in.
        seconds: Time limit of one call of `learn`, for all its mutants together.
        progress: Progress display, advanced once per mutant.
    """

    def __init__(
        self, own_suite: OwnSuite, workspace: PythonWorkspace, seconds: float, progress: Progress
    ) -> None:
        self._own_suite = own_suite
        self._workspace = workspace
        self._seconds = seconds
        self._progress = progress
        self._noticed: dict[str, dict[Mutant, bool]] = {}
        self._asked: dict[str, set[Mutant]] = {}

    def of(self, member: Member) -> OwnEvidence:
        """Return what is known about a member so far."""
        return OwnEvidence(
            baseline=self._own_suite.members.get(member.id),
            noticed=self._noticed.get(member.id, {}),
            fail_on_base=self._own_suite.fails_on_base(member.id) is True,
        )

    async def learn(self, proofs: Sequence[Proof], mutations: Sequence[Mutation]) -> None:
        """Run the project's own tests against mutants that candidates kill and whose result is unknown."""
        asked: dict[str, _Asked] = {}
        for proof, mutation in zip(proofs, mutations, strict=True):
            if not mutation.in_file:  # has no effect in the session of the project's tests
                self._collect(asked, proof, mutation)
        found = {member: self._changed(one) for member, one in asked.items()}
        changed = {member: one for member, one in found.items() if one is not None}
        if not changed:
            return
        count = sum(len(one.changes) for one in changed.values())
        self._progress.phase("trying mutants with your own tests", count)
        try:
            noticed = await changes_noticed(self._workspace, changed, self._seconds)
        except CannotRun:  # the results remain unknown
            return
        self._progress.advance(count)
        for member, data in noticed.items():
            mutants = asked[member].mutants
            known = {mutants[number]: fails for number, fails in data.items() if number < len(mutants)}
            self._noticed.setdefault(member, {}).update(known)

    def _collect(self, asked: dict[str, _Asked], proof: Proof, mutation: Mutation) -> None:
        member, own = proof.member, self.of(proof.member)
        baseline = own.baseline or self._own_suite.partly.get(member.id)
        if baseline is None:
            return
        known = self._asked.setdefault(member.id, set())
        new = [one for one in mutation.killed - known if own.leaves_alive(one) is None]
        known.update(new)
        loaded = runs_when_loaded(proof)
        one = asked.setdefault(member.id, _Asked(member=member, baseline=baseline, runs_when_loaded=loaded))
        one.mutants.extend(sorted(new, key=lambda mutant: _order(mutant, member)))

    def _changed(self, asked: _Asked) -> ChangedModules | None:
        try:
            source = plain_text((self._workspace.head.root / asked.member.path).read_bytes())
        except (OSError, CannotParse):
            return None
        changed = asked.changed(source)
        return changed if changed.changes else None


def _order(mutant: Mutant, member: Member) -> tuple[bool, int, int, str]:
    """Sort mutants of changed lines first, because there may not be time for all."""
    edit = mutant.edit
    return mutant.line not in member.changed_lines, edit.start, edit.end, edit.text

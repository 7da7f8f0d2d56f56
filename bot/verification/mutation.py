"""Run the test functions that would be posted against mutants of their member, and without the member.

Each mutant is run with the functions that reach it alone. A function that passes although the member raises
whatever is done with it has shown nothing, or has forged its outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.execution.answers import PASSED, SKIPPED, JobResult
from bot.execution.harness import ChangedModule, ChangedModules, Job, Setting, batches_of, run_jobs
from bot.execution.sandbox import CannotRun
from bot.execution.workspace import Workspace
from bot.languages.driver import CannotParse
from bot.model import MemberKind, Progress
from bot.settings import VerificationSettings
from bot.verification.mutants import Edit, InFunction, Mutant, TakenAway, mutants_of, plain_text, taken_away
from bot.verification.operators import Operator
from bot.verification.proof import Proof

_LANGUAGE = "python"
_MOST_NAMED = 3
_TIMES_A_RUN = 2.0
_TAKEN_AWAY = 1_000_000
"""The number of the member that is taken away, among those of its mutants."""

_SETTING = Setting(name="mutants", hash_seed=1)
_PRIORITY = {operator: rank for rank, operator in enumerate(Operator)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """What came of one candidate's test functions with its member changed.

    Attributes:
        mutants: The member's mutants, those that no function reaches included; None where they could not
            be run.
        killed: Those of them that a test function fails with, in words, the most telling first.
        empty: The functions that pass even where the member is taken away.
    """

    mutants: int | None = None
    killed: tuple[str, ...] = ()
    empty: frozenset[str] = frozenset()

    @property
    def named(self) -> tuple[str, ...]:
        """The few killed mutants that a reviewer is told of."""
        return tuple(dict.fromkeys(self.killed))[:_MOST_NAMED]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """One candidate and the changes that it is to be run with."""

    proof: Proof
    source: str
    mutants: tuple[Mutant, ...]
    gone: TakenAway

    def job(self, number: int, seconds: float) -> Job:
        """Return what is to be run."""
        changed = ChangedModules(
            path=self.proof.member.path,
            source=self.source,
            names=frozenset(self.proof.names),
            changes=(self._without_member(), *self._changes()),
        )
        return Job(number=number, code=self.proof.candidate.code, seconds=seconds, changed=changed)

    def _without_member(self) -> ChangedModule:
        return ChangedModule(
            number=_TAKEN_AWAY,
            edit=_edit(self.gone.edit),
            function=self._function(self.gone.function),
            tests=frozenset(self.proof.names),
            whole=True,
        )

    def _changes(self) -> Iterator[ChangedModule]:
        for number, mutant in enumerate(self.mutants):
            function = self._function(mutant.function)
            tests = frozenset(self.proof.names) if function is None else self._reaching(mutant)
            if tests:
                yield ChangedModule(number=number, edit=_edit(mutant.edit), function=function, tests=tests)

    def _reaching(self, mutant: Mutant) -> frozenset[str]:
        return frozenset(
            function.name for function in self.proof.functions if mutant.is_reached_by(function.lines)
        )

    def _function(self, function: InFunction | None) -> tuple[str, int] | None:
        """Return the function whose code may be exchanged: not that of one that ran when it was loaded."""
        ran = any(run.import_lines for proof in self.proof.functions for run in proof.head)
        runs_when_loaded = ran and self.proof.member.kind is not MemberKind.CLASS
        return None if function is None or runs_when_loaded else (function.name, function.line)

    def outcome(self, result: JobResult) -> Mutation:
        """Return what came of it."""
        gone = result.changed.get(_TAKEN_AWAY)
        if gone is None:
            return Mutation()
        tried = {change.number for change in self._changes()}
        lost = tried - result.changed.keys()
        killed = [mutant for number, mutant in enumerate(self.mutants) if _fails(result.changed.get(number))]
        return Mutation(
            mutants=len(self.mutants) - len(lost),
            killed=tuple(mutant.words for mutant in sorted(killed, key=self._telling)),
            empty=frozenset(name for name, status in gone.items() if status == PASSED),
        )

    def _telling(self, mutant: Mutant) -> tuple[bool, int]:
        return mutant.line not in self.proof.member.changed_lines, _PRIORITY[mutant.operator]


def _edit(edit: Edit) -> tuple[int, int, str]:
    return edit.start, edit.end, edit.text


def _fails(statuses: Mapping[str, str] | None) -> bool:
    return any(status not in {PASSED, SKIPPED} for status in (statuses or {}).values())


async def gather_mutants(
    proofs: Sequence[Proof], workspace: Workspace, settings: VerificationSettings, progress: Progress
) -> tuple[Mutation, ...]:
    """Run candidates against the mutants of their members, side by side, and return what came of each.

    Args:
        proofs: The candidates, all of whose test functions pass on head.
        workspace: Where they are run.
        settings: How long one run may take; the mutants of one candidate may together take twice that.
        progress: Told of each candidate.
    """
    trials = dict(_trials(proofs, workspace))
    jobs = [trial.job(number, _TIMES_A_RUN * settings.test_seconds) for number, trial in trials.items()]
    if jobs:
        progress.phase("trying mutants", len(jobs))
    slots = asyncio.Semaphore(workspace.parallel)

    async def run_batch(batch: Sequence[Job]) -> Mapping[int, JobResult]:
        async with slots:
            try:
                results = await run_jobs(workspace, _SETTING, batch)
            except CannotRun:
                results = {}
        progress.advance(len(batch))
        return results

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run_batch(batch)) for batch in batches_of(jobs, 1, workspace.parallel)]
    results = {number: result for task in tasks for number, result in task.result().items()}
    return tuple(
        trials[number].outcome(results[number]) if number in results else Mutation()
        for number in range(len(proofs))
    )


def _trials(proofs: Sequence[Proof], workspace: Workspace) -> Iterator[tuple[int, _Trial]]:
    """Yield those that can be run, with their numbers."""
    for number, proof in enumerate(proofs):
        trial = _trial(proof, workspace) if proof.member.language == _LANGUAGE else None
        if trial is not None:
            yield number, trial


def _trial(proof: Proof, workspace: Workspace) -> _Trial | None:
    member = proof.member
    try:
        source = plain_text((workspace.head.root / member.path).read_bytes())
        gone = taken_away(source, member)
        mutants = mutants_of(source, member)
    except (OSError, CannotParse):
        return None
    return None if gone is None else _Trial(proof=proof, source=source, mutants=mutants, gone=gone)

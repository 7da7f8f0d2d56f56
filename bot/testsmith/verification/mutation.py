"""Run a candidate's test functions against mutants of their member, and with the member removed.

Each mutant is run with every function that reaches it, so that it is known which function kills it. A
function that passes although the member always raises has tested nothing, or has forged its result. If it is
shown that no change of the member can have a visible effect, no test is rejected for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith.execution.jobs import (
    PASSED,
    SKIPPED,
    ChangedModule,
    ChangedModules,
    JobResult,
    TestJob,
    batches_of,
)
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.workspace import Workspace
from testsmith.languages.judge import Judge
from testsmith.languages.language import Language
from testsmith.languages.mutants import Edit, Mutant, Mutator, Replacement, Scope
from testsmith.languages.results import Proof
from testsmith.languages.source import CannotParse
from testsmith.languages.thresholds import GateTable
from testsmith.model import Change, Member, MemberKind, Progress

_TAKEN_AWAY = 1_000_000
"""Job number of the removed member, above those of its mutants."""

_RETURNING = _TAKEN_AWAY + 1
"""Job number of the first replacement that returns immediately."""

_SECONDS_IF_SHOWN = 5.0
"""After which no mutant but the first few is begun if a test is known to show the change without them."""

_FEWEST = 2
"""Mutants that are tried in any case."""

_LEAST_OF_A_PART = 4
"""Fewer mutants are not worth a part of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """Results of one candidate's test functions with its member changed.

    Attributes:
        mutants: The member's mutants that were tried, including those that no function reaches; None if they
            could not be run. A mutant that no function kills counts only if all that reach it have ended.
        kills: The mutants that each test function kills.
        empty: Functions that pass even with the member removed.
        blind: Functions that pass whatever value the member immediately returns.
        unheard: Functions of which it is not known how they end with the member removed. They are not posted.
        in_file: Whether the changes had to be made in the module's file to have an effect.
        impossible: Whether no change had a visible effect.
    """

    mutants: tuple[Mutant, ...] | None = None
    kills: Mapping[str, frozenset[Mutant]] = field(default_factory=dict)
    empty: frozenset[str] = frozenset()
    blind: frozenset[str] = frozenset()
    unheard: frozenset[str] = frozenset()
    in_file: bool = False
    impossible: bool = False

    @property
    def killed(self) -> frozenset[Mutant]:
        """Mutants that at least one function kills."""
        return frozenset().union(*self.kills.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """One candidate, and the changes to run it against."""

    proof: Proof
    source: str
    mutants: tuple[Mutant, ...]
    gone: Replacement
    returning: tuple[Replacement, ...]
    is_shown: bool

    def job(self, number: int, seconds: float) -> TestJob:
        changed = ChangedModules(
            path=self.proof.member.path,
            source=self.source,
            names=frozenset(self.proof.names),
            changes=tuple(self._changes()),
            direct=(self.proof.member.module, self.proof.member.name, _TAKEN_AWAY),
        )
        return TestJob(
            number=number,
            code=self.proof.project_code or self.proof.candidate.code,
            seconds=seconds,
            changed=changed,
            test_path=self.proof.test_path,
            in_project=bool(self.proof.project_code),
        )

    def _changes(self) -> Iterator[ChangedModule]:
        """Yield the changes with the functions to run against them, the member's removal first."""
        is_loaded = runs_when_loaded(self.proof)
        numbered: list[tuple[int, Mutant | Replacement]] = [
            *enumerate((self.gone, *self.returning), _TAKEN_AWAY),
            *enumerate(self.mutants),
        ]
        for number, change in numbered:
            function = function_of(change.function, runs_when_loaded=is_loaded)
            tests = frozenset(self.proof.names)
            if isinstance(change, Mutant) and function is not None and self._is_traced(change):
                reached = (one for one in self.proof.functions if change.is_reached_by(one.lines))
                tests = frozenset(one.name for one in reached)
            if tests:
                yield ChangedModule(
                    number=number,
                    edit=edit_of(change),
                    function=function,
                    tests=tests,
                    whole=True,
                    latest=_SECONDS_IF_SHOWN if self.is_shown and _FEWEST <= number < _TAKEN_AWAY else None,
                )

    def _is_traced(self, mutant: Mutant) -> bool:
        """Return whether it is known which functions reach a mutant: one within the member."""
        member = self.proof.member
        return member.line <= mutant.statement[0] <= member.end_line

    def outcome(self, result: JobResult) -> Mutation:
        """Return the results of the candidate's job."""
        gone = result.changed.get(_TAKEN_AWAY)
        if gone is None:  # it is not known either whether a change has an effect
            return Mutation(unheard=frozenset(self.proof.names), in_file=result.in_file)
        if result.in_file and not result.acts:
            return Mutation(impossible=True)
        tests_of = {one.number: one.tests for one in self._changes() if one.number < _TAKEN_AWAY}
        ended = {number: result.changed.get(number, {}) for number in tests_of}
        data = {
            number: statuses
            for number, statuses in ended.items()
            if any(map(_fails, statuses.values())) or tests_of[number] <= statuses.keys()
        }
        lost = ended.keys() - data.keys()
        known = tuple(mutant for number, mutant in enumerate(self.mutants) if number not in lost)
        return Mutation(
            mutants=known if known or not self.mutants else None,  # nothing is known if no mutant was run
            kills={
                name: frozenset(self.mutants[number] for number in data if _fails(data[number].get(name)))
                for name in self.proof.names
            },
            empty=frozenset(name for name, status in gone.items() if status == PASSED),
            blind=self._blind(result),
            unheard=frozenset(self.proof.names) - gone.keys(),
            in_file=result.in_file,
        )

    def _blind(self, result: JobResult) -> frozenset[str]:
        tried = [result.changed.get(_RETURNING + number, {}) for number in range(len(self.returning))]
        names = self.proof.names if tried else ()
        return frozenset(name for name in names if all(one.get(name) == PASSED for one in tried))


def runs_when_loaded(proof: Proof) -> bool:
    """Return whether the member runs at import, so that its code cannot be replaced later."""
    ran = any(run.import_lines for function in proof.functions for run in function.head)
    return ran and proof.member.kind is not MemberKind.CLASS


def function_of(function: Scope | None, *, runs_when_loaded: bool) -> tuple[str, int] | None:
    """Return the function whose code to replace; None if it already ran at import."""
    return None if function is None or runs_when_loaded else (function.name, function.line)


def edit_of(changed: Mutant | Replacement) -> tuple[int, int, str]:
    """Return a change as start, end and new text, the form that the worker expects."""
    edit: Edit = changed.edit
    return edit.start, edit.end, edit.text


def _fails(status: str | None) -> bool:
    return status is not None and status not in {PASSED, SKIPPED}


async def gather_mutants(
    proofs: Sequence[Proof],
    language: Language,
    runner: TestRunner,
    table: GateTable,
    progress: Progress,
) -> tuple[Mutation, ...]:
    """Run candidates against the mutants of their members concurrently, and return the results.

    A candidate without any results is retried alone, because it could not be posted otherwise.

    Args:
        proofs: The candidates. All of their test functions pass on head.
        language: Their language.
        runner: Runs them.
        table: Limits for the number of mutants and the time per candidate.
        progress: Progress display, advanced once per candidate, or per part of the only one.
    """
    workspace = runner.workspace
    every = ((number, _trial(proof, language, workspace, table)) for number, proof in enumerate(proofs))
    trials = {number: trial for number, trial in every if trial is not None}
    jobs = [trial.job(number, table.mutation_seconds) for number, trial in trials.items()]
    batches = shared_out(jobs, workspace.parallel)
    if batches:
        progress.phase("trying mutants", sum(map(len, batches)))
    results = await _run(runner, batches, progress)
    again = [job for job in jobs if _is_unheard(results[job.number])]
    results |= await _run(runner, [[job] for job in again], None)
    mutations = {number: trials[number].outcome(result) for number, result in results.items()}
    return tuple(
        mutations.get(number) or Mutation(unheard=frozenset(proof.names))
        for number, proof in enumerate(proofs)
    )


def shared_out(jobs: Sequence[TestJob], parallel: int) -> list[Sequence[TestJob]]:
    """Return batches of jobs that keep all processors busy.

    A job without others is split into parts with the same number, each with some of the mutants, and with the
    removal of the member. `joined_parts` joins their results.
    """
    changed = jobs[0].changed if len(jobs) == 1 else None
    if changed is None:
        return batches_of(jobs, 1, parallel)
    mutants = [change for change in changed.changes if change.number < _TAKEN_AWAY]
    others = [change for change in changed.changes if change.number >= _TAKEN_AWAY]
    count = max(1, min(parallel, len(mutants) // _LEAST_OF_A_PART))
    return [
        [replace(jobs[0], changed=replace(changed, changes=(*others, *mutants[start::count])))]
        for start in range(count)
    ]


def joined_parts(parts: Sequence[JobResult]) -> JobResult:
    """Return the result of a job that was run in parts. What one part does not show is not known."""
    if len(parts) == 1:
        return parts[0]
    in_file = [one for one in parts if one.in_file]
    known = in_file or parts
    changed = {number: ended for one in reversed(known) for number, ended in one.changed.items()}
    is_known = all(_TAKEN_AWAY in one.changed for one in known)
    return replace(
        parts[0],
        problem=next((one.problem for one in parts if one.problem), ""),
        changed=changed if is_known else {},
        in_file=bool(in_file),
        acts=bool(in_file) and all(one.acts for one in in_file),
    )


def _is_unheard(result: JobResult) -> bool:
    return _TAKEN_AWAY not in result.changed and not result.in_file


async def _run(
    runner: TestRunner, batches: Sequence[Sequence[TestJob]], progress: Progress | None
) -> dict[int, JobResult]:
    slots = asyncio.Semaphore(runner.workspace.parallel)

    async def run_batch(batch: Sequence[TestJob]) -> Mapping[int, JobResult]:
        async with slots:
            try:
                results = await runner.run_changed(batch)
            except CannotRun as failure:
                results = {job.number: JobResult(problem=str(failure)) for job in batch}
        if progress is not None:
            progress.advance(len(batch))
        return results

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run_batch(batch)) for batch in batches]
    parts: dict[int, list[JobResult]] = {}
    for number, result in (each for task in tasks for each in task.result().items()):
        parts.setdefault(number, []).append(result)
    return {number: joined_parts(results) for number, results in parts.items()}


def _trial(proof: Proof, language: Language, workspace: Workspace, table: GateTable) -> _Trial | None:
    member, mutator = proof.member, language.mutator
    try:
        source = mutator.text((workspace.head.root / member.path).read_bytes())
        gone = mutator.taken_away(source, member)
        returning = mutator.returning_at_once(source, member)
        mutants = mutants_of(mutator, source, member, table)
    except (OSError, CannotParse):
        return None
    if gone is None:
        return None
    shown = is_shown(proof, language.judge)
    return _Trial(proof=proof, source=source, mutants=mutants, gone=gone, returning=returning, is_shown=shown)


def is_shown(proof: Proof, judge: Judge) -> bool:
    """Return whether all tests of a candidate that passes on head fail on base, as tests of the change do.

    Only a number in the report depends on most of its mutants then.
    """
    return all(
        one.base is not None
        and one.fails_on_base(proof.member)
        and not judge.is_interface_mismatch(one.base.message)
        for one in proof.functions
    )


def mutants_of(mutator: Mutator, source: str, member: Member, table: GateTable) -> tuple[Mutant, ...]:
    """Return the mutants of a member and of the changed lines of what it uses, changed lines first.

    The code of a member that is only affected did not change: none of its own, unless any gain counts.
    """
    below = [
        mutant
        for cause in member.causes
        for mutant in mutator.mutants(source, cause, table.max_mutants, table.mutants_a_line)
        if mutant.line in cause.changed_lines
    ]
    is_unchanged = member.change is Change.AFFECTED and not table.keeps_unchanged
    own = () if is_unchanged else mutator.mutants(source, member, table.max_mutants, table.mutants_a_line)
    changed = [mutant for mutant in own if mutant.line in member.changed_lines]
    return tuple(dict.fromkeys((*changed, *below, *own)))[: table.max_mutants]

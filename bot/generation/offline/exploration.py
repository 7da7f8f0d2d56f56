"""All trials of one module's members, run in two settings and on base: what is repeatable is a case."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.generation.offline.cases import Case, stable_case, with_base
from bot.generation.offline.choice import shortlist
from bot.generation.offline.explorer import FIRST, ON_BASE, SECOND, Explorer, Job, Setting
from bot.generation.offline.observations import Observation
from bot.generation.offline.subjects import Subject
from bot.generation.offline.trial import Trial
from bot.model import Change

_Numbered = Mapping[int, tuple[str, Trial]]
_Seen = Mapping[int, Observation]

_ENOUGH_TRIALS = 150
"""As many trials are worth a process of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A member with the trials planned for it."""

    subject: Subject
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What came of one member's trials.

    Attributes:
        cases: Those that were the same in both settings, in the order of the plan.
        reasons: Why each of the others came to nothing.
    """

    cases: tuple[Case, ...]
    reasons: tuple[str, ...]


async def explore(explorer: Explorer, work: Sequence[Work]) -> list[Findings]:
    """Run all trials on head, what came to something on base, and the best of it again; one result a member.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    if not work:
        return []
    member = work[0].subject.member
    numbered = _numbered(work)
    first = await _seen(explorer, Job(module=member.module, path=member.path, trials=numbered), FIRST)
    cases = {
        number: case
        for number, (_, trial) in numbered.items()
        if number in first and (case := stable_case(trial, first[number], first[number])) is not None
    }
    compared = {each.subject.member.name for each in work if each.subject.member.change is not Change.ADDED}
    on_base = {number: numbered[number] for number in cases if numbered[number][0] in compared}
    base = await _seen(explorer, Job(module=member.module, trials=on_base), ON_BASE)
    cases = {number: with_base(case, base.get(number)) for number, case in cases.items()}
    listed = {number: numbered[number] for number in _shortlisted(numbered, cases)}
    second = await _seen(explorer, Job(module=member.module, trials=listed), SECOND)
    return _by_member(work, first, second, cases)


def _numbered(work: Sequence[Work]) -> _Numbered:
    flat = [(each.subject.member.name, trial) for each in work for trial in each.trials]
    return dict(enumerate(flat))


async def _seen(explorer: Explorer, job: Job, setting: Setting) -> _Seen:
    """Run a job's trials, so many members a process that starting one pays off, side by side."""
    parts = [replace(job, trials=part) for part in _parts(job.trials or {})]
    told = await asyncio.gather(*(explorer.run(part, setting) for part in parts))
    return {number: seen for each in told for number, seen in each.observations.items()}


def _parts(trials: _Numbered) -> list[dict[int, tuple[str, Trial]]]:
    """Split trials between members; how does not depend on the machine."""
    parts: list[dict[int, tuple[str, Trial]]] = []
    last = ""
    for number, (member, trial) in trials.items():
        if not parts or (member != last and len(parts[-1]) >= _ENOUGH_TRIALS):
            parts.append({})
        parts[-1][number] = (member, trial)
        last = member
    return parts


def _shortlisted(numbered: _Numbered, cases: Mapping[int, Case]) -> list[int]:
    """Return the numbers of the cases worth a second run, member by member."""
    by_member: dict[str, list[int]] = {}
    for number in cases:
        by_member.setdefault(numbered[number][0], []).append(number)
    found: list[int] = []
    for numbers in by_member.values():
        wanted = shortlist([cases[number] for number in numbers])
        found += [numbers[place] for place in wanted]
    return sorted(found)


def _by_member(
    work: Sequence[Work], first: _Seen, second: _Seen, cases: Mapping[int, Case]
) -> list[Findings]:
    """Give each member what came of its own trials."""
    found = []
    start = 0
    for each in work:
        own = range(start, start + len(each.trials))
        start = own.stop
        repeated = {number: _repeated(cases[number], second[number]) for number in own if number in second}
        failed = [
            number for number in own if number not in cases or repeated.get(number, cases[number]) is None
        ]
        kept = tuple(case for case in repeated.values() if case is not None)
        reasons = tuple(_reason(first.get(number), second.get(number)) for number in failed)
        found.append(Findings(cases=kept, reasons=reasons))
    return found


def _repeated(case: Case, second: Observation) -> Case | None:
    """Return a case as both settings saw it; None where they differ."""
    kept = stable_case(case.trial, case.seen, second)
    return None if kept is None else with_base(kept, case.base)


def _reason(first: Observation | None, second: Observation | None) -> str:
    if first is None:
        return "the explorer ended before it was run"
    return first.outcome.reason or (second.outcome.reason if second else "") or DIFFERS


DIFFERS = "what it gives differs from run to run"
"""The reason for a trial that was not the same under both settings."""

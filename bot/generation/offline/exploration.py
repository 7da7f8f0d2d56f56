"""All trials of one module's members, run in two settings and on base: what is repeatable is a case."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.generation.offline.cases import Case, stable_case, with_base
from bot.generation.offline.explorer import FIRST, ON_BASE, SECOND, Explorer, Job, Setting
from bot.generation.offline.observations import Observation
from bot.generation.offline.trials import Subject, Trial
from bot.model import Change

_Numbered = Mapping[int, tuple[str, Trial]]
_Seen = Mapping[int, Observation]


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
    """Run all trials on head, then those that came to something again and on base; one result a member.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    if not work:
        return []
    member = work[0].subject.member
    names = [each.subject.member.name for each in work]
    flat = [(name, trial) for name, each in zip(names, work, strict=True) for trial in each.trials]
    numbered = dict(enumerate(flat))
    first = await explorer.run(Job(module=member.module, path=member.path, trials=numbered), FIRST)
    seen = first.observations
    promising = {number: each for number, each in numbered.items() if _promises(each[1], seen.get(number))}
    compared = {each.subject.member.name for each in work if each.subject.member.change is not Change.ADDED}
    on_base = {number: each for number, each in promising.items() if each[0] in compared}
    second, base = await asyncio.gather(
        _again(explorer, member.module, promising, SECOND), _again(explorer, member.module, on_base, ON_BASE)
    )
    return _sorted_out(work, seen, second, base)


def _promises(trial: Trial, seen: Observation | None) -> bool:
    return seen is not None and stable_case(trial, seen, seen) is not None


async def _again(explorer: Explorer, module: str, trials: _Numbered, setting: Setting) -> _Seen:
    if not trials:
        return {}
    told = await explorer.run(Job(module=module, trials=trials), setting)
    return told.observations


def _sorted_out(work: Sequence[Work], first: _Seen, second: _Seen, base: _Seen) -> list[Findings]:
    """Give each member what came of its own trials."""
    found = []
    start = 0
    for each in work:
        cases, reasons = [], []
        for number, trial in enumerate(each.trials, start):
            case = stable_case(trial, first[number], second.get(number)) if number in first else None
            if case is not None:
                cases.append(with_base(case, base.get(number)))
            else:
                reasons.append(_reason(first.get(number), second.get(number)))
        start += len(each.trials)
        found.append(Findings(cases=tuple(cases), reasons=tuple(reasons)))
    return found


def _reason(first: Observation | None, second: Observation | None) -> str:
    if first is None:
        return "the explorer ended before it was run"
    return first.outcome.reason or (second.outcome.reason if second else "") or DIFFERS


DIFFERS = "what it gives differs from run to run"
"""The reason for a trial that was not the same under both settings."""

"""All trials of one module's members, run in rounds, then in another setting: what is repeatable is a case.

The first round is what was planned; each further one tries variations of what came close to something that no
trial has shown yet. A member rests once a round has shown nothing new of it. Rounds and trials are counted,
so that the same project gives the same text in every run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith.generation.explorer.case_selection import shortlist
from testsmith.generation.explorer.cases import Arc, Case, Observation, signature, stable_case, with_base
from testsmith.generation.explorer.guidance import SearchState, further
from testsmith.generation.explorer.render.call_text import Argument
from testsmith.generation.explorer.render.expressions import InputSource
from testsmith.generation.explorer.runner import (
    FIRST,
    FIRST_APART,
    ON_BASE,
    SECOND,
    SECOND_APART,
    Explorer,
    ExplorerJob,
    ExplorerSetting,
)
from testsmith.generation.explorer.subjects import Subject
from testsmith.generation.explorer.trial import Trial
from testsmith.languages.python.judge.mutants import Mutant
from testsmith.model import Change

_Numbered = Mapping[int, tuple[str, Trial]]
_Seen = Mapping[int, Observation]

ROUNDS = 3
"""How many rounds follow the first."""

_ENOUGH_TRIALS = 150
"""As many trials are worth a process of their own."""

_MOST_TELLING = 4

_MOST_A_ROUND = 900
"""How many trials a round adds for a module at most, so that large modules do not take as much longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A member with the trials planned for it.

    Attributes:
        subject: The member.
        trials: Its trials.
        mutants: The changes of its text that they may notice; none for no search.
    """

    subject: Subject
    trials: tuple[Trial, ...]
    mutants: tuple[Mutant, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploredMember:
    """What came of one member's trials.

    Attributes:
        cases: Those that were the same in both settings, in the order of the plan.
        reasons: Why each of the others came to nothing.
    """

    cases: tuple[Case, ...]
    reasons: tuple[str, ...]


async def explore(explorer: Explorer, work: Sequence[Work]) -> list[ExploredMember]:
    """Run all trials on head, what came to something on base, and the best of it again; one result a member.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    if not work:
        return []
    exploration = _Exploration(explorer, work)
    await exploration.look({at: each.trials for at, each in enumerate(work)})
    for _ in range(ROUNDS):
        trials = exploration.further()
        if not trials:
            break
        await exploration.look_further(trials)
    return await exploration.findings()


@dataclass(slots=True)
class _Seeking:
    """What has come of one member's trials so far."""

    work: Work
    trials: dict[int, Trial] = field(default_factory=dict)
    seen: dict[int, Observation] = field(default_factory=dict)
    cases: dict[int, Case] = field(default_factory=dict)
    rests: bool = False

    @property
    def name(self) -> str:
        return self.work.subject.member.name

    @property
    def is_compared(self) -> bool:
        """Whether base is to have the member as well."""
        return self.work.subject.member.change is not Change.ADDED

    @property
    def known(self) -> SearchState:
        return SearchState(
            subject=self.work.subject,
            trials=self.trials,
            seen=self.seen,
            cases=self.cases,
            mutants=self.work.mutants,
        )

    def changes(self) -> dict[int, Mutant]:
        """Return the changes that no case has noticed yet, by their numbers."""
        noticed = self.known.noticed
        return {number: each for number, each in enumerate(self.work.mutants) if number not in noticed}

    @property
    def has_witness(self) -> bool:
        """Whether base does something else with one of the inputs."""
        return any(case.is_witness for case in self.cases.values())

    @property
    def telling(self) -> list[Argument]:
        """The arguments of the first calls on which base differs."""
        witnesses = [case.trial for case in self.cases.values() if case.is_witness]
        return [argument for trial in witnesses[:_MOST_TELLING] for argument in trial.arguments]

    @property
    def shown(self) -> tuple[int, int, bool]:
        """How much its trials have shown: changes noticed, branches reached, and whether base differs."""
        reached = frozenset[Arc]().union(*(case.seen.branches for case in self.cases.values()))
        return len(self.known.noticed), len(reached), self.has_witness

    def shorten(self, numbers: Iterable[int]) -> None:
        """Decide between the two setups of each documented call: what it seems to need, and all before it.

        The short one stays where the same comes of both. Where another value does, it says nothing of what
        is documented.
        """
        for number in [number for number in numbers if self.trials[number].is_shortened]:
            short, whole = self.cases.get(number), self._whole_of(number)
            if whole is not None and (short is None or signature(short.outcome) != signature(whole.outcome)):
                self._drop(number)
            elif whole is not None:
                self._drop(number + 1)
            elif short is not None and short.contradicts:
                self._drop(number)

    def _whole_of(self, number: int) -> Case | None:
        """Return the case that follows a shortened one with the same call behind all statements."""
        case = self.cases.get(number + 1)
        if case is None or case.trial.layer is not InputSource.DOCUMENTED or case.trial.is_shortened:
            return None
        return case if case.trial.call == self.trials[number].call else None

    def _drop(self, number: int) -> None:
        for known in (self.trials, self.seen, self.cases):
            known.pop(number, None)

    def shortlisted(self) -> list[int]:
        """Return the numbers of the cases that are worth running again."""
        numbers = [*self.cases]
        return [numbers[place] for place in shortlist([*self.cases.values()])]


class _Exploration:
    """Runs the trials of one module's members."""

    def __init__(self, explorer: Explorer, work: Sequence[Work]) -> None:
        self._explorer = explorer
        self._members = [_Seeking(each) for each in work]
        member = work[0].subject.member
        self._job = ExplorerJob(module=member.module, path=member.path, source=work[0].subject.source.text)
        self._count = 0

    async def look(self, trials: Mapping[int, Sequence[Trial]]) -> None:
        """Run further trials of members on head, and what came to something on base.

        Args:
            trials: The trials by the member's place in the work.
        """
        new = {place: self._numbered(each) for place, each in trials.items()}
        changes = {self._members[place].name: self._members[place].changes() for place in new}
        job = replace(self._job, trials=self._named(new), changes=changes)
        first = await self._seen(job, FIRST)
        for place, numbered in new.items():
            self._note(self._members[place], numbered, first)
        compared = {place: each for place, each in new.items() if self._members[place].is_compared}
        await self._compare(compared)

    async def look_further(self, trials: Mapping[int, Sequence[Trial]]) -> None:
        """Run the trials of a further round; who shows nothing new by them rests from then on.

        Where nothing has come of any yet, the exceptions may still lead to what it takes.
        """
        before = {place: self._members[place].shown for place in trials}
        await self.look(trials)
        for place, shown in before.items():
            member = self._members[place]
            member.rests = bool(member.cases) and member.shown == shown

    def _numbered(self, trials: Sequence[Trial]) -> dict[int, Trial]:
        start, self._count = self._count, self._count + len(trials)
        return dict(enumerate(trials, start))

    def _named(self, trials: Mapping[int, Mapping[int, Trial]]) -> _Numbered:
        return {
            number: (self._members[place].name, trial)
            for place, numbered in trials.items()
            for number, trial in numbered.items()
        }

    def _note(self, member: _Seeking, numbered: Mapping[int, Trial], first: _Seen) -> None:
        """Take in what was seen of a member's trials."""
        member.trials |= numbered
        for number, trial in numbered.items():
            seen = first.get(number)
            case = None if seen is None else stable_case(trial, seen, seen)
            if seen is not None:
                member.seen[number] = seen
            if case is not None:
                member.cases[number] = case
        member.shorten(numbered)

    async def _compare(self, trials: Mapping[int, Mapping[int, Trial]]) -> None:
        """Run the trials that came to something on base."""
        worth = {
            place: {number: trial for number, trial in each.items() if number in self._members[place].cases}
            for place, each in trials.items()
        }
        base = await self._seen(
            replace(self._job, path=None, source=None, trials=self._named(worth)), ON_BASE
        )
        for place, numbered in worth.items():
            cases = self._members[place].cases
            cases |= {number: with_base(cases[number], base.get(number)) for number in numbered}

    def further(self) -> dict[int, list[Trial]]:
        """Return the trials of the next round, by the member's place in the work; none where all is shown."""
        most = _MOST_A_ROUND // len(self._members)
        searched = {
            place: member
            for place, member in enumerate(self._members)
            if member.work.mutants and not member.rests
        }
        telling = [argument for member in self._members for argument in member.telling]
        found = {place: self._further_of(member, telling)[:most] for place, member in searched.items()}
        return {place: trials for place, trials in found.items() if trials}

    def _further_of(self, member: _Seeking, telling: Sequence[Argument]) -> list[Trial]:
        may_differ = member.is_compared and self._explorer.has_base
        return further(member.known, wants_witness=may_differ and not member.has_witness, telling=telling)

    async def findings(self) -> list[ExploredMember]:
        """Run the best cases in another setting, the other way round; return what held of each member."""
        listed = {place: member.shortlisted() for place, member in enumerate(self._members)}
        second = await self._again(listed, SECOND)
        found = [
            _findings(member, member.seen, listed[at], second) for at, member in enumerate(self._members)
        ]
        # What differs may depend on what was run before in the same process.
        shaken = {
            at: listed[at]
            for at, member in enumerate(self._members)
            if _is_shaken(member, listed[at], second)
        }
        first_apart = await self._again(shaken, FIRST_APART)
        second_apart = await self._again(shaken, SECOND_APART)
        for at in shaken:
            found[at] = _findings(self._members[at], first_apart, listed[at], second_apart)
        return found

    async def _again(self, listed: Mapping[int, Sequence[int]], setting: ExplorerSetting) -> _Seen:
        trials = {
            place: {number: self._members[place].trials[number] for number in reversed(numbers)}
            for place, numbers in listed.items()
        }
        return await self._seen(
            replace(self._job, path=None, source=None, trials=self._named(trials)), setting
        )

    async def _seen(self, job: ExplorerJob, setting: ExplorerSetting) -> _Seen:
        """Run a job's trials, this many members a process that starting one pays off, side by side."""
        parts = [replace(job, trials=part) for part in _parts(job.trials or {})]
        data = await asyncio.gather(*(self._explorer.run(part, setting) for part in parts))
        return {number: seen for each in data for number, seen in each.observations.items()}


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


def _is_shaken(member: _Seeking, listed: Iterable[int], second: _Seen) -> bool:
    """Return whether something else came of a trial in the second setting."""
    return any(
        _repeated(member.cases[number], member.seen[number], second.get(number)) is None for number in listed
    )


def _findings(member: _Seeking, first: _Seen, listed: Sequence[int], second: _Seen) -> ExploredMember:
    """Return what came of one member's trials, given what was seen of the listed ones in two settings."""
    repeated = {
        number: _repeated(member.cases[number], first.get(number), second.get(number)) for number in listed
    }
    failed = [number for number in member.trials if repeated.get(number, member.cases.get(number)) is None]
    return ExploredMember(
        cases=tuple(case for number in sorted(repeated) if (case := repeated[number]) is not None),
        reasons=tuple(_reason(member.seen.get(number), second.get(number)) for number in failed),
    )


def _repeated(case: Case, first: Observation | None, second: Observation | None) -> Case | None:
    """Return a case as both settings saw it; None if they differ."""
    if first is None:
        return None
    seen = replace(case.seen, outcome=first.outcome, state=first.state, writes=first.writes)
    kept = stable_case(case.trial, seen, second)
    return None if kept is None else with_base(kept, case.base)


def _reason(first: Observation | None, second: Observation | None) -> str:
    if first is None:
        return "the explorer ended before it was run"
    return first.outcome.reason or (second.outcome.reason if second else "") or DIFFERS


DIFFERS = "what it gives differs from run to run"
"""The reason for a trial that was not the same under both settings."""

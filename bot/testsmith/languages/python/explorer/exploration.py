"""Run all trials of a module's members in rounds, then in another setting; repeatable results become cases.

The first round runs the planned trials. Each further round tries variations of trials that came close to
something not yet shown. Search for a member stops after a round without progress. Rounds and trials are
limited by count, not time, so that results are reproducible.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from typing import NamedTuple

from testsmith.languages.mutants import Mutant
from testsmith.languages.python.explorer.case_selection import choose, shortlist
from testsmith.languages.python.explorer.cases import (
    Arc,
    Case,
    Observation,
    signature,
    stable_case,
    with_base,
)
from testsmith.languages.python.explorer.guidance import SearchState, further, shorter, varied
from testsmith.languages.python.explorer.inputs.static_hints import (
    is_data_elsewhere,
    texts_of_change,
    words_of_change,
)
from testsmith.languages.python.explorer.render.call_text import Argument
from testsmith.languages.python.explorer.render.expressions import InputSource
from testsmith.languages.python.explorer.runner import (
    FIRST,
    FIRST_APART,
    ON_BASE,
    ON_BASE_APART,
    SECOND,
    SECOND_APART,
    Explorer,
    ExplorerJob,
    ExplorerSetting,
)
from testsmith.languages.python.explorer.subjects import Subject
from testsmith.languages.python.explorer.trial import Trial
from testsmith.languages.python.explorer.usage.checked_expressions import words_in
from testsmith.model import Change, Member
from testsmith.tasks import gather

_Numbered = Mapping[int, tuple[str, Trial]]
_Seen = Mapping[int, Observation]

ROUNDS = 3
"""Maximum number of rounds after the first."""

_ENOUGH_TRIALS = 150
"""Number of trials that justify another process."""

_MOST_TELLING = 4
_MOST_SHRINKS = 3

_A_GROUP = 40
"""Number of calls in tests that run in one process to see what they reach."""

_MOST_REPLAYED = 3
"""Maximum number of replayed calls that are kept for one member."""

_MOST_A_ROUND = 900
"""Maximum number of trials per round and module, to limit the time for large modules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A member with its planned trials.

    Attributes:
        subject: The member.
        trials: Its trials.
        mutants: Mutants that its trials may kill; empty for no search.
        probes: The trials that a model asked for.
        texts: Texts that the authors write about the change.
        title: What they say about it in one line.
        existing: Names of the project's tests.
        is_new: Whether there is a base that does not have the member.
        is_on_base: Whether base defines the member, too, so that its calls have to run there.
    """

    subject: Subject
    trials: tuple[Trial, ...]
    mutants: tuple[Mutant, ...] = ()
    probes: tuple[Trial, ...] = ()
    texts: tuple[str, ...] = ()
    title: str = ""
    existing: frozenset[str] = frozenset()
    is_new: bool = False
    is_on_base: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploredMember:
    """Result of one member's trials.

    Attributes:
        cases: Cases that were the same in both settings, in plan order.
        reasons: Why each of the other trials produced no case.
    """

    cases: tuple[Case, ...]
    reasons: tuple[str, ...]


class TestInputs(NamedTuple):
    """What tests of the project do.

    Attributes:
        calls: What they call and check.
        texts: Their string literals.
    """

    calls: Sequence[Trial]
    texts: Sequence[str]


async def explore(
    explorer: Explorer, work: Sequence[Work], through_tests: Callable[[], Awaitable[TestInputs]]
) -> list[ExploredMember]:
    """Run all trials on head, the successful ones on base, and the best ones again; one result per member.

    Args:
        explorer: Runs them.
        work: The members of one module.
        through_tests: Finds what the project's tests call and check. Of the members that also exist on base,
            those that do not differ on their own trials are tried with what reaches them.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    if not work:
        return []
    exploration = _Exploration(explorer, work)
    await exploration.look({at: each.trials for at, each in enumerate(work)})
    await exploration.look_through(through_tests)
    for _ in range(ROUNDS):
        trials = exploration.further()
        if not trials:
            break
        await exploration.look_further(trials)
    await exploration.shrink()
    return await exploration.findings()


@dataclass(slots=True)
class _Seeking:
    """State of one member's search."""

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
        """Whether the member is also run on base."""
        return self.work.subject.member.change is not Change.ADDED

    @property
    def texts_of_change(self) -> list[str]:
        return [*self.work.texts, *texts_of_change(self.work.subject.member, self.work.subject.source)]

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
        """Return the surviving mutants, by number."""
        noticed = self.known.noticed
        return {number: each for number, each in enumerate(self.work.mutants) if number not in noticed}

    @property
    def has_witness(self) -> bool:
        """Whether base differs on any input that it accepts, in more than a message."""
        return any(
            case.is_witness and not case.differs_in_message and not case.has_new_arguments
            for case in self.cases.values()
        )

    @property
    def has_good_witness(self) -> bool:
        """Whether base differs on an input of the project."""
        return self.has_witness and any(
            case.is_witness and case.is_of_project and not case.has_new_arguments
            for case in self.cases.values()
        )

    @property
    def telling(self) -> list[Argument]:
        """Arguments of the first calls on which base differs."""
        witnesses = [case.trial for case in self.cases.values() if case.is_witness]
        return [argument for trial in witnesses[:_MOST_TELLING] for argument in trial.arguments]

    @property
    def shown(self) -> tuple[int, int, bool]:
        """Progress so far: mutants killed, branches covered, and whether base differs."""
        reached = frozenset[Arc]().union(*(case.seen.branches for case in self.cases.values()))
        return len(self.known.noticed), len(reached), self.has_witness

    def shorten(self, numbers: Iterable[int]) -> None:
        """Choose between the two setups of each documented call: required statements, or all before it.

        The short setup is used if both have the same result. If the value differs, the short one is not a
        test of the documentation.
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
        """Return the case with the complete setup for the same call as a shortened one."""
        case = self.cases.get(number + 1)
        if case is None or case.trial.layer is not InputSource.DOCUMENTED or case.trial.is_shortened:
            return None
        return case if case.trial.call == self.trials[number].call else None

    def _drop(self, number: int) -> None:
        for known in (self.trials, self.seen, self.cases):
            known.pop(number, None)

    def keep_witnesses(self, numbers: Iterable[int]) -> None:
        """Keep the replayed trials on which base differs, one for each form and each path to what changed.

        If only data changed, which has no path, it is one for each input.
        """
        own = self.work.subject.member
        is_data, lines, around = is_data_elsewhere(own), _lines_of(own), _lines_around_change(own)
        kept = set[Hashable]()
        for number in sorted(numbers, key=self._plainness):
            case, form = self.cases.get(number), _form(self.trials[number])
            reached = frozenset[int]() if case is None else case.seen.lines
            reaches = is_data or not reached.isdisjoint(lines)
            shows = case is not None and case.is_witness and reaches and not (kept and case.base_failed)
            inputs = tuple(each.value.text for each in self.trials[number].arguments)
            path = inputs if is_data else reached & around
            if not shows or not kept.isdisjoint({form, path}) or len(kept) >= 2 * _MOST_REPLAYED:
                self._drop(number)
            else:
                kept |= {form, path}

    def _plainness(self, number: int) -> tuple[int, ...]:
        """Return the sort key of a replayed trial.

        More than a message, accepted by base, a value, one that is in the call, plain characters, length.
        """
        case, text = self.cases.get(number), self.trials[number].text
        if case is None:
            return (True,)
        is_object = case.outcome.kind == "object"
        marks = (case.differs_in_message, case.base_failed, is_object, not case.repeats_input)
        return (*marks, not text.isascii(), len(text))

    def invented_witnesses(self) -> list[int]:
        """Return the chosen calls on which base differs and that are not the project's own."""
        chosen = [case.trial for case in choose([*self.cases.values()]) if case.is_witness]
        return [
            number
            for number, case in self.cases.items()
            if case.trial in chosen and case.trial.layer >= InputSource.ORDINARY
        ]

    def shorter(self, numbers: Iterable[int]) -> list[Trial]:
        """Return calls with shorter lists than some have, without those that were tried."""
        tried = {trial.text for trial in self.trials.values()}
        made = {trial.text: trial for number in numbers for trial in shorter(self.trials[number])}
        return [trial for text, trial in made.items() if text not in tried]

    def take_shorter(self, numbers: Iterable[int]) -> bool:
        """Replace calls by shorter ones that show the change as well; return whether there are any."""
        by_text = {trial.text: number for number, trial in self.trials.items() if number in self.cases}
        found = False
        for number in numbers:
            case = self.cases[number]
            texts = (trial.text for trial in shorter(case.trial))
            made = next((by_text[text] for text in texts if self._shows_as(by_text.get(text), case)), None)
            if made is not None:
                trial = replace(self.trials[made], layer=case.trial.layer)
                self.trials[made], self.cases[made] = trial, replace(self.cases[made], trial=trial)
                self._drop(number)
                found = True
        return found

    def _shows_as(self, number: int | None, case: Case) -> bool:
        """Return whether another case shows the change as well as a case does."""
        other = None if number is None else self.cases.get(number)
        return (
            other is not None
            and other.is_witness
            and other.outcome.kind == case.outcome.kind
            and (other.base_failed, other.differs_in_message) <= (case.base_failed, case.differs_in_message)
        )

    def compare(self, numbers: Iterable[int], base: _Seen) -> None:
        """Compare cases with what base did in a process for each call, if they were compared before."""
        for number in numbers:
            case = self.cases[number]
            if case.base is not None:
                self.cases[number] = with_base(replace(case, base=None), base.get(number))

    def shortlisted(self) -> list[int]:
        """Return the numbers of cases worth running again."""
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
        """Run more trials on head, and the successful ones on base.

        Args:
            trials: Trials by index of the member in the work.
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
        """Run the trials of another round; members without progress are not searched again."""
        before = {place: self._members[place].shown for place in trials}
        await self.look(trials)
        for place, shown in before.items():
            member = self._members[place]
            member.rests = bool(member.cases) and member.shown == shown

    async def look_through(self, through_tests: Callable[[], Awaitable[TestInputs]]) -> None:
        """Replay and vary what tests do if it reaches a member without a good witness; keep what differs."""
        sought = {
            at: each
            for at, each in enumerate(self._members)
            if each.is_compared and self._explorer.has_base and not each.has_good_witness
        }
        given, others = await through_tests() if sought else TestInputs([], [])
        numbered = {number: (f"{number // _A_GROUP}", trial) for number, trial in enumerate(given)}
        files = dict.fromkeys(_file_of_change(each.work.subject.member) for each in sought.values())
        jobs = {file: replace(self._job, path=file, source=None, trials=numbered) for file in files}
        seen = {file: await self._seen(job, FIRST) for file, job in jobs.items()}
        reaching = {at: _nearest(each, given, seen) for at, each in sought.items()}
        await self._replay(reaching)
        left = {at: each for at, each in sought.items() if not each.has_witness}
        await self._replay(
            {at: varied(reaching[at], each.texts_of_change, others) for at, each in left.items()}
        )

    async def _replay(self, calls: Mapping[int, Sequence[Trial]]) -> None:
        """Run calls of tests on head and base; keep those that differ."""
        new = {at: self._numbered(trials) for at, trials in calls.items()}
        files = {at: _file_of_change(self._members[at].work.subject.member) for at in new}
        plain = replace(self._job, source=None)
        jobs = [replace(plain, path=files[at], trials=self._named({at: each})) for at, each in new.items()]
        first = await gather(*(self._seen(job, FIRST) for job in jobs))
        for (at, trials), seen in zip(new.items(), first, strict=True):
            self._note(self._members[at], trials, seen)
        await self._compare(new)
        for at, trials in new.items():
            self._members[at].keep_witnesses(trials)

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
        """Record the observations of a member's trials."""
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
        """Run the successful trials on base."""
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
        """Return the next round's trials by index of the member; empty if nothing is left to show."""
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

    async def shrink(self) -> None:
        """Take items from the lists of invented calls that show a change, as long as the rest shows it."""
        for _ in range(_MOST_SHRINKS):
            parents = {at: each.invented_witnesses() for at, each in enumerate(self._members)}
            smaller = {at: self._members[at].shorter(numbers) for at, numbers in parents.items()}
            await self.look({at: trials for at, trials in smaller.items() if trials})
            taken = [self._members[at].take_shorter(numbers) for at, numbers in parents.items()]
            if not any(taken):
                return

    async def findings(self) -> list[ExploredMember]:
        """Run the best cases in another setting, in reverse, and return each member's repeatable cases."""
        listed = {place: member.shortlisted() for place, member in enumerate(self._members)}
        second = await self._again(listed, SECOND)
        found = [
            _findings(member, member.seen, listed[at], second) for at, member in enumerate(self._members)
        ]
        # Differing results may depend on what ran earlier in the same process.
        shaken = {
            at: listed[at]
            for at, member in enumerate(self._members)
            if _is_shaken(member, listed[at], second)
        }
        first_apart = await self._again(shaken, FIRST_APART)
        second_apart = await self._again(shaken, SECOND_APART)
        base_apart = await self._again(shaken, ON_BASE_APART) if self._explorer.has_base else {}
        for at in shaken:
            self._members[at].compare(listed[at], base_apart)
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
        """Run a job's trials concurrently, with enough members per process to be worth starting one."""
        parts = [replace(job, trials=part) for part in _parts(job.trials or {})]
        data = await gather(*(self._explorer.run(part, setting) for part in parts))
        return {number: seen for each in data for number, seen in each.observations.items()}


def _nearest(member: _Seeking, checked: Sequence[Trial], seen_in: Mapping[str, _Seen]) -> list[Trial]:
    """Return the calls that reach a member, alternating between paths through what changed."""
    own = member.work.subject.member
    file, lines = _file_of_change(own), _lines_of(own)
    seen = seen_in[file]
    rows = [(seen[number].lines, trial) for number, trial in enumerate(checked) if number in seen]
    if is_data_elsewhere(own):
        forms = {trial.pieces: trial for _, trial in reversed(rows)}
        return [*forms.values()][::-1]
    reaching = [(reached, trial) for reached, trial in rows if not reached.isdisjoint(lines)]
    if file != own.path:  # the lines do not show which member is called
        reaching = [row for row in reaching if own.plain_name in row[1].text] or reaching
    changed, words = _changed_lines(own), words_of_change(own)
    reaching.sort(key=lambda each: (changed.isdisjoint(each[0]), -words_in(each[1].text, words)))
    paths: dict[frozenset[int], list[Trial]] = {}
    for reached, trial in reaching:
        paths.setdefault(reached & _lines_around_change(own), []).append(trial)
    turns = chain.from_iterable(zip_longest(*paths.values()))
    return [trial for trial in turns if trial is not None]


def _form(trial: Trial) -> Hashable:
    """Return a call without its longest argument; tests that differ only there show the same."""
    return trial.setup, trial.pieces, *sorted((each.value.text for each in trial.arguments), key=len)[:-1]


def _file_of_change(member: Member) -> str:
    """Return the file whose lines show whether a call reaches what changed: the member's, or another one."""
    paths = {each.path for each in member.because_places}
    is_elsewhere = member.change is Change.AFFECTED and len(paths) == 1 and not is_data_elsewhere(member)
    return paths.pop() if is_elsewhere else member.path


def _changed_lines(member: Member) -> frozenset[int]:
    """Return a member's changed lines, and those of what changed in the file that is traced."""
    file = _file_of_change(member)
    places = [each for each in member.because_places if each.path == file]
    return member.changed_lines.union(*(range(each.line + 1, each.end_line + 1) for each in places))


def _lines_around_change(member: Member) -> frozenset[int]:
    return _changed_lines(member) | _lines_of(member)


def _lines_of(member: Member) -> frozenset[int]:
    """Return the lines of a member's body, or of what changed if that is in another file."""
    if _file_of_change(member) != member.path:
        return _changed_lines(member)
    return frozenset(range(member.line + 1, member.end_line + 1))


def _parts(trials: _Numbered) -> list[dict[int, tuple[str, Trial]]]:
    """Split trials by member, independently of the machine."""
    parts: list[dict[int, tuple[str, Trial]]] = []
    last = ""
    for number, (member, trial) in trials.items():
        if not parts or (member != last and len(parts[-1]) >= _ENOUGH_TRIALS):
            parts.append({})
        parts[-1][number] = (member, trial)
        last = member
    return parts


def _is_shaken(member: _Seeking, listed: Iterable[int], second: _Seen) -> bool:
    """Return whether a trial had a different result in the second setting."""
    return any(
        _repeated(member.cases[number], member.seen[number], second.get(number)) is None for number in listed
    )


def _findings(member: _Seeking, first: _Seen, listed: Sequence[int], second: _Seen) -> ExploredMember:
    """Return one member's result, given the observations of the listed trials in two settings."""
    repeated = {
        number: _repeated(member.cases[number], first.get(number), second.get(number)) for number in listed
    }
    failed = [number for number in member.trials if repeated.get(number, member.cases.get(number)) is None]
    return ExploredMember(
        cases=tuple(case for number in sorted(repeated) if (case := repeated[number]) is not None),
        reasons=tuple(_reason(member.seen.get(number), second.get(number)) for number in failed),
    )


def _repeated(case: Case, first: Observation | None, second: Observation | None) -> Case | None:
    """Return a case as both settings observed it, or None if they differ."""
    if first is None:
        return None
    seen = replace(case.seen, outcome=first.outcome, state=first.state, writes=first.writes)
    kept = stable_case(case.trial, seen, second)
    return None if kept is None else with_base(kept, case.base)


def _reason(first: Observation | None, second: Observation | None) -> str:
    if first is None:
        return "the time was over before it was run"
    return first.outcome.reason or (second.outcome.reason if second else "") or DIFFERS


DIFFERS = "its result differs from run to run"
"""Reason for a trial with different results in the two settings."""

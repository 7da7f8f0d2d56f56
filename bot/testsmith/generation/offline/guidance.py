"""What to try next of a member: variations of the trials that came close to what none has shown yet.

Pure. What a search is after: changes of the member's text that no trial notices, reached ones by the trials
that reach them, others by those that come nearest; and for a member that base has too, a first input on which
base differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from testsmith.generation.offline.calls import Argument
from testsmith.generation.offline.cases import Case
from testsmith.generation.offline.inputs import shape_of
from testsmith.generation.offline.ladder import ladder
from testsmith.generation.offline.observations import Observation
from testsmith.generation.offline.places import Place, number_text, places
from testsmith.generation.offline.slopes import Slopes
from testsmith.generation.offline.subjects import Subject
from testsmith.generation.offline.trial import Trial
from testsmith.generation.offline.variations import borrowing, crossed, variations
from testsmith.languages.python.mutants import Mutant

MOST_FURTHER = 80
"""How many trials one round adds for one member at most."""

_MOST_PARENTS = 3
_FIXED = frozenset({"literal", "enum", "class", "callable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one member after some rounds.

    Attributes:
        subject: The member.
        trials: Its trials by number.
        seen: What was seen of them.
        cases: Those that are worth a test, so far.
        mutants: The changes that its trials may notice, by their numbers.
    """

    subject: Subject
    trials: Mapping[int, Trial]
    seen: Mapping[int, Observation]
    cases: Mapping[int, Case]
    mutants: Sequence[Mutant]

    @property
    def noticed(self) -> frozenset[int]:
        """The changes that a case notices."""
        return frozenset[int]().union(
            *(case.seen.notices | case.seen.notices_state for case in self.cases.values())
        )

    @property
    def alive(self) -> list[Mutant]:
        """The changes that no case notices."""
        noticed = self.noticed
        return [mutant for number, mutant in enumerate(self.mutants) if number not in noticed]


def further(known: Known, *, wants_witness: bool, telling: Sequence[Argument] = ()) -> list[Trial]:
    """Return the trials of the next round; none where nothing is left to be after.

    Args:
        known: What is known of the member.
        wants_witness: Whether an input on which base differs is looked for, and none is found yet.
        telling: Arguments with which base differs in other members: what calls those may differ as well.
    """
    parents = [*_parents(known)]
    if wants_witness:
        parents += [*known.cases][:_MOST_PARENTS]
    fixed = _fixed_parameters(known.subject)
    constants = _constants_of_its_text(known, fixed) if wants_witness else iter(())
    borrowed = _borrowed(known, telling) if wants_witness else iter(())
    rows = [ladder(known.subject, known.trials, known.seen), borrowed, constants]
    slopes = Slopes(known.trials, known.seen, fixed)
    rows += [_offspring(known, number, fixed, slopes) for number in dict.fromkeys(parents)]
    tried = {trial.text for trial in known.trials.values()}
    found: dict[str, Trial] = {}
    for trial in _by_turns(rows):
        if len(found) >= MOST_FURTHER:
            break
        if trial.text not in tried:
            found.setdefault(trial.text, trial)
    return [*found.values()]


def _parents(known: Known) -> Iterator[int]:
    """Yield the trials that came close, those of the changes by turns."""
    by_cost = sorted(known.seen, key=lambda number: (known.trials[number].layer, number))
    rows = [_closest(mutant, known, by_cost) for mutant in known.alive]
    for rank in range(_MOST_PARENTS):
        yield from (row[rank] for row in rows if rank < len(row))


def _closest(mutant: Mutant, known: Known, by_cost: Sequence[int]) -> list[int]:
    """Return the trials that reach a change, else those that come nearest before it."""
    reaching = [number for number in by_cost if mutant.is_reached_by(known.seen[number].lines)]
    if reaching:
        return reaching[:_MOST_PARENTS]
    first, _ = mutant.statement
    nearest = {number: _last_before(first, known.seen[number].lines) for number in by_cost}
    best = max(nearest.values(), default=0)
    return [number for number in by_cost if best and nearest[number] == best][:_MOST_PARENTS]


def _last_before(line: int, reached: Iterable[int]) -> int:
    return max((each for each in reached if each < line), default=0)


def _borrowed(known: Known, telling: Sequence[Argument]) -> Iterator[Trial]:
    for number in [*known.cases][:_MOST_PARENTS]:
        yield from borrowing(known.trials[number], telling)


def _constants_of_its_text(known: Known, fixed: frozenset[str]) -> Iterator[Trial]:
    """Yield the simplest trial with what the member's text compares with, and with numbers of its text.

    Those that only head or only base has come first.
    """
    simplest = next((known.trials[number] for number in known.cases), None)
    arguments = [place for place in places(simplest) if place.is_argument] if simplest else []
    near = [
        [place.filled(value.text) for values in known.subject.hints.near[place.name] for value in values]
        for place in arguments
    ]
    numbers = [
        _with_numbers(place, known.subject.hints.numbers) for place in arguments if place.name not in fixed
    ]
    yield from _by_turns([iter(row) for row in (*near, *numbers)])


def _with_numbers(place: Place, numbers: Iterable[float]) -> Iterator[Trial]:
    for leaf, value in place.numbers:
        for number in numbers:
            for near in (number - 1, number, number + 1):
                yield place.exchanged(leaf, number_text(near, value))


def _offspring(known: Known, number: int, fixed: frozenset[str], slopes: Slopes) -> Iterator[Trial]:
    """Yield what a trial leads to: by its comparisons, by small changes, by arguments of others."""
    trial = known.trials[number]
    near = variations(trial, known.seen[number].compared, fixed)
    others = [known.trials[case] for case in known.cases if case != number]
    mixed = (made for other in others for made in crossed(trial, other))
    turning = slopes.turning(number)
    while True:
        batch = [*islice(near, 2), *islice(turning, 1), *islice(mixed, 1)]
        if not batch:
            return
        yield from batch


def _by_turns(rows: Sequence[Iterator[Trial]]) -> Iterator[Trial]:
    left = list(rows)
    while left:
        for row in [*left]:
            made = next(row, None)
            if made is None:
                left.remove(row)
            else:
                yield made


def _fixed_parameters(subject: Subject) -> frozenset[str]:
    """Return the names of the parameters whose values are all named, or that take no literals."""
    found = set()
    for parameter in subject.parameters:
        shape = shape_of(parameter, subject.hints)
        if any(part.kind in _FIXED for part in (shape, *shape.parts)):
            found.add(parameter.name)
    return frozenset(found)

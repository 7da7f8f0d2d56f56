"""Prove candidates as long as there is time: the nearest members first, in groups where it may get short."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from testsmith.changes.members import distance
from testsmith.deadline import Deadline, TimeIsOver, next_group
from testsmith.verification.evidence import RunSubject
from testsmith.verification.repair import Judged

SHARE = 0.6
"""Of the time left, what a group may take that could be smaller, or that others wait for.

Of a group that overran it, half may still end in the rest.
"""

ProveGroup = Callable[[Sequence[RunSubject]], Awaitable[Sequence[Judged]]]
"""Returns a verdict for each candidate, or why there is none, in the same order."""


async def prove_in_time(
    subjects: Sequence[RunSubject], deadline: Deadline, prove_group: ProveGroup
) -> list[Judged | None]:
    """Return a verdict for each candidate, in the same order; None for those that there was no time for.

    Args:
        subjects: The candidates; those of one member are proven together.
        deadline: When all of it has to be over. A group that takes most of what is left is cancelled, and its
            members are begun again in smaller ones, as far as there is time.
        prove_group: Proves some of them.
    """
    found: list[Judged | None] = [None] * len(subjects)
    waiting = _by_member(subjects)
    seconds, members, most = 0.0, 0, len(waiting)
    while waiting:
        size = min(most, next_group(len(waiting), deadline.left, seconds / members if members else None))
        if size == 0:
            break
        numbers = [number for ones in waiting[:size] for number in ones]
        left, share = deadline.left, SHARE if len(waiting) > 1 else 1.0
        try:
            verdicts = await deadline.within(prove_group([subjects[number] for number in numbers]), share)
        except TimeIsOver:
            del waiting[: size == 1]
            most = size // 2 or len(waiting)
        else:
            del waiting[:size]
            for number, verdict in zip(numbers, verdicts, strict=True):
                found[number] = verdict
        seconds, members = seconds + left - deadline.left, members + size
    return found


def _by_member(subjects: Iterable[RunSubject]) -> list[list[int]]:
    """Return the numbers of each member's candidates, those of the nearest member first."""
    numbers: dict[str, list[int]] = {}
    distances = {}
    for number, subject in enumerate(subjects):
        numbers.setdefault(subject.member.id, []).append(number)
        distances[subject.member.id] = distance(subject.member)
    return [numbers[member] for member in sorted(numbers, key=lambda member: distances[member])]

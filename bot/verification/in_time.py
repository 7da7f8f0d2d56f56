"""Prove candidates as long as there is time: the nearest members first, in groups where it may get short."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from bot.changes.members import distance
from bot.deadline import Deadline, TimeIsOver, next_group
from bot.verification.evidence import Subject
from bot.verification.gate import Verdict

ProveGroup = Callable[[Sequence[Subject]], Awaitable[Sequence[Verdict]]]
"""Returns a verdict for each candidate, in the same order."""


async def prove_in_time(
    subjects: Sequence[Subject], deadline: Deadline, prove_group: ProveGroup
) -> list[Verdict | None]:
    """Return a verdict for each candidate, in the same order; None for those that there was no time for.

    Args:
        subjects: The candidates; those of one member are proven together.
        deadline: When all of it has to be over. A group that is not over by then is cancelled.
        prove_group: Proves some of them.
    """
    found: list[Verdict | None] = [None] * len(subjects)
    waiting = _by_member(subjects)
    seconds, members = 0.0, 0
    while waiting:
        size = next_group(len(waiting), deadline.left, seconds / members if members else None)
        if size == 0:
            break
        numbers = [number for ones in waiting[:size] for number in ones]
        left = deadline.left
        try:
            verdicts = await deadline.within(prove_group([subjects[number] for number in numbers]))
        except TimeIsOver:
            break
        seconds, members = seconds + left - deadline.left, members + size
        del waiting[:size]
        for number, verdict in zip(numbers, verdicts, strict=True):
            found[number] = verdict
    return found


def _by_member(subjects: Iterable[Subject]) -> list[list[int]]:
    """Return the numbers of each member's candidates, those of the nearest member first."""
    numbers: dict[str, list[int]] = {}
    distances = {}
    for number, subject in enumerate(subjects):
        numbers.setdefault(subject.member.id, []).append(number)
        distances[subject.member.id] = distance(subject.member)
    return [numbers[member] for member in sorted(numbers, key=lambda member: distances[member])]

"""Prove candidates within the time limit, nearest members first, in smaller groups if time is short."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from testsmith.changes.members import distance
from testsmith.deadline import Deadline, TimeIsOver, next_group
from testsmith.faults import apart_from_faults, skipped_by_fault
from testsmith.languages.language import Language
from testsmith.model import Skipped, SkipStage
from testsmith.verification.evidence import RunSubject
from testsmith.verification.framework_conversion import prove_in_framework
from testsmith.verification.prove import ProofContext
from testsmith.verification.repair import Judged

SHARE = 0.6
"""Maximum fraction of the time left for a group that could be split or that others wait for.

If a group exceeds it, half of its members may still finish in the remaining time.
"""

_SHARE_OF_OWN_TESTS = 0.25
"""Maximum fraction of the time left for the project's own tests with one group's mutants."""

ProveGroup = Callable[[Sequence[RunSubject]], Awaitable[Sequence[Judged]]]
"""Returns a verdict, or the reason for none, for each candidate in order."""


async def prove_in_time(
    subjects: Sequence[RunSubject], language: Language, context: ProofContext, deadline: Deadline
) -> list[Judged]:
    """Return a verdict for each candidate, or the reason why there is none, in the same order.

    An internal error costs only the candidate that causes it.

    Args:
        subjects: The candidates, all of one language.
        language: Their language.
        context: What they are proven with.
        deadline: Deadline for all of them.
    """

    async def prove_group(group: Sequence[RunSubject]) -> Sequence[Judged]:
        seconds = deadline.at_most(context.settings.suite_seconds, _SHARE_OF_OWN_TESTS)
        limited = replace(context, settings=replace(context.settings, suite_seconds=seconds))
        return await apart_from_faults(
            group,
            lambda some: prove_in_framework(some, language, limited),
            lambda subject, error: skipped_by_fault(subject.member, error),
        )

    verdicts = await in_groups(subjects, deadline, prove_group)
    reason = deadline.reason("its tests were proven")
    return [
        verdict or Skipped.of(subject.member, SkipStage.BUDGET, reason)
        for subject, verdict in zip(subjects, verdicts, strict=True)
    ]


async def in_groups(
    subjects: Sequence[RunSubject], deadline: Deadline, prove_group: ProveGroup
) -> list[Judged | None]:
    """Return a verdict for each candidate, in the same order; None for those that ran out of time.

    Args:
        subjects: The candidates. Candidates of one member are proven together.
        deadline: Deadline for all of them. A group that uses most of the time left is canceled and its
            members are retried in smaller groups while there is time.
        prove_group: Proves a group of candidates.
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
    """Return the indexes of each member's candidates, nearest member first."""
    numbers: dict[str, list[int]] = {}
    distances = {}
    for number, subject in enumerate(subjects):
        numbers.setdefault(subject.member.id, []).append(number)
        distances[subject.member.id] = distance(subject.member)
    return [numbers[member] for member in sorted(numbers, key=lambda member: distances[member])]

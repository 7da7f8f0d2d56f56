"""What a test of a member is worth: one pure function a term, and the order that their product gives.

All terms but the first begin at 1 and grow by doubling, so that no single one drowns the others: a member
that was touched in three commits this month weighs as one that three other definitions use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log2, sqrt

from testsmith.swept import Facts, RankedMember, Terms

HALF_LIFE_DAYS = 90.0
"""After so many days a commit counts half."""

CHURN_DAYS = 730
"""Older commits do not count: each would be worth less than half a percent."""

_SECONDS_TO_START = 2.0
_SECONDS_A_STATEMENT = 0.15
_SECONDS_A_DECISION = 0.5
_MOST_SECONDS = 60.0


def uncovered(lines_missed: int, branches_missed: int | None) -> float:
    """Return the worth of what is not reached: the root of lines and branches together; 0 for nothing.

    The root, since a few tests of one member reach its first lines more easily than its last: 1 missed line
    is worth 1, 9 are worth 3, 100 are worth 10. Branches that were not measured count as none.
    """
    return sqrt(lines_missed + (branches_missed or 0))


def complexity(decisions: int) -> float:
    """Return the weight of decisions: 1 for a straight member, 2 where its way parts once, 4 for 7 times."""
    return 1.0 + log2(1 + decisions)


def churn(ages: Iterable[float]) -> float:
    """Return the weight of the commits that touched a member's file.

    A commit of today counts 1, one of `HALF_LIFE_DAYS` ago a half, and so on: 1 for an untouched file, 2 for
    one fresh commit, 3 for three. What was changed of late is what is changed, and broken, next.

    Args:
        ages: How many days before the newest commit each was made.
    """
    return 1.0 + log2(1.0 + sum(2.0 ** (-max(0.0, age) / HALF_LIFE_DAYS) for age in ages))


def dependents(users: int) -> float:
    """Return the weight of what uses a member directly: 1 for nothing, 2 for one definition, 4 for seven."""
    return 1.0 + log2(1 + users)


def terms_of(facts: Facts, ages: Sequence[float]) -> Terms:
    """Return all terms of one member."""
    return Terms(
        uncovered=uncovered(facts.lines_missed, facts.branches_missed),
        complexity=complexity(facts.decisions),
        churn=churn(ages),
        dependents=dependents(facts.dependents),
    )


def expected_seconds(facts: Facts) -> float:
    """Return how long making and proving tests of a member is expected to take, on one core.

    A measured rule of thumb for the offline engine: some seconds to start, more with what there is to try.
    """
    work = _SECONDS_A_STATEMENT * facts.lines + _SECONDS_A_DECISION * facts.decisions
    return min(_MOST_SECONDS, _SECONDS_TO_START + work)


def ranked(members: Iterable[RankedMember]) -> tuple[RankedMember, ...]:
    """Return members in the order of what a test of each is worth, numbered from 1.

    Where that is equal, by path, line and name: the same project always has the same ranking.
    """
    ordered = sorted(
        members,
        key=lambda one: (-one.terms.worth, one.member.path, one.member.line, one.member.name),
    )
    return tuple(
        RankedMember(member=one.member, rank=rank, terms=one.terms, facts=one.facts, seconds=one.seconds)
        for rank, one in enumerate(ordered, start=1)
    )

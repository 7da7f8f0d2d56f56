"""Split the members of a sweep into shards of similar expected time. Pure and deterministic."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from testsmith.model import UsageFailure
from testsmith.settings import MOST_SHARDS, BudgetSettings
from testsmith.sweep_results import RankedMember

UNEVEN = 1.3
"""Maximum time of a shard as a multiple of the mean, if the members allow it."""

_LEAST_SECONDS = 0.5
"""Minimum time per member, for members with an expected time of 0."""

_HALVINGS = 20
_SHARD = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of several shards.

    Attributes:
        number: Its number, counted from 1.
        of: The number of shards.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def name(self) -> str:
        """Name of its files and cache entries, for example `shard-2of4`."""
        return f"shard-{self.number}of{self.of}"


def shard_of(text: str) -> Shard:
    """Parse a shard, for example `2/4`.

    Raises:
        UsageFailure: The text is not a shard.
    """
    found = _SHARD.fullmatch(text.strip())
    shard = Shard(number=int(found[1]), of=int(found[2])) if found else None
    if shard is None or shard.number > shard.of or shard.of > MOST_SHARDS:
        raise UsageFailure(
            f"--shard must be written as 2/4, with at most {MOST_SHARDS} shards, not {text!r}."
        )
    return shard


def split(ranked: Sequence[RankedMember], shards: int) -> tuple[tuple[str, ...], ...]:
    """Return the member ids of each shard, in the order of their ranks.

    Args:
        ranked: The selected members.
        shards: Maximum number of shards; there are never more than members.
    """
    count = min(max(shards, 1), MOST_SHARDS, len(ranked))
    if not count:
        return ()
    largest_first = sorted(ranked, key=lambda one: (-_seconds(one), one.rank, one.member.id))
    chosen = _least_loaded(largest_first, count)
    if unevenness(chosen) > UNEVEN:
        chosen = min(chosen, _by_capacity(largest_first, count), key=unevenness)
    return tuple(
        tuple(one.member.id for one in sorted(shard, key=lambda one: (one.rank, one.member.id)))
        for shard in sorted(chosen, key=_first_rank)
    )


def unevenness(shards: Sequence[Sequence[RankedMember]]) -> float:
    """Return the time of the longest shard as a multiple of the mean; 1 if all take the same time."""
    loads = [sum(map(_seconds, shard)) for shard in shards]
    return max(loads) * len(loads) / sum(loads) if sum(loads) else 1.0


def _seconds(one: RankedMember) -> float:
    return max(one.seconds, _LEAST_SECONDS)


def _first_rank(shard: Sequence[RankedMember]) -> int:
    return min((one.rank for one in shard), default=0)


def _least_loaded(largest_first: Sequence[RankedMember], count: int) -> list[list[RankedMember]]:
    """Assign each member, largest first, to the shard with the least load."""
    shards = [list[RankedMember]() for _ in range(count)]
    loads = [0.0] * count
    for one in largest_first:
        index = loads.index(min(loads))
        shards[index].append(one)
        loads[index] += _seconds(one)
    return shards


def _by_capacity(largest_first: Sequence[RankedMember], count: int) -> list[list[RankedMember]]:
    """Find the smallest load at which first-fit packing, largest first, succeeds (by bisection)."""
    least = sum(map(_seconds, largest_first)) / count
    most = 2 * max(least, _seconds(largest_first[0]))
    best = _filled(largest_first, count, most)
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        found = _filled(largest_first, count, middle)
        if found is None:
            least = middle
        else:
            best, most = found, middle
    return best or _least_loaded(largest_first, count)


def _filled(
    largest_first: Sequence[RankedMember], count: int, capacity: float
) -> list[list[RankedMember]] | None:
    """Return the shards packed first-fit up to a maximum load, or None if the members do not fit."""
    shards, room = [list[RankedMember]() for _ in range(count)], [capacity] * count
    for one in largest_first:
        seconds = _seconds(one)
        index = next((index for index, left in enumerate(room) if left >= seconds), None)
        if index is None:
            return None
        shards[index].append(one)
        room[index] -= seconds
    return shards if all(shards) else None


def share(budget: BudgetSettings, shard: Shard) -> BudgetSettings:
    """Return the budget of one shard, so that all shards together stay within the total.

    Minutes are not divided: each machine has all of them.
    """
    calls, extra = divmod(budget.max_calls, shard.of)
    return replace(
        budget,
        max_calls=calls + (shard.number <= extra),
        max_tokens=budget.max_tokens // shard.of,
        max_cost=budget.max_cost / shard.of,
    )


def matrix(shards: int) -> Mapping[str, Sequence[str]]:
    """Return the workflow matrix with one job per shard: `{"shard": ["1/2", "2/2"]}`."""
    return {"shard": [str(Shard(number=number, of=shards)) for number in range(1, shards + 1)]}

"""How members are split among machines: whole, evenly, and the same way each time."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from fakes.reports import a_member
from testsmith.model import UsageFailure
from testsmith.settings import MOST_SHARDS, BudgetSettings
from testsmith.sweep.shards import (
    UNEVEN,
    Shard,
    matrix,
    shard_of,
    share,
    split,
    unevenness,
)
from testsmith.sweep_results import Facts, RankedMember, RankingTerms


def ranked(rank: int, seconds: float) -> RankedMember:
    return RankedMember(
        member=a_member(f"f{rank}"),
        rank=rank,
        terms=RankingTerms(uncovered=1.0),
        facts=Facts(lines=1, lines_missed=1),
        seconds=seconds,
    )


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - cases to try, no secret


def taken(*seconds: float) -> list[RankedMember]:
    return [ranked(rank, one) for rank, one in enumerate(seconds, start=1)]


def loads(members: list[RankedMember], shards: int) -> list[list[RankedMember]]:
    known = {one.member.id: one for one in members}
    return [[known[one] for one in shard] for shard in split(members, shards)]


def test_split__every_member_is_in_one_shard_in_the_order_of_ranks() -> None:
    members = taken(*(chance(number).uniform(1, 90) for number in range(97)))
    for count in (1, 2, 3, 4, 8):
        shards = split(members, count)
        assert len(shards) == count
        assert sorted(one for shard in shards for one in shard) == sorted(one.member.id for one in members)
        ranks = {one.member.id: one.rank for one in members}
        assert all(list(shard) == sorted(shard, key=ranks.__getitem__) for shard in shards)
        assert shards[0][0] == members[0].member.id


def test_split__does_not_depend_on_the_order_that_it_is_given() -> None:
    members = taken(*(chance(number).choice((1, 5, 5, 30)) for number in range(60)))
    for seed in range(5):
        shuffled = chance(seed).sample(members, len(members))
        assert split(shuffled, 4) == split(members, 4)


@pytest.mark.parametrize("count", [2, 4, 8, 16, 64])
def test_split__no_shard_is_far_over_the_mean_where_the_members_allow_it(count: int) -> None:
    for seed in range(40):
        drawn = chance(seed)
        members = taken(*(drawn.paretovariate(1.2) * 5 for _ in range(count * drawn.randint(3, 12))))
        total = sum(one.seconds for one in members)
        largest = max(one.seconds for one in members)
        bound = max(UNEVEN, largest * count / total)  # one member cannot be split
        assert unevenness(loads(members, count)) <= bound + 1e-9


def test_split__few_members_or_none() -> None:
    assert split([], 4) == ()
    assert len(split(taken(3, 2), 4)) == 2
    assert [len(shard) for shard in split(taken(*[0.0] * 8), 4)] == [2, 2, 2, 2]
    assert len(split(taken(*[1.0] * 1_000), 1_000)) == MOST_SHARDS


@pytest.mark.parametrize(
    "text", ["", "2", "0/4", "5/4", "1/257", "1/0", "a/b", "1/2/3", "-1/2", "1 /2", "²/3"]
)
def test_shard__what_names_none(text: str) -> None:
    with pytest.raises(UsageFailure):
        shard_of(text)


def test_shard__is_read_as_it_is_written() -> None:
    assert shard_of(" 2/4\n") == Shard(number=2, of=4)
    assert (str(shard_of("2/4")), shard_of("2/4").name) == ("2/4", "shard-2of4")
    assert matrix(2) == {"shard": ["1/2", "2/2"]}


def test_share__all_shards_together_spend_no_more_than_the_budget() -> None:
    whole = BudgetSettings(max_calls=10, max_tokens=1_001, max_cost=0.5, max_minutes=7)
    for count in (1, 3, 4, 16):
        parts = [share(whole, Shard(number=number, of=count)) for number in range(1, count + 1)]
        assert sum(one.max_calls for one in parts) == 10
        assert sum(one.max_tokens for one in parts) <= 1_001
        assert sum(one.max_cost for one in parts) <= 0.5 + 1e-9
        assert {one.max_minutes for one in parts} == {7}
    assert share(whole, Shard(number=1, of=1)) == replace(whole)

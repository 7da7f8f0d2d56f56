"""What a test of a member is worth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from testsmith.model import Change, Member, MemberKind
from testsmith.sweep.planning import (
    churn,
    complexity,
    dependents,
    expected_seconds,
    ranked,
    terms_of,
    uncovered,
)
from testsmith.sweep_results import Facts, RankedMember, RankingTerms

MEMBER = Member(
    path="src/shop/cart.py",
    name="add",
    language="python",
    change=Change.ADDED,
    line=3,
    end_line=9,
    kind=MemberKind.FUNCTION,
    source="def add(): ...",
    module="shop.cart",
)


def entry(worth: float, **changes: object) -> RankedMember:
    terms, facts = RankingTerms(uncovered=worth), Facts(lines=1, lines_missed=1)
    return RankedMember(member=replace(MEMBER, **changes), rank=0, terms=terms, facts=facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lines", "branches", "worth"), [(0, 0, 0.0), (1, 0, 1.0), (0, 1, 1.0), (5, 4, 3.0), (9, None, 3.0)]
)
def test_uncovered__is_the_root_of_what_is_missed(lines: int, branches: int | None, worth: float) -> None:
    assert uncovered(lines, branches) == worth


@pytest.mark.parametrize(("decisions", "weight"), [(0, 1.0), (1, 2.0), (7, 4.0)])
def test_complexity__doubles(decisions: int, weight: float) -> None:
    assert complexity(decisions) == weight


@pytest.mark.parametrize(
    ("ages", "weight"), [([], 1.0), ([0.0], 2.0), ([0.0, 0.0, 0.0], 3.0), ([90.0, 90.0], 2.0), ([-5.0], 2.0)]
)
def test_churn__fresh_commits_count_more(ages: list[float], weight: float) -> None:
    assert churn(ages) == pytest.approx(weight)


@pytest.mark.parametrize(("users", "weight"), [(0, 1.0), (1, 2.0), (7, 4.0)])
def test_dependents__doubles(users: int, weight: float) -> None:
    assert dependents(users) == weight


def test_terms__worth_is_their_product() -> None:
    facts = Facts(lines=9, lines_missed=5, branches=6, branches_missed=4, decisions=1, dependents=7)

    terms = terms_of(facts, [0.0])

    assert terms == RankingTerms(uncovered=3.0, complexity=2.0, churn=2.0, dependents=4.0)
    assert terms.worth == 48.0


def test_ranked__most_worth_first_and_equals_by_path_line_and_name() -> None:
    entries = [
        entry(1.0, path="b.py"),
        entry(1.0, path="a.py", line=9),
        entry(1.0, path="a.py", line=2, name="z"),
        entry(1.0, path="a.py", line=2, name="y"),
        entry(2.0, path="z.py"),
    ]

    found = ranked(entries)

    assert found == ranked(reversed(entries))
    assert [(one.rank, one.member.path, one.member.line, one.member.name) for one in found] == [
        (1, "z.py", 3, "add"),
        (2, "a.py", 2, "y"),
        (3, "a.py", 2, "z"),
        (4, "a.py", 9, "add"),
        (5, "b.py", 3, "add"),
    ]


def test_expected_seconds__grows_and_ends() -> None:
    short, long, endless = (Facts(lines=n, lines_missed=n, decisions=n) for n in (1, 20, 10_000))

    assert 0 < expected_seconds(short) < expected_seconds(long) < expected_seconds(endless) == 60.0

"""What machines hand to each other comes back as it was, and nothing else is believed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.reports import a_member, a_suggestion, sample_report
from testsmith.decode import MOST_BYTES
from testsmith.model import (
    Baseline,
    BaselineStatus,
    Failure,
    Report,
    Skipped,
    SkipStage,
)
from testsmith.sweep.machines import merged
from testsmith.sweep.parts import (
    MOST_RANKED,
    PLAN_NAME,
    BadPart,
    PartsFolder,
    digest,
    read_plan,
    read_shard,
    shard_name,
    with_sources,
    write_plan,
    write_shard,
)
from testsmith.sweep.shards import Shard
from testsmith.sweep_results import Coverage, Facts, RankedMember, RankingTerms, SweepPlan

SHARD = Shard(number=1, of=2)
PLAN = "0" * 64


def ranked(rank: int) -> RankedMember:
    return RankedMember(
        member=a_member(f"f{rank}"),
        rank=rank,
        terms=RankingTerms(uncovered=2.5, complexity=3, churn=1, dependents=4),
        facts=Facts(lines=4, lines_missed=3),
        seconds=1.5,
    )


def a_plan(count: int = 3) -> SweepPlan:
    all_ranked = tuple(ranked(rank) for rank in range(1, count + 1))
    return SweepPlan(
        ranked=all_ranked,
        taken=tuple(one.member.id for one in all_ranked[:3]),
        skipped=(Skipped(path="a.py", stage=SkipStage.CHANGES, reason="covered", member="a.py::f"),),
        coverage=Coverage(lines=10, lines_reached=4, branches=None),
        head="a" * 40,
    )


def shards_of(plan: SweepPlan) -> tuple[tuple[str, ...], ...]:
    return plan.taken[:2], plan.taken[2:]


def test_plan__comes_back_with_the_sources_that_are_checked_out() -> None:
    plan = a_plan()
    part = read_plan(write_plan(plan, shards_of(plan)))
    members = {one.member.id: one.member for one in plan.ranked}
    assert part.shards == shards_of(plan)
    assert {one.member.source for one in part.plan.ranked} == {""}
    assert with_sources(part.plan, members) == plan
    assert with_sources(part.plan, {}).taken == ()


def test_plan__hands_on_no_more_of_the_ranking_than_is_of_use() -> None:
    plan = a_plan(MOST_RANKED + 500)
    part = read_plan(write_plan(plan, shards_of(plan)))
    assert len(part.plan.ranked) == MOST_RANKED + 3


def test_shard__comes_back() -> None:
    report = replace(sample_report(), failing=frozenset({"tests/test_a.py::test_b"}))
    part = read_shard(write_shard(SHARD, PLAN, report), SHARD, PLAN)
    bare = tuple(replace(member, source="") for member in report.members)
    assert part.report == replace(report, members=bare)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), 2),
        (("kind",), "testsmith-sweep-plan"),
        (("number",), 2),
        (("of",), 3),
        (("plan",), "1" * 64),
        (("report", "suggestions", 0, "member"), 7),
        (("report", "suggestions", 0, "number"), "1"),
        (("report", "suggestions", 0, "label"), "praise"),
        (("report", "suggestions", 0, "evidence", "passes"), 5.5),
        (("report", "suggestions"), {}),
        (("report", "statistics", "spending", "cost"), "free"),
        (("report", "members", 0, "changed_lines"), [["deep"]]),
        (("report",), None),
    ],
)
def test_shard__of_another_shape_is_refused(place: tuple[Any, ...], value: object) -> None:
    told = json.loads(write_shard(SHARD, PLAN, sample_report()))
    inner = told
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    with pytest.raises(BadPart, match=r"Could not use shard-1of2\.json"):
        read_shard(json.dumps(told).encode(), SHARD, PLAN)


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b"{", b"\xff\xfe", b"[" * 200_000, b'{"report": NaN}', b"x" * (MOST_BYTES + 1)],
    ids=["empty", "null", "list", "cut", "bytes", "deep", "nan", "large"],
)
def test_part__that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(BadPart):
        read_shard(data, SHARD, PLAN)
    with pytest.raises(BadPart):
        read_plan(data)


def test_plan__with_a_member_twice_is_refused() -> None:
    plan = a_plan()
    with pytest.raises(BadPart, match="twice"):
        read_plan(write_plan(plan, (plan.taken, plan.taken[:1])))


def test_folder__no_link_is_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = PartsFolder(tmp_path / "parts")
    assert folder.read(PLAN_NAME) is None
    folder.write(PLAN_NAME, b"{}")
    assert folder.read(PLAN_NAME) == b"{}"
    (tmp_path / "parts" / shard_name(SHARD)).symlink_to(secret)
    with pytest.raises(Failure):
        folder.read(shard_name(SHARD))
    folder.write(shard_name(SHARD), b"new")
    assert (folder.read(shard_name(SHARD)), secret.read_text()) == (b"new", "secret")


def whole(plan: SweepPlan, reports: dict[int, Report], missing: dict[int, str] | None = None) -> Report:
    members = {one.member.id: one.member for one in plan.ranked}
    return merged(shards_of(plan), reports, missing or {}, members, plan.taken)


def report_of(plan: SweepPlan, *numbers: int, proposed: bool = True) -> Report:
    members = tuple(plan.ranked[number].member for number in numbers)
    skipped = tuple(
        Skipped(path=one.path, stage=SkipStage.GATE, reason="no gain", member=one.id) for one in members
    )
    return Report(
        members=members,
        suggestions=tuple(a_suggestion(one) for one in members) if proposed else (),
        skipped=() if proposed else skipped,
        head=plan.head,
    )


def test_merged__members_stand_in_the_order_of_ranks_and_numbers_count_on() -> None:
    plan = a_plan()
    report = whole(plan, {1: report_of(plan, 1, 0), 2: report_of(plan, 2, proposed=False)})
    assert [one.id for one in report.members] == list(plan.taken)
    assert [(one.member, one.number) for one in report.suggestions] == [
        (plan.taken[0], 1),
        (plan.taken[1], 2),
    ]
    assert [one.reason for one in report.skipped] == ["no gain"]


def test_merged__each_shard_has_measured_own_tests_for_its_own_members() -> None:
    plan = a_plan()
    measured = Baseline(status=BaselineStatus.MEASURED, tests=9, known=2)
    first = replace(report_of(plan, 1, 0), baseline=measured)
    second = replace(report_of(plan, 2), baseline=replace(measured, tests=None, known=1))
    assert whole(plan, {1: first, 2: second}).baseline == replace(measured, known=3)
    failed = replace(second, baseline=Baseline(status=BaselineStatus.FAILED))
    assert whole(plan, {1: first, 2: failed}).baseline == replace(measured, status=BaselineStatus.PARTLY)
    assert whole(plan, {}, {1: "lost", 2: "lost"}).baseline == Baseline()


def test_merged__a_lost_shard_costs_its_own_members_and_nothing_was_tried_in_vain() -> None:
    plan = a_plan()
    report = whole(plan, {1: report_of(plan, 0, 1)}, {2: "shard 2 of 2 has no report"})
    (left,) = report.skipped
    assert (left.member, left.stage) == (plan.taken[2], SkipStage.BUDGET)
    assert len(report.suggestions) == 2


def test_merged__a_shard_is_heard_on_its_own_members_alone() -> None:
    plan = a_plan()
    hostile = report_of(plan, 0, 1, 2)
    alien = replace(a_suggestion(a_member("alien", "x.py")), number=9)
    hostile = replace(
        hostile, suggestions=(*hostile.suggestions, alien), members=(a_member("alien", "x.py"),)
    )
    report = whole(plan, {1: hostile, 2: report_of(plan, 2, proposed=False)})
    assert [one.member for one in report.suggestions] == list(plan.taken[:2])
    assert [(one.member, one.stage) for one in report.skipped] == [(plan.taken[2], SkipStage.GATE)]


def test_digest__of_a_plan_tells_its_shards_apart_from_those_of_another() -> None:
    plan = a_plan()
    data = write_plan(plan, shards_of(plan))
    assert digest(data) != digest(write_plan(replace(plan, head="b" * 40), shards_of(plan)))

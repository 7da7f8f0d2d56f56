from __future__ import annotations

import pytest

from testsmith.pipeline.time_budget import share_of_project


@pytest.mark.parametrize(
    ("members", "all_members", "projects", "share"),
    [(1, 1, 1, 1.0), (40, 40, 1, 1.0), (3, 6, 2, 0.5), (1, 40, 2, 6 / 50), (39, 40, 2, 44 / 50)],
    ids=["one", "many", "equal", "few of many", "many of many"],
)
def test_share_of_project__has_time_to_prepare_it(
    members: int, all_members: int, projects: int, share: float
) -> None:
    assert share_of_project(members, all_members, projects) == pytest.approx(share)


def test_share_of_project__all_of_them_are_the_whole() -> None:
    left, members = 1.0, [1, 4, 30]
    for place, own in enumerate(members):
        left -= left * share_of_project(own, sum(members[place:]), len(members) - place)
    assert left == pytest.approx(0.0)

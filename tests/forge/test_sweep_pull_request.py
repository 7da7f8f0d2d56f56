"""What is to be done to the branch and the pull request of sweeps, from what stands there."""

from __future__ import annotations

from itertools import product

import pytest

from testsmith.forge.commits import Ahead, Branch
from testsmith.forge.sweep_pull_request import (
    SWEEP_BRANCH,
    AdvanceBranch,
    BringUpToDate,
    ExistingSweepPull,
    InTheWay,
    MakeBranch,
    OpenPull,
    PullText,
    RemoveBranch,
    SweepPull,
    UpdatePull,
    plan_branch,
    plan_pull,
)

MAIN = Branch(name="main", sha="a" * 40)
SWEEP = Branch(name=SWEEP_BRANCH, sha="b" * 40)
OWN = Ahead(authors=("bot[bot]",), messages=("x",), parents=(1,))
TEXT = PullText(title="t", body="b")


def pull(*, is_open: bool = True, is_merged: bool = False, head: str = SWEEP.sha) -> SweepPull:
    return SweepPull(number=7, url="u", head=head, is_open=is_open, is_merged=is_merged)


def test_plan__no_branch_yet() -> None:
    assert plan_branch(ExistingSweepPull(default=MAIN)) == (MakeBranch(sha=MAIN.sha),)


def test_plan__a_branch_without_commits_of_its_own_goes_on() -> None:
    assert plan_branch(ExistingSweepPull(default=MAIN, branch=SWEEP)) == (AdvanceBranch(sha=MAIN.sha),)
    at_main = Branch(name=SWEEP_BRANCH, sha=MAIN.sha)
    assert plan_branch(ExistingSweepPull(default=MAIN, branch=at_main)) == ()


def test_plan__an_open_one_is_only_brought_up_to_date() -> None:
    for holds_others in (False, True):
        standing = ExistingSweepPull(
            default=MAIN, branch=SWEEP, pulls=(pull(),), ahead=OWN, holds_others=holds_others
        )
        assert plan_branch(standing) == ()
        behind = Ahead(authors=("x",), messages=("x",), parents=(1,), behind=2)
        standing = ExistingSweepPull(
            default=MAIN, branch=SWEEP, pulls=(pull(),), ahead=behind, holds_others=holds_others
        )
        assert plan_branch(standing) == (BringUpToDate(number=7, head=SWEEP.sha),)


def test_plan__own_commits_without_an_open_one_begin_anew() -> None:
    standing = ExistingSweepPull(default=MAIN, branch=SWEEP, pulls=(pull(is_open=False),), ahead=OWN)
    assert plan_branch(standing) == (RemoveBranch(sha=SWEEP.sha), MakeBranch(sha=MAIN.sha))


def test_plan__others_commits_are_removed_only_where_they_were_merged() -> None:
    merged = pull(is_open=False, is_merged=True)
    standing = ExistingSweepPull(default=MAIN, branch=SWEEP, pulls=(merged,), ahead=OWN, holds_others=True)
    assert RemoveBranch(sha=SWEEP.sha) in (plan := plan_branch(standing))  # type: ignore[operator]
    assert not isinstance(plan, InTheWay)
    pushed_after = pull(is_open=False, is_merged=True, head="c" * 40)
    standing = ExistingSweepPull(
        default=MAIN, branch=SWEEP, pulls=(pushed_after,), ahead=OWN, holds_others=True
    )
    assert isinstance(plan_branch(standing), InTheWay)


def test_plan__nothing_but_an_unprotected_branch_of_its_own_is_touched() -> None:
    protected = Branch(name=SWEEP_BRANCH, sha=SWEEP.sha, is_protected=True)
    default = Branch(name=SWEEP_BRANCH, sha=MAIN.sha)
    for standing in (
        ExistingSweepPull(default=MAIN, branch=protected),
        ExistingSweepPull(default=default, branch=default),
    ):
        plan = plan_branch(standing)
        assert isinstance(plan, InTheWay)
        assert plan.is_protected


@pytest.mark.parametrize("case", [*product((True, False), (True, False), (True, False), (0, 3))])
def test_plan__a_branch_with_others_commits_is_never_removed_unless_merged(
    case: tuple[bool, bool, bool, int],
) -> None:
    is_open, is_merged, is_whole, behind = case
    ahead = Ahead(authors=("ada",), messages=("x",), parents=(1,), behind=behind, is_whole=is_whole)
    standing = ExistingSweepPull(
        default=MAIN,
        branch=SWEEP,
        pulls=(pull(is_open=is_open, is_merged=is_merged and not is_open),),
        ahead=ahead,
        holds_others=True,
    )
    plan = plan_branch(standing)
    removes = not isinstance(plan, InTheWay) and any(isinstance(one, RemoveBranch) for one in plan)
    assert removes is (is_merged and not is_open)


def test_pull__one_is_opened_only_where_none_is_open() -> None:
    assert plan_pull((), TEXT) == OpenPull(text=TEXT)
    assert plan_pull((pull(is_open=False), pull(is_open=False, is_merged=True)), TEXT) == OpenPull(text=TEXT)
    assert plan_pull((pull(is_open=False), pull()), TEXT) == UpdatePull(number=7, text=TEXT)

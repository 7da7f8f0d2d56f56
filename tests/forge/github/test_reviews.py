from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from forge.github.desk import GRAPHQL, NOT_SHOWN, REVIEWS, SHOWN, Desk, comment, contents

from fakes.github.scene import scene
from fakes.github.world import Limits
from testsmith.forge.comment_markers import run_mark
from testsmith.forge.github.connection import WRITES
from testsmith.forge.github.reviews import PROBES
from testsmith.forge.interface import ForgeFailure, HeadMoved, OutcomeUnknown, Refused


def test_review__all_at_once(desk: Desk) -> None:
    wanted = replace(desk.review(SHOWN), comments=(comment(1, SHOWN), comment(2, 33, start_line=30)))
    applied = desk.forge().apply(1, wanted)
    assert (applied.was_there, applied.refused, applied.note) == (False, (), "")
    (review,) = desk.reviews
    assert (review.state, review.body, review.commit) == ("COMMENTED", wanted.body, desk.at.pull.head)
    threads = desk.at.github.threads(desk.at.shop, desk.at.pull)
    assert [(one.path, one.line, one.comments[0].original_start_line) for one in threads] == [
        ("cart.py", SHOWN, None),
        ("cart.py", 33, 30),
    ]
    assert len(desk.at.github.counted(writes=True)) == 1


def test_review__not_for_a_head_that_is_none_any_more(desk: Desk) -> None:
    wanted = desk.review(SHOWN)
    moved = desk.at.github.commit(desk.at.shop, "change", {"tea.py": None})
    with pytest.raises(HeadMoved, match="has a new head") as failed:
        desk.forge().apply(1, wanted)
    assert failed.value.found == moved
    assert desk.at.github.counted(writes=True) == []


def test_review__the_head_moves_while_a_limit_is_waited_for(desk: Desk) -> None:
    wanted = desk.review(SHOWN)
    desk.fail(REVIEWS, 429, headers={"Retry-After": "30"})
    desk.at.github.before("/reviews", lambda: push(desk))
    with pytest.raises(HeadMoved):
        desk.forge().apply(1, wanted)
    assert desk.reviews == []


def push(desk: Desk) -> None:
    desk.at.github.commit(desk.at.shop, "change", {"tea.py": "cups = 3\n"})


@pytest.mark.parametrize("status", [0, 500, 502, 504])
def test_review__an_answer_that_was_lost_is_looked_up(desk: Desk, status: int) -> None:
    desk.fail(REVIEWS, status, when="after")
    applied = desk.apply_review(SHOWN, SHOWN)
    assert (applied.was_there, applied.refused) == (True, ())
    assert len(desk.reviews) == 1
    assert desk.posted == [SHOWN, SHOWN]


@pytest.mark.parametrize("status", [0, 502])
def test_review__what_was_not_done_is_sent_again(desk: Desk, status: int) -> None:
    desk.fail(REVIEWS, status, when="before")
    assert not desk.apply_review(SHOWN).was_there
    assert len(desk.reviews) == 1


def test_review__a_page_of_html_is_no_answer(desk: Desk) -> None:
    desk.fail(REVIEWS, 200, when="after", text=b"<html>Unicorn</html>")
    assert desk.apply_review(SHOWN).was_there
    assert len(desk.reviews) == 1


def test_review__lost_again_and_again(desk: Desk) -> None:
    desk.fail(REVIEWS, 502, times=9)
    with pytest.raises(OutcomeUnknown, match=r"Cannot review pull request 1: .* \(status 502\)"):
        desk.apply_review(SHOWN)
    assert desk.statuses("POST", "/reviews") == [502] * WRITES


def test_review__a_person_who_pastes_the_mark_is_not_found(desk: Desk) -> None:
    wanted = desk.review(SHOWN)
    told = {"event": "COMMENT", "body": wanted.body, "comments": []}
    desk.at.ask("POST", "pulls/1/reviews", told, token=desk.at.github.personal_token("mallory"))
    desk.fail(REVIEWS, 502)
    assert not desk.forge().apply(1, wanted).was_there
    assert [review.user.login for review in desk.reviews] == ["mallory", "github-actions[bot]"]


def test_review__lost_and_made_by_another_run_in_part(desk: Desk) -> None:
    wanted = desk.review(SHOWN, SHOWN)
    desk.forge().apply(1, replace(wanted, comments=wanted.comments[:1]))
    desk.fail(REVIEWS, 502)
    applied = desk.forge().apply(1, wanted)
    assert (applied.was_there, applied.refused) == (True, contents(wanted, [1]))


@pytest.mark.parametrize("bad", [0, 4, 9])
def test_review__one_bad_place_of_ten(desk: Desk, bad: int) -> None:
    lines = [SHOWN] * 10
    lines[bad] = NOT_SHOWN
    wanted = desk.review(*lines)
    applied = desk.forge().apply(1, wanted)
    assert applied.refused == contents(wanted, [bad])
    assert len(desk.reviews) == 1
    assert desk.posted == [SHOWN] * 9
    assert desk.statuses("POST", "/reviews") == [422, 200]


def test_review__all_places_are_bad(desk: Desk) -> None:
    wanted = desk.review(*[NOT_SHOWN] * 10)
    applied = desk.forge().apply(1, wanted)
    assert applied.refused == contents(wanted, range(10))
    assert "No review was made. Cannot review pull request 1" in applied.note
    assert desk.reviews == []
    assert desk.statuses("POST", "/reviews") == [422]


def hide_diff(desk: Desk) -> None:
    """Let GitHub not list the files, so that places can only be tried."""
    desk.fail(r"GET .*/files$", 406, times=99, body={"message": "too large"})


@pytest.mark.parametrize(
    "bad", [{7}, {0, 1}, {3, 9}, {0, 2, 4}, set(range(1, 10))], ids=lambda bad: "-".join(map(str, bad))
)
def test_review__bad_places_that_only_trying_finds(desk: Desk, bad: set[int]) -> None:
    hide_diff(desk)
    wanted = desk.review(*(NOT_SHOWN if number in bad else SHOWN for number in range(10)))
    applied = desk.forge().apply(1, wanted)
    assert set(contents(wanted, bad)) <= set(applied.refused)
    assert [review.state for review in desk.reviews] == ["COMMENTED"]
    assert len(desk.posted) == 10 - len(applied.refused)
    assert len(desk.statuses("POST", "/reviews")) <= PROBES + 2


def test_review__trying_has_an_end(desk: Desk) -> None:
    hide_diff(desk)
    wanted = desk.review(*[NOT_SHOWN] * 25)
    applied = desk.forge().apply(1, wanted)
    assert applied.refused == contents(wanted, range(25))
    assert desk.reviews == []
    assert len(desk.statuses("POST", "/reviews")) == PROBES + 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_review__an_answer_is_lost_while_places_are_tried(desk: Desk, when: str) -> None:
    hide_diff(desk)
    desk.fail(REVIEWS, 502, when=when, skip=1)
    desk.fail(r"DELETE .*/reviews/\d+$", 502, when=when)
    wanted = desk.review(SHOWN, NOT_SHOWN, SHOWN, SHOWN)
    applied = desk.forge().apply(1, wanted)
    assert applied.refused == contents(wanted, [1])
    assert [review.state for review in desk.reviews] == ["COMMENTED"]
    assert desk.posted == [SHOWN] * 3


def pending(desk: Desk, body: str) -> None:
    told = [{"path": "cart.py", "line": SHOWN, "body": "b"}]
    desk.at.ask("POST", "pulls/1/reviews", {"body": body, "comments": told})


def test_review__our_leftover_pending_one_goes_first(desk: Desk) -> None:
    pending(desk, f"left\n\n{run_mark('0' * 16)}")
    applied = desk.apply_review(SHOWN)
    assert applied.refused == ()
    assert [review.state for review in desk.reviews] == ["COMMENTED"]
    assert desk.posted == [SHOWN]


def test_review__a_leftover_of_the_same_run_is_not_the_review(desk: Desk) -> None:
    wanted = desk.review(SHOWN)
    pending(desk, wanted.body)
    desk.fail(REVIEWS, 502)
    assert not desk.forge().apply(1, wanted).was_there
    assert [review.state for review in desk.reviews] == ["COMMENTED"]


def test_review__our_leftover_and_a_bad_place(desk: Desk) -> None:
    pending(desk, f"left\n\n{run_mark('0' * 16)}")
    wanted = desk.review(SHOWN, NOT_SHOWN)
    assert desk.forge().apply(1, wanted).refused == contents(wanted, [1])
    assert [review.state for review in desk.reviews] == ["COMMENTED"]


def test_review__a_pending_one_that_is_not_ours_stays(desk: Desk) -> None:
    pending(desk, "my thoughts")
    with pytest.raises(Refused, match="waits to be submitted: submit or delete it"):
        desk.apply_review(SHOWN)
    assert [review.body for review in desk.reviews] == ["my thoughts"]


def test_review__more_comments_than_github_bears(tmp_path: Path) -> None:
    with scene(tmp_path / "github", limits=Limits(review_comments=2)) as at:
        desk = Desk(at)
        wanted = desk.review(SHOWN, SHOWN, SHOWN)
        applied = desk.forge().apply(1, wanted)
        assert (applied.was_there, applied.refused) == (True, contents(wanted, [2]))
        assert len(desk.reviews) == 1
        desk.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda desk: desk.fail(GRAPHQL, 502, times=9),
        lambda desk: desk.fail(GRAPHQL, 200, times=9, text=b"<html>"),
    ],
)
def test_review__what_is_lost_and_cannot_be_looked_up(desk: Desk, spoil: Callable[[Desk], None]) -> None:
    desk.fail(REVIEWS, 502, when="after")
    spoil(desk)
    with pytest.raises(ForgeFailure, match="Cannot read the comments of pull request 1"):
        desk.apply_review(SHOWN)
    assert len(desk.reviews) == 1

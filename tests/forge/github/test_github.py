"""Every operation once, on a fake GitHub that keeps state; single requests are in `test_writing.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from forge.github.desk import NOT_SHOWN, REVIEWS, SHOWN, Desk, comment, contents
from forge.talk import Wanted, plan_for, proposing, wanted

from fakes.github.scene import WORKFLOW, scene
from fakes.github.state import ACTIONS_BOT
from fakes.github.world import Limits
from testsmith.forge.comment_markers import SUMMARY_MARK, run_mark
from testsmith.forge.commits import FileChange, NewCommit
from testsmith.forge.github.reviews import PROBES
from testsmith.forge.interface import (
    Classifier,
    CommentRef,
    CreateSummary,
    FilePatch,
    Forge,
    HideComment,
    Reaction,
    ResolveThread,
    Thread,
    UpdateSummary,
)
from testsmith.settings import ReviewSettings

SUMMARY = f"TestSmith proposes nothing.\n\nno call\n\n{SUMMARY_MARK}"
OTHER = f"TestSmith proposes tests.\n\nno call\n\n{SUMMARY_MARK}"
TEST = b"def test_cups():\n    assert True\n"


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


@pytest.mark.parametrize("bad", [0, 9])
def test_review__one_bad_place_of_ten(desk: Desk, bad: int) -> None:
    lines = [SHOWN] * 10
    lines[bad] = NOT_SHOWN
    wanted = desk.review(*lines)
    applied = desk.forge().apply(1, wanted)
    assert applied.refused == contents(wanted, [bad])
    assert len(desk.reviews) == 1
    assert desk.posted == [SHOWN] * 9
    assert desk.statuses("POST", "/reviews") == [422, 200]


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


def test_review__our_leftover_and_a_bad_place(desk: Desk) -> None:
    pending(desk, f"left\n\n{run_mark('0' * 16)}")
    wanted = desk.review(SHOWN, NOT_SHOWN)
    assert desk.forge().apply(1, wanted).refused == contents(wanted, [1])
    assert [review.state for review in desk.reviews] == ["COMMENTED"]


def test_review__more_comments_than_github_bears(tmp_path: Path) -> None:
    with scene(tmp_path / "github", limits=Limits(review_comments=2)) as at:
        desk = Desk(at)
        wanted = desk.review(SHOWN, SHOWN, SHOWN)
        applied = desk.forge().apply(1, wanted)
        assert (applied.was_there, applied.refused) == (True, contents(wanted, [2]))
        assert len(desk.reviews) == 1
        desk.close()


def test_summary__is_made_and_updated(desk: Desk) -> None:
    forge = desk.forge()
    assert not forge.apply(1, CreateSummary(body=SUMMARY)).was_there
    (comment,) = forge.existing(1).comments
    forge.apply(1, UpdateSummary(comment=comment.id, body=OTHER))
    assert [one.body for one in desk.at.pull.comments.values()] == [OTHER]


def test_hiding__and_showing_again(desk: Desk) -> None:
    desk.apply_review(SHOWN)
    (comment,) = desk.at.pull.review_comments.values()
    forge, node = desk.forge(), f"PRRC_{comment.id}"
    forge.apply(1, HideComment(node_id=node, reason=Classifier.OUTDATED))
    assert comment.minimized == "outdated"
    forge.apply(1, HideComment(node_id=node, reason=None))
    assert comment.minimized is None


def test_resolving__where_the_token_may(desk: Desk) -> None:
    desk.apply_review(SHOWN)
    (comment,) = desk.at.pull.review_comments
    forge = desk.forge(desk.at.grant(WORKFLOW | {"contents": "write"}))
    assert forge.apply(1, ResolveThread(thread=f"PRRT_{comment}")).note == ""
    assert list(desk.at.pull.resolved) == [comment]
    assert forge.apply(1, ResolveThread(thread=f"PRRT_{comment}", is_resolved=False)).note == ""
    assert list(desk.at.pull.resolved) == []


def test_reaction__in_the_conversation_and_on_the_diff(desk: Desk) -> None:
    forge, comment = desk.forge(), desk.at.github.say(desk.at.pull, "bob", "/testsmith help")
    for _ in range(2):
        forge.react(CommentRef(comment=comment.id), Reaction.SEEN)
    assert [one.content for one in comment.reactions] == ["eyes"]


def run(forge: Forge, want: Wanted) -> int:
    """Do what a run does at the forge, and return how many operations there were."""
    pull = forge.pull_request(1)
    forge.commit(pull.head_sha)
    forge.file_patches(1)
    planned = plan_for(forge.existing(1), want, ReviewSettings())
    for operation in planned.operations:
        forge.apply(1, operation)
    return len(planned.operations)


def test_runs__a_quiet_repeat_costs_few_reads_and_no_write(desk: Desk) -> None:
    want = wanted(*(proposing(f"cart.py::f{n}") for n in range(10)), head=desk.at.pull.head)
    assert run(desk.forge(), want) == 2
    before = len(desk.at.github.exchanges)
    assert run(desk.forge(), want) == 0
    again = desk.at.github.exchanges[before:]
    assert len(again) == 5
    assert not any(one.is_write for one in again)


def test_pull_request__of_a_fork_that_was_deleted(desk: Desk) -> None:
    fork = desk.at.github.fork(desk.at.shop, "ada")
    desk.at.github.commit(fork, "mine", {"new.py": "x = 1\n"}, start="main")
    desk.at.github.pull_request(desk.at.shop, head="mine", source=fork)
    assert desk.forge().pull_request(2).head_repository == "ada/shop"
    desk.at.github.delete(fork)
    forge = desk.forge()
    assert forge.pull_request(2).head_repository is None
    assert [file.path for file in forge.file_patches(2)] == ["new.py"]


def test_file_patches__all_kinds(desk: Desk) -> None:
    files = {"cart.py": None, "logo.png": b"\0\1\3", "docs/guide.md": None, "docs/guide two.md": "guide\n"}
    desk.at.github.commit(desk.at.shop, "change", files)
    patches = {one.path: one for one in desk.forge().file_patches(1)}
    assert patches["cart.py"].is_removed
    assert patches["logo.png"] == FilePatch(path="logo.png", patch=None)
    assert patches["docs/guide two.md"] == FilePatch(path="docs/guide two.md", patch=None)
    assert patches["tea.py"].patch == "@@ -0,0 +1,2 @@\n+kind = 'green'\n+cups = 2"


def test_existing__threads_resolved_and_outdated(desk: Desk) -> None:
    desk.apply_review(SHOWN)
    may = desk.forge(desk.at.grant(WORKFLOW | {"contents": "write"}))
    (comment,) = may.existing(1).review_comments
    node = f"PRRT_{comment.id}"
    assert comment.thread == Thread(node_id=node, viewer_may_resolve=True)
    desk.at.pull.resolved[comment.id] = desk.at.github.world.user("bob")
    desk.at.github.commit(desk.at.shop, "change", {"cart.py": "other = 1\n"})
    (comment,) = may.existing(1).review_comments
    assert comment.thread == Thread(node_id=node, is_resolved=True, viewer_may_unresolve=True)
    assert comment.line is None


def test_existing__a_thread_with_many_replies(desk: Desk) -> None:
    desk.apply_review(SHOWN, SHOWN, SHOWN)
    heads = list(desk.at.pull.review_comments.values())
    for head in heads[:2]:
        for number in range(170):
            desk.at.github.reply(desk.at.pull, head, "bob", f"{head.id} {number}")
    comments = desk.forge().existing(1).review_comments
    for head in heads[:2]:
        assert [one.body for one in comments if one.body.startswith(f"{head.id} ")] == [
            f"{head.id} {number}" for number in range(170)
        ]
    assert len(comments) == 343


def test_commit__adds_changes_and_removes(desk: Desk) -> None:
    before = desk.at.pull.head
    changes = (
        FileChange(path="tests/test_tea.py", content=TEST),
        FileChange(path="tea.py", content=b"cups = 3\n"),
        FileChange(path="cart.py", content=None),
    )
    forge = desk.forge(desk.at.grant({"contents": "write", "pull_requests": "write"}))
    order = NewCommit(branch="change", parent=before, headline="Add tests", body="All", changes=changes)
    made = forge.commit_files(order)
    git, head = desk.at.shop.git, desk.at.pull.head
    assert made.sha == head
    assert git.text("show", f"{head}:tests/test_tea.py").encode() == TEST
    assert git.text("show", f"{head}:tea.py") == "cups = 3\n"
    assert "cart.py" not in git.text("ls-tree", "--name-only", head)
    commit = forge.commit(head)
    assert (commit.parents, commit.author) == ((before,), ACTIONS_BOT)
    assert commit.message.strip() == "Add tests\n\nAll"

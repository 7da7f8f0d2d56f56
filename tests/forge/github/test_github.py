"""Every operation once, on a fake GitHub that keeps state; single requests are in `test_writing.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from forge.conversation import Wanted, plan_for, proposing, wanted
from forge.github.clients import NOT_SHOWN, REVIEWS, SHOWN, Clients, comment, contents

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


def test_review__all_at_once(clients: Clients) -> None:
    wanted = replace(clients.review(SHOWN), comments=(comment(1, SHOWN), comment(2, 33, start_line=30)))
    applied = clients.forge().apply(1, wanted)
    assert (applied.was_there, applied.refused, applied.note) == (False, (), "")
    (review,) = clients.reviews
    assert (review.state, review.body, review.commit) == ("COMMENTED", wanted.body, clients.at.pull.head)
    threads = clients.at.github.threads(clients.at.shop, clients.at.pull)
    assert [(one.path, one.line, one.comments[0].original_start_line) for one in threads] == [
        ("cart.py", SHOWN, None),
        ("cart.py", 33, 30),
    ]
    assert len(clients.at.github.counted(writes=True)) == 1


@pytest.mark.parametrize("bad", [0, 9])
def test_review__one_bad_place_of_ten(clients: Clients, bad: int) -> None:
    lines = [SHOWN] * 10
    lines[bad] = NOT_SHOWN
    wanted = clients.review(*lines)
    applied = clients.forge().apply(1, wanted)
    assert applied.refused == contents(wanted, [bad])
    assert len(clients.reviews) == 1
    assert clients.posted == [SHOWN] * 9
    assert clients.statuses("POST", "/reviews") == [422, 200]


def hide_diff(clients: Clients) -> None:
    """Let GitHub not list the files, so that places can only be tried."""
    clients.fail(r"GET .*/files$", 406, times=99, body={"message": "too large"})


@pytest.mark.parametrize(
    "bad", [{7}, {0, 1}, {3, 9}, {0, 2, 4}, set(range(1, 10))], ids=lambda bad: "-".join(map(str, bad))
)
def test_review__bad_places_that_only_trying_finds(clients: Clients, bad: set[int]) -> None:
    hide_diff(clients)
    wanted = clients.review(*(NOT_SHOWN if number in bad else SHOWN for number in range(10)))
    applied = clients.forge().apply(1, wanted)
    assert set(contents(wanted, bad)) <= set(applied.refused)
    assert [review.state for review in clients.reviews] == ["COMMENTED"]
    assert len(clients.posted) == 10 - len(applied.refused)
    assert len(clients.statuses("POST", "/reviews")) <= PROBES + 2


def test_review__trying_has_an_end(clients: Clients) -> None:
    hide_diff(clients)
    wanted = clients.review(*[NOT_SHOWN] * 25)
    applied = clients.forge().apply(1, wanted)
    assert applied.refused == contents(wanted, range(25))
    assert clients.reviews == []
    assert len(clients.statuses("POST", "/reviews")) == PROBES + 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_review__an_answer_is_lost_while_places_are_tried(clients: Clients, when: str) -> None:
    hide_diff(clients)
    clients.fail(REVIEWS, 502, when=when, skip=1)
    clients.fail(r"DELETE .*/reviews/\d+$", 502, when=when)
    wanted = clients.review(SHOWN, NOT_SHOWN, SHOWN, SHOWN)
    applied = clients.forge().apply(1, wanted)
    assert applied.refused == contents(wanted, [1])
    assert [review.state for review in clients.reviews] == ["COMMENTED"]
    assert clients.posted == [SHOWN] * 3


def pending(clients: Clients, body: str) -> None:
    told = [{"path": "cart.py", "line": SHOWN, "body": "b"}]
    clients.at.ask("POST", "pulls/1/reviews", {"body": body, "comments": told})


def test_review__our_leftover_and_a_bad_place(clients: Clients) -> None:
    pending(clients, f"left\n\n{run_mark('0' * 16)}")
    wanted = clients.review(SHOWN, NOT_SHOWN)
    assert clients.forge().apply(1, wanted).refused == contents(wanted, [1])
    assert [review.state for review in clients.reviews] == ["COMMENTED"]


def test_review__more_comments_than_github_bears(tmp_path: Path) -> None:
    with scene(tmp_path / "github", limits=Limits(review_comments=2)) as at:
        clients = Clients(at)
        wanted = clients.review(SHOWN, SHOWN, SHOWN)
        applied = clients.forge().apply(1, wanted)
        assert (applied.was_there, applied.refused) == (True, contents(wanted, [2]))
        assert len(clients.reviews) == 1
        clients.close()


def test_summary__is_made_and_updated(clients: Clients) -> None:
    forge = clients.forge()
    assert not forge.apply(1, CreateSummary(body=SUMMARY)).was_there
    (comment,) = forge.existing(1).comments
    forge.apply(1, UpdateSummary(comment=comment.id, body=OTHER))
    assert [one.body for one in clients.at.pull.comments.values()] == [OTHER]


def test_hiding__and_showing_again(clients: Clients) -> None:
    clients.apply_review(SHOWN)
    (comment,) = clients.at.pull.review_comments.values()
    forge, node = clients.forge(), f"PRRC_{comment.id}"
    forge.apply(1, HideComment(node_id=node, reason=Classifier.OUTDATED))
    assert comment.minimized == "outdated"
    forge.apply(1, HideComment(node_id=node, reason=None))
    assert comment.minimized is None


def test_resolving__where_the_token_may(clients: Clients) -> None:
    clients.apply_review(SHOWN)
    (comment,) = clients.at.pull.review_comments
    forge = clients.forge(clients.at.grant(WORKFLOW | {"contents": "write"}))
    assert forge.apply(1, ResolveThread(thread=f"PRRT_{comment}")).note == ""
    assert list(clients.at.pull.resolved) == [comment]
    assert forge.apply(1, ResolveThread(thread=f"PRRT_{comment}", is_resolved=False)).note == ""
    assert list(clients.at.pull.resolved) == []


def test_reaction__in_the_conversation_and_on_the_diff(clients: Clients) -> None:
    forge, comment = clients.forge(), clients.at.github.say(clients.at.pull, "bob", "/testsmith help")
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


def test_runs__a_quiet_repeat_costs_few_reads_and_no_write(clients: Clients) -> None:
    want = wanted(*(proposing(f"cart.py::f{n}") for n in range(10)), head=clients.at.pull.head)
    assert run(clients.forge(), want) == 2
    before = len(clients.at.github.exchanges)
    assert run(clients.forge(), want) == 0
    again = clients.at.github.exchanges[before:]
    assert len(again) == 5
    assert not any(one.is_write for one in again)


def test_pull_request__of_a_fork_that_was_deleted(clients: Clients) -> None:
    fork = clients.at.github.fork(clients.at.shop, "ada")
    clients.at.github.commit(fork, "mine", {"new.py": "x = 1\n"}, start="main")
    clients.at.github.pull_request(clients.at.shop, head="mine", source=fork)
    assert clients.forge().pull_request(2).head_repository == "ada/shop"
    clients.at.github.delete(fork)
    forge = clients.forge()
    assert forge.pull_request(2).head_repository is None
    assert [file.path for file in forge.file_patches(2)] == ["new.py"]


def test_file_patches__all_kinds(clients: Clients) -> None:
    files = {"cart.py": None, "logo.png": b"\0\1\3", "docs/guide.md": None, "docs/guide two.md": "guide\n"}
    clients.at.github.commit(clients.at.shop, "change", files)
    patches = {one.path: one for one in clients.forge().file_patches(1)}
    assert patches["cart.py"].is_removed
    assert patches["logo.png"] == FilePatch(path="logo.png", patch=None)
    assert patches["docs/guide two.md"] == FilePatch(path="docs/guide two.md", patch=None)
    assert patches["tea.py"].patch == "@@ -0,0 +1,2 @@\n+kind = 'green'\n+cups = 2"


def test_existing__threads_resolved_and_outdated(clients: Clients) -> None:
    clients.apply_review(SHOWN)
    may = clients.forge(clients.at.grant(WORKFLOW | {"contents": "write"}))
    (comment,) = may.existing(1).review_comments
    node = f"PRRT_{comment.id}"
    assert comment.thread == Thread(node_id=node, viewer_may_resolve=True)
    clients.at.pull.resolved[comment.id] = clients.at.github.world.user("bob")
    clients.at.github.commit(clients.at.shop, "change", {"cart.py": "other = 1\n"})
    (comment,) = may.existing(1).review_comments
    assert comment.thread == Thread(node_id=node, is_resolved=True, viewer_may_unresolve=True)
    assert comment.line is None


def test_existing__a_thread_with_many_replies(clients: Clients) -> None:
    clients.apply_review(SHOWN, SHOWN, SHOWN)
    heads = list(clients.at.pull.review_comments.values())
    for head in heads[:2]:
        for number in range(170):
            clients.at.github.reply(clients.at.pull, head, "bob", f"{head.id} {number}")
    comments = clients.forge().existing(1).review_comments
    for head in heads[:2]:
        assert [one.body for one in comments if one.body.startswith(f"{head.id} ")] == [
            f"{head.id} {number}" for number in range(170)
        ]
    assert len(comments) == 343


def test_commit__adds_changes_and_removes(clients: Clients) -> None:
    before = clients.at.pull.head
    changes = (
        FileChange(path="tests/test_tea.py", content=TEST),
        FileChange(path="tea.py", content=b"cups = 3\n"),
        FileChange(path="cart.py", content=None),
    )
    forge = clients.forge(clients.at.grant({"contents": "write", "pull_requests": "write"}))
    order = NewCommit(branch="change", parent=before, headline="Add tests", body="All", changes=changes)
    made = forge.commit_files(order)
    git, head = clients.at.shop.git, clients.at.pull.head
    assert made.sha == head
    assert git.text("show", f"{head}:tests/test_tea.py").encode() == TEST
    assert git.text("show", f"{head}:tea.py") == "cups = 3\n"
    assert "cart.py" not in git.text("ls-tree", "--name-only", head)
    commit = forge.commit(head)
    assert (commit.parents, commit.author) == ((before,), ACTIONS_BOT)
    assert commit.message.strip() == "Add tests\n\nAll"

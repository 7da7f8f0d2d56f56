"""What a pull request looks like after the bot has been there, in each situation that it can meet."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fakes.github.checkouts import Checkout
from fakes.github.faults import Fault
from fakes.stage import Files, Stage, module, stage
from testsmith.forge.comment_markers import SUMMARY_MARK
from testsmith.forge.pr_state import decode
from testsmith.forge.review_result import PostStatus
from testsmith.settings import ReviewSettings

HEAD = {"shop/__init__.py": "", "shop/cart.py": module("add", "size", "quiet_one")}
REVIEWS = r"POST /repos/octo/shop/pulls/1/reviews"
COMMENTS = r"POST /repos/octo/shop/issues/1/comments"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, HEAD) as made:
        yield made


def conversation(at: Stage) -> list[Any]:
    """Return all that stands below a pull request, from whomever, hidden or not."""
    said = (at.pull.comments, at.pull.review_comments, at.pull.reviews)
    return [(one.id, one.body, getattr(one, "minimized", None)) for each in said for one in each.values()]


def numbers(at: Stage) -> dict[str, int | None]:
    """Return the numbers that the summary remembers, by the member's name."""
    (summary,) = at.summaries()
    state = decode(summary.body)
    assert state
    return {entry.member.partition("::")[2]: entry.number for entry in state.entries}


def test_first_run__one_review_and_one_summary(at: Stage) -> None:
    assert at.run().delivery is PostStatus.POSTED
    assert at.proposed() == ["add", "size"]
    (review,) = at.pull.reviews.values()
    (summary,) = at.summaries()
    assert (review.state, review.commit) == ("COMMENTED", at.pull.head)
    assert numbers(at) == {"add": 1, "size": 2, "quiet_one": None}
    assert summary.body.startswith("**TestSmith** proposes tests for 2 of 3 changed functions.")


def test_second_identical_push__costs_few_reads_and_no_write(at: Stage) -> None:
    at.run()
    before = conversation(at)
    at.push({"README.md": "other\n"})
    at.looked_at.clear()
    with at.counting() as counts:
        assert at.run(action="synchronize").delivery is PostStatus.POSTED
    assert (conversation(at), at.looked_at, counts.writes) == (before, [], 0)
    assert counts.reads <= 8


def test_a_push_that_changes_one_member__looks_at_that_one_alone(at: Stage) -> None:
    at.run()
    first = {comment.id for comment in at.shown()}
    at.looked_at.clear()
    changed = HEAD["shop/cart.py"].replace("def size(a):\n    return a + 1", "def size(a):\n    return a + 2")
    at.push({"shop/cart.py": changed})
    at.run(action="synchronize")
    assert at.looked_at == ["size"]
    assert numbers(at) == {"add": 1, "size": 3, "quiet_one": None}
    assert at.proposed() == ["add", "size"]
    assert len({comment.id for comment in at.shown()} & first) == 1
    (hidden,) = [one for one in at.pull.review_comments.values() if one.minimized]
    assert hidden.minimized == "outdated"


def test_five_pushes__one_summary_and_no_suggestion_twice(at: Stage) -> None:
    for number in range(4):
        at.run(action="opened" if not number else "synchronize")
        body = f"return a + {number % 3 + 2}"
        at.push({"shop/cart.py": module("add", "size", body=body), "README.md": f"{number}\n"})
    at.run(action="synchronize")
    assert len(at.summaries()) == 1
    bodies = [one.body.rpartition("<!--")[2] for one in at.pull.review_comments.values()]
    assert len(bodies) == len(set(bodies))
    assert at.proposed() == ["add", "size"]


def test_past_a_hundred_comments__finds_its_own(at: Stage) -> None:
    at.run()
    for number in range(130):
        at.github.say(at.pull, "ada", f"comment {number}")
    before = conversation(at)
    at.push({"README.md": "other\n"})
    at.run(action="synchronize")
    assert conversation(at) == before


@pytest.mark.parametrize(
    ("workflow", "is_told"),
    [
        ("on: issue_comment\njobs: {a: {steps: [{uses: testsmith-bot/testsmith-bot@v0}]}}\n", True),
        ("# Not testsmith.\non: issue_comment\njobs: {a: {steps: [{uses: other/bot@v1}]}}\n", False),
        ("on: pull_request\njobs: {a: {steps: [{uses: testsmith-bot/testsmith-bot@v0}]}}\n", False),
    ],
)
def test_replies__are_offered_if_a_workflow_of_base_runs_on_comments(
    tmp_path: Path, workflow: str, is_told: bool
) -> None:
    base = {".github/workflows/commands.yaml": workflow}
    with stage(tmp_path, {"shop/__init__.py": "", "shop/cart.py": module("add")}, base) as at:
        at.run()
        (summary,) = at.summaries()
        assert ("/testsmith help" in summary.body) is is_told


def test_two_runs_at_once__leave_one_summary_and_one_comment_each(at: Stage) -> None:
    event = at.event("opened")

    def meanwhile() -> None:
        at.while_proving = lambda: None
        at.review(event)

    at.while_proving = meanwhile
    at.review(event)
    assert len(at.summaries()) == 1
    assert at.proposed() == ["add", "size"]


def test_two_summaries_at_the_very_same_moment__the_oldest_stays(at: Stage) -> None:
    event = at.event("opened")

    def meanwhile() -> None:
        at.review(event)

    at.github.before("/repos/octo/shop/issues/1/comments", meanwhile)
    at.review(event)
    everything = [one for one in at.pull.comments.values() if one.user.login == at.token.login]
    assert len(everything) == 2
    (shown,) = at.summaries()
    assert shown.id == min(one.id for one in everything)
    at.run()
    assert len(at.summaries()) == 1


def test_head_moved_while_proving__posts_nothing(at: Stage) -> None:
    at.while_proving = partial(at.push, {"README.md": "newer\n"})
    reviewed = at.run()
    assert (reviewed.delivery, conversation(at)) == (PostStatus.HEAD_MOVED, [])
    assert at.pull.head[:7] in reviewed.reason
    assert reviewed.report


def test_head_moved_before_the_run__looks_at_nothing(at: Stage) -> None:
    event = at.event()
    at.push({"README.md": "newer\n"})
    assert at.review(event).delivery is PostStatus.HEAD_MOVED
    assert at.looked_at == []


def test_many_suggestions__ten_comments_and_the_rest_in_the_summary(tmp_path: Path) -> None:
    names = [f"f{number:02}" for number in range(35)]
    with stage(tmp_path, {"shop/__init__.py": "", "shop/cart.py": module(*names)}) as at:
        at.run()
        assert at.proposed() == names[:10]
        (summary,) = at.summaries()
        assert all(f"`{name}`" in summary.body for name in names)
        assert "test_f34" in summary.body
        before = conversation(at)
        at.push({"README.md": "other\n"})
        at.run(action="synchronize")
        assert conversation(at) == before
        at.limits, at.max_members = ReviewSettings(max_comments=25), 100
        at.push({"shop/more.py": module(*(f"g{number:02}" for number in range(30)))})
        at.run(action="synchronize")
        last = max(at.pull.reviews.values(), key=lambda one: one.id)
        assert len([one for one in at.pull.review_comments.values() if one.review == last.id]) == 25


def test_a_member_that_is_deleted__its_comment_is_hidden(at: Stage) -> None:
    at.run()
    at.push({"shop/cart.py": module("add", "quiet_one")})
    at.run(action="synchronize")
    assert at.proposed() == ["add"]
    assert numbers(at) == {"add": 1, "quiet_one": None}


def test_a_force_push__is_as_any_other(at: Stage) -> None:
    at.run()
    at.github.commit(at.shop, "change", {**HEAD, "notes.md": "rewritten\n"}, start="main")
    before = conversation(at)
    at.looked_at.clear()
    at.run(action="synchronize")
    assert (conversation(at), at.looked_at) == (before, [])


def test_the_base_branch_moves__nothing_changes(at: Stage) -> None:
    at.run()
    at.push({"other.py": "def other(): ...\n"}, "main")
    before = conversation(at)
    at.push({"README.md": "other\n"})
    at.run(action="synchronize")
    assert conversation(at) == before


def test_one_anchor_is_refused__the_others_are_posted(at: Stage) -> None:
    refused = Fault(request=REVIEWS, status=422, body={"message": "Line could not be resolved"})
    at.github.fail(refused)
    at.run()
    (summary,) = at.summaries()
    assert "`add`" in summary.body
    assert "`size`" in summary.body
    assert len(at.pull.reviews) <= 2


@pytest.mark.parametrize(("request_", "when"), [(REVIEWS, "after"), (COMMENTS, "before")])
def test_a_502_on_a_write__nothing_is_doubled_or_lost(at: Stage, request_: str, when: Any) -> None:
    at.github.fail(Fault(request=request_, status=502, when=when))
    assert at.run().delivery is PostStatus.POSTED
    assert (len(at.summaries()), len(at.pull.reviews)) == (1, 1)
    assert at.proposed() == ["add", "size"]


def test_a_token_that_may_only_read__tells_which_permission_is_missing(at: Stage) -> None:
    reviewed = at.run(token=at.github.token(at.shop, {"contents": "read", "pull_requests": "read"}))
    assert (reviewed.delivery, conversation(at)) == (PostStatus.NOT_ALLOWED, [])
    assert reviewed.missing == ("pull-requests: write",)
    assert reviewed.report
    assert reviewed.settled
    assert [one.number for one in reviewed.settled.proposals] == [1, 2]


def test_a_fork__is_reviewed_for_the_job_summary(tmp_path: Path) -> None:
    with stage(tmp_path, HEAD) as at:
        fork = at.github.fork(at.shop, "bob")
        at.github.commit(fork, "feature", dict(HEAD), start="main")
        at.pull = at.github.pull_request(at.shop, head="feature", source=fork, author="bob")
        reviewed = at.run(token=at.github.workflow_token(at.shop, at.pull, {"pull_requests": "write"}))
        assert (reviewed.delivery, reviewed.is_read_only) == (PostStatus.NOT_ALLOWED, True)
        assert reviewed.report
        assert len(reviewed.report.suggestions) == 2


def test_a_fork_that_was_deleted__is_reviewed_all_the_same(tmp_path: Path) -> None:
    with stage(tmp_path, HEAD) as at:
        fork = at.github.fork(at.shop, "bob")
        at.github.commit(fork, "feature", dict(HEAD), start="main")
        at.pull = at.github.pull_request(at.shop, head="feature", source=fork, author="bob")
        at.github.delete(fork)
        reviewed = at.run(token=at.github.workflow_token(at.shop, at.pull, {"pull_requests": "write"}))
        assert reviewed.delivery is PostStatus.NOT_ALLOWED
        assert reviewed.report
        assert reviewed.report.suggestions


def test_a_pull_request_that_is_closed_before_the_run__is_left_alone(at: Stage) -> None:
    event = at.event()
    at.github.close(at.shop, at.pull)
    assert (at.review(event).delivery, conversation(at)) == (PostStatus.NOTHING, [])


def test_a_commit_of_the_bots_own__starts_no_run(at: Stage) -> None:
    message = "Add tests\n\nTestSmith-Commit: 1\n"
    tree = at.shop.git.run("rev-parse", f"{at.pull.head}^{{tree}}").decode()
    made = subprocess.run(
        (
            "git",
            "-C",
            str(at.shop.git.folder),
            "commit-tree",
            tree.strip(),
            "-p",
            at.pull.head,
            "-m",
            message,
        ),
        check=True,
        capture_output=True,
        text=True,
        env={
            "GIT_AUTHOR_NAME": at.token.login,
            "GIT_AUTHOR_EMAIL": f"{at.token.login}@example.org",
            "GIT_COMMITTER_NAME": "GitHub",
            "GIT_COMMITTER_EMAIL": "noreply@github.com",
        },
    )
    at.github.push(at.shop, "change", made.stdout.strip())
    assert at.run(action="synchronize").delivery is PostStatus.NOTHING
    assert at.looked_at == []


def test_a_person_who_pastes_our_marks__changes_nothing(at: Stage) -> None:
    at.run()
    (summary,) = at.summaries()
    pasted = at.github.say(at.pull, "eve", summary.body.replace("2 of 3", "900 of 901"))
    at.github.say(at.pull, "eve", f"mine\n\n{SUMMARY_MARK}")
    at.push({"shop/cart.py": module("add")})
    at.run(action="synchronize")
    assert at.pull.comments[pasted.id].body == pasted.body
    assert pasted.minimized is None
    assert len(at.summaries()) == 1


def test_a_summary_that_was_deleted__is_made_again_and_keeps_the_numbers(at: Stage) -> None:
    at.run()
    (summary,) = at.summaries()
    del at.pull.comments[summary.id]
    at.push({"shop/more.py": module("more")})
    at.run(action="synchronize")
    assert numbers(at) == {"add": 1, "size": 2, "quiet_one": None, "more": 3}
    assert at.proposed() == ["add", "more", "size"]
    assert len(at.pull.review_comments) == 3


def test_nothing_to_say__leaves_no_comment(tmp_path: Path) -> None:
    with stage(tmp_path, {"shop/__init__.py": "", "shop/cart.py": module("quiet_one")}) as at:
        assert at.run().delivery is PostStatus.POSTED
        assert conversation(at) == []


def test_what_could_not_be_judged__keeps_what_it_has(tmp_path: Path) -> None:
    with stage(tmp_path, HEAD) as at:
        at.run()
        at.push({"shop/cart.py": HEAD["shop/cart.py"].replace("def size", "def  size(\n") + "\n("})
        at.run(action="synchronize")
        assert at.proposed() == ["add", "size"]


def test_a_question__has_a_number_and_is_asked_once(tmp_path: Path) -> None:
    with stage(tmp_path, {"shop/__init__.py": "", "shop/cart.py": module("add", "asks_why")}) as at:
        at.run()
        assert numbers(at) == {"add": 1, "asks_why": 2}
        at.push({"README.md": "other\n"})
        at.run(action="synchronize")
        assert at.proposed() == ["add", "asks_why"]


def test_three_thousand_and_one_files__all_stands_in_the_summary(tmp_path: Path) -> None:
    files: dict[str, str | None] = {f"data/{number}.txt": "x\n" for number in range(3_000)}
    with stage(tmp_path, {**files, "shop.py": module("add")}) as at:
        reviewed = at.run()
        assert reviewed.delivery is PostStatus.POSTED
        assert any("more files than GitHub lists" in note for note in reviewed.notes), reviewed.notes
        assert (at.proposed(), numbers(at)) == ([], {"add": 1})


def test_a_file_without_a_patch__has_no_place_for_a_comment(tmp_path: Path) -> None:
    large = module("add") + "\n".join(f"line_{number} = {number}" for number in range(30_000))
    with stage(tmp_path, {"shop/__init__.py": "", "shop/cart.py": large}) as at:
        at.run()
        assert (at.proposed(), numbers(at)) == ([], {"add": 1})


@pytest.mark.parametrize(
    ("members", "unsettled"), [(40, 0), (100, 1)], ids=["usual", "beyond what is remembered"]
)
def test_a_long_summary__fits_and_settles(tmp_path: Path, members: int, unsettled: int) -> None:
    deep = "/".join(["a_folder_with_a_long_name"] * 6)
    names = [f"{'long_name_' * 8}{number}" for number in range(200)]
    with stage(tmp_path, {f"{deep}/cart.py": module(*names)}) as at:
        at.max_members = members
        for number in range(unsettled + 1):
            assert at.run().delivery is PostStatus.POSTED
            at.push({"README.md": f"{number}\n"})
        before = conversation(at)
        at.run(action="synchronize")
        assert conversation(at) == before
        (summary,) = at.summaries()
        assert len(summary.body) <= 65_536


ODD: Files = {
    "crlf.py": module("crlf").replace("\n", "\r\n"),
    "unicode/caf\u00e9.py": module("cafe"),
    "with space/mod.py": module("spaced"),
    'quo"te/mod.py': module("quoted"),
    "new\nline/mod.py": module("lined"),
}


def test_odd_paths_and_line_ends__are_told_and_lose_nothing(tmp_path: Path) -> None:
    with stage(tmp_path, ODD) as at:
        reviewed = at.run()
        assert reviewed.delivery is PostStatus.POSTED
        assert reviewed.report
        told = {member.name for member in reviewed.report.members}
        told |= {Path(one.path).name for one in reviewed.report.skipped}
        assert {"crlf", "cafe"} <= told
        assert len(reviewed.report.members) + len(reviewed.report.skipped) >= len(ODD)


@pytest.mark.parametrize(
    "checkout",
    [Checkout(depth=0), Checkout(persist_credentials=False), Checkout(ref="main")],
    ids=["whole history", "no credentials", "another branch"],
)
def test_the_checkout__may_be_any(at: Stage, checkout: Checkout) -> None:
    assert at.run(checkout=checkout).delivery is PostStatus.POSTED
    assert at.proposed() == ["add", "size"]


GIT = r"/octo/shop\.git/"


def test_git_does_not_answer__the_reason_says_what_to_do(at: Stage) -> None:
    event = at.event("opened")
    reviewed = at.review(
        event, after_checkout=lambda: at.github.fail(Fault(request=GIT, status=503, times=99))
    )
    assert (reviewed.delivery, at.looked_at, conversation(at)) == (PostStatus.FAILED, [], [])
    assert "503" in reviewed.reason
    assert "set `fetch-depth: 0` for actions/checkout" in reviewed.reason


def test_git_does_not_answer__a_checkout_with_the_history_needs_no_answer(at: Stage) -> None:
    event = at.event("opened")
    reviewed = at.review(
        event,
        checkout=Checkout(depth=0),
        after_checkout=lambda: at.github.fail(Fault(request=GIT, status=503, times=99)),
    )
    assert reviewed.delivery is PostStatus.POSTED
    assert at.proposed() == ["add", "size"]


def test_git_does_not_answer__and_nothing_is_checked_out(at: Stage) -> None:
    at.github.fail(Fault(request=GIT, status=503, times=99))
    reviewed = at.review(at.event("opened"), checkout=None, fills_workspace=False)
    assert (reviewed.delivery, conversation(at)) == (PostStatus.FAILED, [])
    assert reviewed.reason


def test_the_test_file_is_in_the_diff__a_test_can_be_committed_by_a_click(tmp_path: Path) -> None:
    own = "from shop.cart import add\n\n\ndef test_add_itself():\n    assert add(1) == 2\n"
    files = {"shop/__init__.py": "", "shop/cart.py": module("add"), "tests/test_shop.py": own}
    with stage(tmp_path, files) as at:
        at.run()
        (comment,) = at.shown()
        assert (comment.path, comment.original_line) == ("tests/test_shop.py", 5)
        code = comment.body.partition("```suggestion\n")[2].partition("\n```")[0]
        assert code.startswith("    assert add(1) == 2\n\n\ndef test_add():\n")
        before = conversation(at)
        at.push({"README.md": "other\n"})
        at.run(action="synchronize")
        assert conversation(at) == before

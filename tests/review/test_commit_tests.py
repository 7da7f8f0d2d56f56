"""What a pull request looks like after a review that commits."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.github.faults import Fault
from fakes.github.git_store import Person
from fakes.github.state import ACTIONS_BOT
from fakes.stage import Stage, module, stage
from testsmith.events import COMMIT_TRAILER
from testsmith.forge.pr_state import decode
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.model import GeneratedTest, StaleTestAction
from testsmith.settings import CommitSettings, Mode

HEAD = {"shop/__init__.py": "", "shop/cart.py": module("add", "size", "quiet_one", "asks_why")}
TESTS = "tests/test_shop.py"
MAY_COMMIT = {"contents": "write", "pull_requests": "write"}


@pytest.fixture(name="at")
def _at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, HEAD) as made:
        made.commits = CommitSettings(mode=Mode.COMMIT, mark_tests=False)
        made.token = made.github.token(made.shop, MAY_COMMIT)
        made.shop.collaborators["ada"] = "write"
        yield made


def text(at: Stage, branch: str = "change") -> str:
    return at.shop.git.text("show", f"refs/heads/{branch}:{TESTS}")


def summary(at: Stage) -> str:
    (one,) = at.summaries()
    return one.body


def author(at: Stage) -> str:
    return at.shop.git.text("log", "-1", "--format=%an", at.pull.head).strip()


def pushed(at: Stage, body: str = "return a + 2") -> ReviewResult:
    """Let a person change `add`, and the action look at that."""
    changed = HEAD["shop/cart.py"].replace("def add(a):\n    return a + 1", f"def add(a):\n    {body}")
    at.push({"shop/cart.py": changed})
    at.looked_at.clear()
    return at.run(action="synchronize")


def test_commit__what_is_proven_is_on_the_branch_and_questions_are_asked(at: Stage) -> None:
    before = at.pull.head
    reviewed = at.run()
    assert (reviewed.delivery, reviewed.commit) == (PostStatus.POSTED, at.pull.head)
    assert at.shop.git.between(before, at.pull.head) == (at.pull.head,)
    assert all(f"def test_{name}()" in text(at) for name in ("add", "size"))
    assert "why" not in text(at)
    assert at.proposed() == ["asks_why"]
    assert f"Committed in {at.pull.head}: 1, 2." in summary(at)
    state = decode(summary(at))
    assert state is not None
    assert [(one.place, len(one.contents)) for one in state.landings] == [(at.pull.head, 2)]
    assert len(state.applied) == 2


def test_commit__the_bots_own_commit_is_not_looked_at(at: Stage) -> None:
    at.run()
    at.looked_at.clear()
    assert author(at) == ACTIONS_BOT
    reviewed = at.run(action="synchronize")
    assert (reviewed.delivery, reviewed.reason) == (
        PostStatus.NOTHING,
        "Skipped: the head commit is TestSmith's own.",
    )
    assert at.looked_at == []


def pushed_as(at: Stage, author: Person, committer: Person) -> None:
    """Push a change of `add` as a commit that says it is the bot's own."""
    git = at.shop.git
    path, text = "shop/cart.py", HEAD["shop/cart.py"].replace("return a + 1", "return a + 2", 1)
    tree = git.changed_tree(at.pull.head, {path: ("100644", git.store_blob(text.encode()))})
    message = f"Add tests\n\n{COMMIT_TRAILER} {at.pull.head}"
    sha = git.store_commit(tree, (at.pull.head,), message, author, committer)
    at.github.push(at.shop, at.pull.head_branch, sha)


def test_commit__a_forged_author_does_not_skip_the_review(at: Stage) -> None:
    """Anyone may write the bot's address into a commit, and sign it as themselves."""
    bot, ada, github = (
        Person(name=name, email=f"{name}@example.org", at=10**9) for name in (ACTIONS_BOT, "ada", "GitHub")
    )
    at.commits = CommitSettings()
    at.github.world.signers.add("ada")
    at.run()
    for author, committer in ((bot, bot), (bot, ada), (ada, github)):
        at.looked_at.clear()
        pushed_as(at, author, committer)
        assert at.run(action="synchronize").delivery is PostStatus.POSTED
        assert at.looked_at == ["add"]
        at.push({"shop/cart.py": HEAD["shop/cart.py"]})
        at.run(action="synchronize")


def test_commit__without_a_signature_it_is_the_bots_own_by_what_is_remembered(at: Stage) -> None:
    at.run()
    ours = at.shop.git.commit(at.pull.head)
    unsigned = at.shop.git.store_commit(ours.tree, ours.parents, ours.message, ours.author, ours.author)
    (one,) = at.summaries()
    one.body = one.body.replace(at.pull.head, unsigned)
    at.github.push(at.shop, at.pull.head_branch, unsigned)
    assert at.run(action="synchronize").reason == "Skipped: the head commit is TestSmith's own."


def test_commit__a_persons_next_commit_is_looked_at(at: Stage) -> None:
    at.run()
    ours = at.pull.head
    reviewed = pushed(at)
    assert at.looked_at == ["add"]
    assert (reviewed.delivery, reviewed.commit) == (PostStatus.POSTED, at.pull.head)
    assert f"Committed in {ours}: 1, 2." in summary(at)
    assert f"Committed in {at.pull.head}: 4." in summary(at)
    assert text(at).count("def test_add") == 2


def test_commit__what_was_committed_is_never_proposed_again(at: Stage) -> None:
    at.run()
    pushed(at)
    before = at.pull.head
    reviewed = pushed(at, "return a + 1")
    assert at.looked_at == ["add"]
    assert reviewed.commit == ""
    assert at.shop.git.between(before, at.pull.head) == (at.pull.head,)
    assert at.proposed() == ["asks_why"]


def test_commit__by_a_run_that_was_ended_before_it_could_tell(at: Stage) -> None:
    at.run()
    at.pull.comments.clear()
    at.pull.review_comments.clear()
    at.push({"README.md": "newer\n"})
    before = at.pull.head
    assert at.run(action="synchronize").commit == ""
    assert (at.pull.head, at.proposed()) == (before, ["asks_why"])
    assert "`add`" not in summary(at)


def test_commit__what_was_proposed_before_is_resolved_when_it_is_committed(at: Stage) -> None:
    at.commits = CommitSettings()
    at.run()
    assert at.proposed() == ["add", "asks_why", "size"]
    at.commits = CommitSettings(mode=Mode.COMMIT)
    at.command("/testsmith apply 1")
    bodies = [at.pull.review_comments[one].body for one in at.pull.resolved]
    assert [body.partition("`")[2].partition("`")[0] for body in bodies] == ["add"]
    assert re.search(r"^# testsmith \S+ \S+ \S+ shop/cart.py::add\ndef test_add", text(at), re.MULTILINE)


def test_commit__a_rejected_test_is_not_committed(at: Stage) -> None:
    at.commits = CommitSettings()
    at.run()
    at.command("/testsmith reject 1")
    pushed(at)
    at.commits = CommitSettings(mode=Mode.COMMIT)
    reviewed = pushed(at, "return a + 1")
    assert (at.looked_at, reviewed.commit, reviewed.notes) == (["add"], "", ())


def test_suggest__commits_nothing(at: Stage) -> None:
    at.commits = CommitSettings()
    before = at.pull.head
    assert at.run().commit == ""
    assert at.pull.head == before


def test_not_allowed__proposes_instead_and_says_what_is_missing(at: Stage, tmp_path: Path) -> None:
    at.token = at.github.token(at.shop, {"contents": "read", "pull_requests": "write"})
    before = at.pull.head
    reviewed = at.run()
    assert (reviewed.delivery, at.pull.head) == (PostStatus.POSTED, before)
    assert reviewed.missing == ("contents: write",)
    assert at.proposed() == ["add", "asks_why", "size"]
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=reviewed.patch.encode(), check=True)
    assert "def test_add()" in (tmp_path / TESTS).read_text()


def test_protected__proposes_instead(at: Stage) -> None:
    at.shop.protected.add("change")
    reviewed = at.run()
    assert at.proposed() == ["add", "asks_why", "size"]
    assert any("is protected" in note for note in reviewed.notes)
    assert reviewed.patch


def test_push_between__the_next_run_commits(at: Stage) -> None:
    at.while_proving = lambda: at.push({"README.md": "other\n"})
    reviewed = at.run()
    assert (reviewed.delivery, reviewed.commit) == (PostStatus.HEAD_MOVED, "")
    at.while_proving = lambda: None
    assert at.run(action="synchronize").commit == at.pull.head


def test_two_runs_at_once__one_commit(at: Stage) -> None:
    before, event = at.pull.head, at.event("opened")

    def meanwhile() -> None:
        at.while_proving = lambda: None
        at.review(event)

    at.while_proving = meanwhile
    at.review(event)
    assert len(at.shop.git.between(before, at.pull.head)) == 1
    assert len(at.summaries()) == 1


GONE = GeneratedTest(
    path=TESTS,
    name="test_add",
    member="shop/cart.py::add",
    fate=StaleTestAction.REMOVE,
    is_edited=False,
    fails=True,
)


@pytest.mark.parametrize(
    ("mode", "test", "is_removed"),
    [
        (Mode.COMMIT, GONE, True),
        (Mode.SUGGEST, GONE, False),
        (Mode.COMMIT, replace(GONE, fails=None), False),
        (Mode.COMMIT, replace(GONE, is_edited=True), False),
    ],
)
def test_earlier__of_a_gone_member(at: Stage, mode: Mode, test: GeneratedTest, *, is_removed: bool) -> None:
    at.run()
    at.push({"shop/cart.py": module("size", "quiet_one", "asks_why", "fresh")})
    at.commits, at.earlier = CommitSettings(mode=mode, mark_tests=False), (test,)
    at.run(action="synchronize")
    assert ("def test_add" not in text(at)) is is_removed
    assert ("def test_fresh" in text(at)) is (mode is Mode.COMMIT)
    assert "`add` no longer exists. Remove its tests" in summary(at)


def test_pull_request__one_onto_the_branch(at: Stage) -> None:
    at.commits = CommitSettings(mode=Mode.PULL_REQUEST)
    before = at.pull.head
    reviewed = at.run()
    assert (at.pull.head, reviewed.follow_up) == (before, 2)
    assert "def test_add()" in text(at, "testsmith/pr-1")
    assert "Committed in #2: 1, 2." in summary(at)
    assert at.proposed() == ["asks_why"]
    second = pushed(at)
    assert second.follow_up == 2
    assert "Committed in #2: 1, 2, 4." in summary(at)
    message = at.shop.git.text("log", "-1", "--format=%B", "testsmith/pr-1")
    assert COMMIT_TRAILER in message


def test_unreadable__github_fails_while_it_is_read(at: Stage) -> None:
    at.github.fail(Fault(request="POST /graphql", status=502, skip=1, times=4))
    before = at.pull.head
    reviewed = at.run()
    assert (reviewed.commit, at.pull.head) == ("", before)
    assert any("no usable answer" in note for note in reviewed.notes)

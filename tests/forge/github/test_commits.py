from __future__ import annotations

from dataclasses import replace

import pytest
from forge.github.desk import GRAPHQL, Desk

from fakes.github.state import ACTIONS_BOT
from testsmith.forge.commits import (
    Branch,
    BranchProtected,
    CannotOpenPulls,
    CommittingForge,
    FileChange,
    NewCommit,
    PullText,
)
from testsmith.forge.github import GitHub
from testsmith.forge.interface import Forbidden, HeadMoved, OutcomeUnknown

MAY_COMMIT = {"contents": "write", "pull_requests": "write"}
TEST = b"def test_cups():\n    assert True\n"
REFS = r"PATCH .*/git/refs/heads/change$"
NO_SUCH_MUTATION = {
    "errors": [
        {
            "message": "Field 'createCommitOnBranch' doesn't exist on type 'Mutation'",
            "extensions": {"code": "undefinedField"},
        }
    ]
}


def client(desk: Desk) -> GitHub:
    return desk.forge(desk.at.grant(MAY_COMMIT))


def order(desk: Desk, *changes: FileChange, branch: str = "change", parent: str = "") -> NewCommit:
    return NewCommit(
        branch=branch,
        parent=parent or desk.at.pull.head,
        headline="Add tests for cups",
        body="All of it\n\nTestSmith-Commit: 12",
        changes=changes or (FileChange(path="tests/test_tea.py", content=TEST),),
    )


def lost(desk: Desk, when: str) -> None:
    """Let an answer to the mutation be lost."""
    desk.fail(GRAPHQL, 502, when=when)


def without_mutation(desk: Desk) -> None:
    """Let the mutation be unknown, as on an old server."""
    desk.fail(GRAPHQL, 200, body=NO_SUCH_MUTATION)


def test_forge__commits_too(desk: Desk) -> None:
    forge: CommittingForge = client(desk)
    assert forge.branch("change") == Branch(name="change", sha=desk.at.pull.head)
    assert forge.branch("nowhere/at-all") is None
    desk.at.shop.protected.add("change")
    assert forge.branch("change") == Branch(name="change", sha=desk.at.pull.head, is_protected=True)


def test_commit__adds_changes_and_removes(desk: Desk) -> None:
    before = desk.at.pull.head
    changes = (
        FileChange(path="tests/test_tea.py", content=TEST),
        FileChange(path="tea.py", content=b"cups = 3\n"),
        FileChange(path="cart.py", content=None),
    )
    forge = client(desk)
    made = forge.commit_files(order(desk, *changes))
    git, head = desk.at.shop.git, desk.at.pull.head
    assert made.sha == head
    assert git.text("show", f"{head}:tests/test_tea.py").encode() == TEST
    assert git.text("show", f"{head}:tea.py") == "cups = 3\n"
    assert "cart.py" not in git.text("ls-tree", "--name-only", head)
    commit = forge.commit(head)
    assert commit.parents == (before,)
    assert commit.author == ACTIONS_BOT
    assert commit.message.strip() == "Add tests for cups\n\nAll of it\n\nTestSmith-Commit: 12"


@pytest.mark.parametrize("when", ["before", "after"])
def test_commit__a_lost_answer_makes_no_second(desk: Desk, when: str) -> None:
    before = desk.at.pull.head
    lost(desk, when)
    made = client(desk).commit_files(order(desk))
    assert made.sha == desk.at.pull.head
    assert desk.at.shop.git.between(before, made.sha) == (made.sha,)


def test_commit__lost_while_somebody_pushes(desk: Desk) -> None:
    forge, wanted = client(desk), order(desk)
    lost(desk, "before")
    theirs = desk.at.github.commit(desk.at.shop, "change", {"other.py": "1\n"})
    with pytest.raises(HeadMoved) as moved:
        forge.commit_files(wanted)
    assert moved.value.found == theirs == desk.at.pull.head


@pytest.mark.parametrize("executable", [False, True])
def test_commit__never_on_another_head(desk: Desk, *, executable: bool) -> None:
    wanted = order(desk, FileChange(path="tests/a.py", content=TEST, is_executable=executable))
    theirs = desk.at.github.commit(desk.at.shop, "change", {"other.py": "1\n"})
    with pytest.raises(HeadMoved) as moved:
        client(desk).commit_files(wanted)
    assert moved.value.found == theirs
    assert desk.at.pull.head == theirs


def test_commit__without_the_mutation(desk: Desk) -> None:
    without_mutation(desk)
    before = desk.at.pull.head
    changes = (
        FileChange(path="tests/test_tea.py", content=TEST),
        FileChange(path="cart.py", content=None),
    )
    forge = client(desk)
    made = forge.commit_files(order(desk, *changes))
    assert made.sha == desk.at.pull.head
    assert forge.commit(made.sha).parents == (before,)
    listing = desk.at.shop.git.text("ls-tree", "-r", made.sha)
    assert "100644" in listing
    assert "tests/test_tea.py" in listing
    assert "cart.py" not in listing


def test_commit__keeps_the_executable_bit(desk: Desk) -> None:
    change = FileChange(path="tests/test_tea.py", content=TEST, is_executable=True)
    made = client(desk).commit_files(order(desk, change))
    (line,) = desk.at.shop.git.text("ls-tree", "-r", made.sha, "tests").splitlines()
    assert line.startswith("100755")


@pytest.mark.parametrize("when", ["before", "after"])
def test_commit__without_the_mutation_a_lost_answer_makes_no_second(desk: Desk, when: str) -> None:
    before = desk.at.pull.head
    without_mutation(desk)
    desk.fail(REFS, 502, when=when)
    made = client(desk).commit_files(order(desk))
    assert desk.at.shop.git.between(before, desk.at.pull.head) == (made.sha,)


@pytest.mark.parametrize("executable", [False, True])
def test_commit__to_a_protected_branch(desk: Desk, *, executable: bool) -> None:
    desk.at.shop.protected.add("change")
    before = desk.at.pull.head
    change = FileChange(path="tests/a.py", content=TEST, is_executable=executable)
    with pytest.raises(BranchProtected, match="mode: pull-request"):
        client(desk).commit_files(order(desk, change))
    assert desk.at.pull.head == before


@pytest.mark.parametrize("executable", [False, True])
def test_commit__without_the_permission(desk: Desk, *, executable: bool) -> None:
    change = FileChange(path="tests/a.py", content=TEST, is_executable=executable)
    with pytest.raises(Forbidden, match="`contents: write`") as refused:
        desk.forge().commit_files(order(desk, change))
    assert refused.value.permission == "contents: write"


def test_commit__other_errors_of_the_document_are_no_unknown_mutation(desk: Desk) -> None:
    told = {"errors": [{"message": "Something went wrong"}]}
    desk.fail(GRAPHQL, 200, body=told, times=3)
    with pytest.raises(OutcomeUnknown, match="Cannot commit"):
        client(desk).commit_files(order(desk))


@pytest.mark.parametrize("name", ["$(touch${IFS}PWNED)", "a'b\"c;d&e", "feature/x#1%20", "--help", "ä/ü"])
def test_commit__branch_names_are_only_names(desk: Desk, name: str) -> None:
    forge = client(desk)
    forge.create_branch(name, desk.at.pull.head)
    made = forge.commit_files(order(desk, branch=name))
    change = FileChange(path="tests/b.py", content=TEST, is_executable=True)
    second = forge.commit_files(order(desk, change, branch=name, parent=made.sha))
    assert forge.branch(name) == Branch(name=name, sha=second.sha)


def test_branch__is_made_once_and_removed_where_it_was_looked_at(desk: Desk) -> None:
    forge, base, head = client(desk), desk.at.pull.base, desk.at.pull.head
    forge.create_branch("testsmith/pr-1", base)
    forge.create_branch("testsmith/pr-1", head)
    assert forge.branch("testsmith/pr-1") == Branch(name="testsmith/pr-1", sha=base)
    with pytest.raises(HeadMoved):
        forge.remove_branch("testsmith/pr-1", head)
    forge.remove_branch("testsmith/pr-1", base)
    forge.remove_branch("testsmith/pr-1", base)
    assert forge.branch("testsmith/pr-1") is None


def test_commit__merges_another_commit(desk: Desk) -> None:
    forge, base = client(desk), desk.at.pull.base
    main = desk.at.github.commit(desk.at.shop, "main", {"new.py": "1\n"})
    forge.create_branch("testsmith/sweep", base)
    made = forge.commit_files(replace(order(desk, branch="testsmith/sweep", parent=base), merged=main))
    assert forge.commit(made.sha).parents == (base, main)
    assert {"new.py", "tests/test_tea.py"} <= set(forge.ahead(base, made.sha).files)
    assert forge.branch("testsmith/sweep") == Branch(name="testsmith/sweep", sha=made.sha)


def test_ahead__who_has_made_what(desk: Desk) -> None:
    forge, head = client(desk), desk.at.pull.head
    assert forge.ahead(head, head).authors == ()
    made = forge.commit_files(order(desk, FileChange(path="tests/a.py", content=b"\xff\0")))
    gone = forge.commit_files(order(desk, FileChange(path="tea.py", content=None), parent=made.sha))
    theirs = desk.at.github.commit(desk.at.shop, "change", {"other.py": "1\n"})
    ahead = forge.ahead(head, gone.sha)
    assert (ahead.authors, ahead.has_all_commits, ahead.has_all_files) == (
        (ACTIONS_BOT, ACTIONS_BOT),
        True,
        True,
    )
    assert all("TestSmith-Commit: 12" in message for message in ahead.messages)
    assert forge.contents(ahead.files) == {"tests/a.py": b"\xff\0", "tea.py": None}
    assert forge.ahead(head, theirs).authors[2:] != (ACTIONS_BOT,)


def test_ahead__a_renamed_file_is_gone_from_its_earlier_path(desk: Desk) -> None:
    head, text = desk.at.pull.head, desk.at.shop.git.text("show", f"{desk.at.pull.head}:tea.py")
    theirs = desk.at.github.commit(desk.at.shop, "change", {"tea.py": None, "leaf.py": text})
    assert set(client(desk).ahead(head, theirs).files) == {"tea.py", "leaf.py"}
    assert client(desk).ahead(head, theirs).files["tea.py"] is None


def test_pull__is_opened_once_and_updated(desk: Desk) -> None:
    forge = client(desk)
    forge.create_branch("testsmith/pr-1", desk.at.pull.head)
    forge.commit_files(order(desk, branch="testsmith/pr-1"))
    assert forge.own_pulls("testsmith/pr-1", "change") == ()
    desk.fail(r"POST .*/pulls$", 502, when="after")
    opened = forge.open_pull("testsmith/pr-1", "change", PullText(title="Tests", body="body"))
    assert [one.number for one in forge.own_pulls("testsmith/pr-1", "change")] == [opened.number]
    assert forge.own_pulls("testsmith/pr-1", "main") == ()
    forge.update_pull(opened.number, PullText(title="", body="other body"))
    made = desk.at.shop.pulls[opened.number]
    assert (made.title, made.body, made.base_branch) == ("Tests", "other body", "change")
    assert len(desk.at.shop.pulls) == 2


def test_pull__where_workflows_may_open_none(desk: Desk) -> None:
    forge = client(desk)
    forge.create_branch("testsmith/pr-1", desk.at.pull.head)
    forge.commit_files(order(desk, branch="testsmith/pr-1"))
    said = "GitHub Actions is not permitted to create or approve pull requests."
    desk.fail(r"POST .*/pulls$", 403, body={"message": said})
    with pytest.raises(CannotOpenPulls, match="Allow GitHub Actions to create"):
        forge.open_pull("testsmith/pr-1", "change", PullText(title="Tests", body="body"))


def test_await_head__until_the_pull_request_shows_it(desk: Desk) -> None:
    forge, head = client(desk), desk.at.pull.head
    forge.await_head(1, head)
    assert desk.naps == []
    forge.await_head(1, "0" * 40)
    assert desk.naps == [1.0] * 10

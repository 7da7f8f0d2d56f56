"""What comes of commands in comments: what each does, and the ways in which people try to get more."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from fakes.github.events import Events
from fakes.github.state import ACTIONS_BOT, ReviewComment, Token
from fakes.stage import PERMISSIONS, Stage, module, stage
from testsmith.forge.interface import Classifier
from testsmith.forge.pr_state import State, decode
from testsmith.forge.review_result import PostStatus
from testsmith.model import Repair
from testsmith.settings import CommitSettings, Mode

HEAD = {"shop/__init__.py": "", "shop/cart.py": module("add", "size", "drop", "asks_why", "quiet_one")}
WRITING = {"contents": "write", "pull_requests": "write"}
TEST_FILE = "tests/test_shop.py"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stage]:
    """Give a pull request that was reviewed: add 1, size 2, drop 3, a question 4, and one without tests."""
    base = {"shop/old.py": module("old", "older"), "shop/__init__.py": ""}
    with stage(tmp_path, HEAD, base) as made:
        made.shop.collaborators.update(ada="write", bob="read", tom="triage", mia="maintain")
        made.token = made.github.token(made.shop, WRITING)
        made.run()
        made.looked_at.clear()
        yield made


def remembered(at: Stage) -> State:
    (summary,) = (one for one in at.summaries() if decode(one.body))
    state = decode(summary.body)
    assert state
    return state


def summary(at: Stage) -> str:
    return next(one.body for one in at.summaries() if decode(one.body))


def comment_of(at: Stage, name: str) -> ReviewComment:
    return next(one for one in at.pull.review_comments.values() if f"**`{name}`**" in one.body)


def committed(at: Stage) -> str:
    """Return the test file on the branch; empty where there is none."""
    git = at.shop.git
    listed = git.run("ls-tree", "-r", "--name-only", at.pull.head_branch).decode().split()
    return git.run("show", f"{at.pull.head_branch}:{TEST_FILE}").decode() if TEST_FILE in listed else ""


def test_reject__is_remembered_and_never_posted_again(at: Stage) -> None:
    done = at.command("/testsmith reject 2 not useful")
    assert (done.reactions, done.answers) == (["eyes", "rocket"], [])
    assert done.reviewed.delivery is PostStatus.POSTED
    comment = comment_of(at, "size")
    assert (comment.minimized, comment.id in at.pull.resolved) == ("resolved", True)
    assert "Rejected: 2." in summary(at)
    assert "| 2 |" not in summary(at)
    at.push({"shop/cart.py": HEAD["shop/cart.py"].replace("def quiet", "def very_quiet")})
    at.run(action="synchronize")
    assert at.proposed() == ["add", "asks_why", "drop", "very_quiet_one"] or "size" not in at.proposed()
    assert len(remembered(at).rejected) == 1


def test_reject__of_what_is_not_there(at: Stage) -> None:
    done = at.command("/testsmith reject 2 99")
    assert done.reactions == ["eyes", "confused"]
    assert "Rejected: 2.\n\n99: no such suggestion." in done.answers[0]
    assert len(remembered(at).rejected) == 1


def test_apply__commits_what_its_comments_show(at: Stage) -> None:
    before = at.pull.head
    done = at.command("/testsmith apply 1 3")
    assert (done.answers, done.reactions) == ([], ["eyes", "rocket"])
    assert at.pull.head != before
    assert "def test_add" in committed(at)
    assert "def test_drop" in committed(at)
    assert "def test_size" not in committed(at)
    assert {comment_of(at, name).id in at.pull.resolved for name in ("add", "drop")} == {True}
    assert f"Committed in {at.pull.head}: 1, 3." in summary(at)
    assert at.looked_at == ["add", "drop"]
    again = at.command("/testsmith apply 1")
    assert (again.reactions, "already committed" in again.answers[0]) == (["eyes", "confused"], True)


def test_apply__all_but_questions(at: Stage) -> None:
    at.command("/testsmith reject 1")
    done = at.command("/testsmith apply all")
    assert done.reactions == ["eyes", "rocket"]
    assert [name for name in ("add", "size", "drop", "asks_why") if f"def test_{name}" in committed(at)] == [
        "size",
        "drop",
    ]


@pytest.mark.parametrize("word", ["apply", "/testsmith apply"])
def test_apply__in_the_thread_of_a_suggestion(at: Stage, word: str) -> None:
    done = at.command(word, in_thread=comment_of(at, "size"))
    assert done.reactions == ["eyes", "rocket"]
    assert "def test_size" in committed(at)
    assert "def test_add" not in committed(at)


def test_apply__a_question_is_refused(at: Stage) -> None:
    done = at.command("/testsmith apply 4")
    assert done.reactions == ["eyes", "confused"]
    assert "questions are not committed" in done.answers[0]
    assert committed(at) == ""


def test_apply__what_no_longer_holds_is_refused(at: Stage) -> None:
    at.no_longer_held.add("size")
    done = at.command("/testsmith apply 1 2")
    assert done.reactions == ["eyes", "confused"]
    said = f"Committed in {at.pull.head}: 1.\n\n2: it no longer passes the proof: its test fails."
    assert said in done.answers[0]
    assert "def test_add" in committed(at)
    assert "def test_size" not in committed(at)


def test_apply__a_reviewers_own_version_is_proven_and_committed(at: Stage) -> None:
    comment = comment_of(at, "size")
    body = comment.body.replace("def test_size", "def test_size_of_one")
    comment.edit(body, at.github.world.user("mia"), 0.0)
    done = at.command("/testsmith apply 2")
    assert (done.answers, done.reactions) == ([], ["eyes", "rocket"])
    assert "def test_size_of_one" in committed(at)
    assert at.given[-2].candidates
    assert f"Committed in {at.pull.head}: 2." in summary(at)


@pytest.mark.parametrize(
    ("failing", "left"),
    [({f"{TEST_FILE}::test_add"}, 1), (None, 1), (set(), 2)],
    ids=["fails", "?", "passes"],
)
def test_apply__takes_the_place_of_an_earlier_test_that_does_not_pass(
    at: Stage, failing: set[str] | None, left: int
) -> None:
    at.command("/testsmith apply 1")
    changed = HEAD["shop/cart.py"].replace("def add(a):\n    return a + 1", "def add(a):\n    return a + 2")
    at.push({"shop/cart.py": changed})
    at.run(action="synchronize")
    at.failing = None if failing is None else frozenset(failing)
    assert at.command("/testsmith apply 5").reactions == ["eyes", "rocket"]
    assert committed(at).count("def test_add") == left


def test_apply__in_a_pull_request_of_its_own(at: Stage) -> None:
    at.commits = CommitSettings(mode=Mode.PULL_REQUEST)
    done = at.command("/testsmith apply 1")
    assert done.reactions == ["eyes", "rocket"]
    assert "/pull/" in done.answers[0]
    assert committed(at) == ""


def test_explain__shows_the_evidence(at: Stage) -> None:
    done = at.command("/testsmith explain 1")
    assert done.reactions == ["eyes", "rocket"]
    assert "`test_add`" in done.answers[0]
    assert "5 of 5" in done.answers[0]
    assert at.looked_at == ["add"]


def test_help__says_what_can_be_said(at: Stage) -> None:
    done = at.command("/testsmith help")
    assert "`/testsmith reject numbers [reason]`" in done.answers[0]


def test_unknown_commands__are_answered_once(at: Stage) -> None:
    done = at.command("/testsmith fly 1\n/testsmith apply one\n/testsmith reject 1")
    (answer,) = done.answers
    assert answer.index("no such command") < answer.index("takes numbers") < answer.index("| comment |")
    assert answer.count("| comment |") == 1
    assert done.reactions == ["eyes", "confused"]
    assert len(remembered(at).rejected) == 1


def test_ignore__later_pushes_do_nothing_until_resume(at: Stage) -> None:
    assert at.command("/testsmith ignore").reactions == ["eyes", "rocket"]
    assert "TestSmith is paused on this pull request" in summary(at)
    at.push({"shop/cart.py": module("add", "size", "fresh")})
    with at.counting() as counts:
        assert at.run(action="synchronize").delivery is PostStatus.NOTHING
    assert (at.looked_at, counts.writes) == ([], 0)
    assert at.command("/testsmith resume").reactions == ["eyes", "rocket"]
    assert "fresh" in at.proposed()
    assert "left alone" not in summary(at)


def test_retry__puts_other_tests_in_the_place_of_those(at: Stage) -> None:
    done = at.command("/testsmith retry 2")
    assert (done.answers, done.reactions) == ([], ["eyes", "rocket"])
    assert at.looked_at == ["size"]
    repair = at.given[-1].repairs["shop/cart.py::size"]
    assert isinstance(repair, Repair)
    assert "def test_size" in repair.code
    assert at.proposed() == ["add", "asks_why", "drop", "size"]
    numbers = {one.member.partition("::")[2]: one.number for one in remembered(at).entries}
    assert (numbers["size"], numbers["add"]) == (5, 1)


def test_retry__a_hint_goes_into_the_run(at: Stage) -> None:
    at.command("/testsmith retry 2 -- use a leap year")
    assert (at.looked_at, at.given[-1].hint) == (["size"], "use a leap year")


def test_retry__without_a_number_is_for_what_has_no_test(at: Stage) -> None:
    done = at.command("/testsmith retry")
    assert at.looked_at == ["quiet_one"]
    assert done.reactions == ["eyes", "confused"]
    assert "no test gains anything" in done.answers[0]


def test_suggest__for_what_the_change_does_not_touch(at: Stage) -> None:
    done = at.command("/testsmith suggest old.older shop/old.py::old nothing_such")
    assert done.reactions == ["eyes", "confused"]
    assert "`nothing_such`: no public function or class matches this id, name or path." in done.answers[0]
    assert at.looked_at == ["old"]
    assert "proposes tests for 4 of 6 changed functions" in summary(at)
    assert "def test_old" in summary(at)
    at.push({"README.md": "newer\n"})
    at.run(action="synchronize")
    assert "def test_old" in summary(at)
    assert at.command("/testsmith apply 5").reactions == ["eyes", "rocket"]
    assert "def test_old" in committed(at)


def test_suggest__for_a_member_of_the_change(at: Stage) -> None:
    done = at.command("/testsmith suggest add")
    assert (done.answers, done.reactions, at.looked_at) == ([], ["eyes", "rocket"], ["add"])
    assert at.proposed() == ["add", "asks_why", "drop", "size"]


def test_suggest__a_hint_is_for_the_members_that_are_named(at: Stage) -> None:
    at.command("/testsmith suggest add -- mind the sign")
    assert (at.looked_at, at.given[-1].hint) == (["add"], "mind the sign")


def test_suggest__what_the_authors_say_goes_into_every_run(at: Stage) -> None:
    at.command("/testsmith suggest add")
    assert all(given.texts[0].startswith("Pull request: ") for given in at.given)


def test_suggest__issues_that_the_pull_request_closes_go_with_it(at: Stage) -> None:
    at.shop.issues[12] = ("Totals are wrong", "`total([])` is 1.\r\n<!-- template -->")
    at.pull.body = "Fixes #13, fixes #12, fixes #14."
    at.run(action="synchronize")
    at.command("/testsmith suggest add")
    of_review, of_command = (given.texts for given in at.given[-2:])
    assert of_review == of_command
    assert of_review[1:] == ("Issue 12: Totals are wrong\n\n`total([])` is 1.",)


def test_suggest__without_a_name_is_a_review(at: Stage) -> None:
    at.push({"shop/more.py": module("more")})
    done = at.command("/testsmith suggest")
    assert (done.reactions, at.looked_at) == (["eyes", "rocket"], ["more"])


def test_commands__before_the_head_moves_then_apply(at: Stage) -> None:
    done = at.command("/testsmith apply 1\n/testsmith reject 2")
    assert (done.answers, done.reactions) == ([], ["eyes", "rocket"])
    assert "def test_add" in committed(at)
    assert "Rejected: 2." in summary(at)


# The attacks.


@pytest.mark.parametrize("login", ["bob", "tom", "mallory"])
@pytest.mark.parametrize("is_private", [False, True])
def test_attack__a_commenter_who_may_not_write(at: Stage, login: str, *, is_private: bool) -> None:
    at.shop.is_private = is_private
    before, state = at.pull.head, summary(at)
    spoken = at.say("/testsmith apply 1\n/testsmith reject 2", by=login)
    with at.counting() as counts:
        done = at.obey(spoken)
    assert (done.reactions, done.answers) == (["confused"], [])
    assert (at.pull.head, summary(at), at.looked_at) == (before, state, [])
    assert (counts.reads, counts.writes) == (1, 1)
    assert "may not use commands" in done.reviewed.reason


def test_attack__association_is_no_proof_either_way(at: Stage) -> None:
    spoken = at.say("/testsmith reject 2", by="mia")
    spoken.event.payload["comment"]["author_association"] = "NONE"
    assert at.obey(spoken).reactions == ["eyes", "rocket"]
    spoken = at.say("/testsmith reject 1", by="mallory")
    spoken.event.payload["comment"]["author_association"] = "MEMBER"
    assert at.obey(spoken).reactions == ["confused"]


def test_eyes__are_shown_one_call_after_the_lookup(at: Stage) -> None:
    spoken = at.say("/testsmith reject 2")
    before = len(at.github.exchanges)
    at.obey(spoken)
    asked = [one for one in at.github.exchanges[before:] if one.operation != "git"]
    assert [one.operation for one in asked[:2]] == [
        "repos/get-collaborator-permission-level",
        "reactions/create-for-issue-comment",
    ]


@pytest.mark.parametrize("body", ["> /testsmith apply 1", "```\n/testsmith apply 1\n```", "Nice!", "apply"])
def test_attack__a_comment_without_a_command_costs_no_request(at: Stage, body: str) -> None:
    spoken = at.say(body)
    with at.counting() as counts:
        done = at.obey(spoken)
    assert (done.reviewed.delivery, done.reactions) == (PostStatus.NOTHING, [])
    assert (counts.reads, counts.writes) == (0, 0)


@pytest.mark.parametrize("kind", ["edited", "bot", "closed", "issue"])
def test_attack__an_event_that_is_no_new_comment_of_a_person(at: Stage, kind: str) -> None:
    spoken = at.say("/testsmith apply 1", by="renovate[bot]" if kind == "bot" else "ada")
    payload = spoken.event.payload
    if kind == "edited":
        payload["action"] = "edited"
    elif kind == "closed":
        payload["issue"]["state"] = "closed"
    elif kind == "issue":
        del payload["issue"]["pull_request"]
    with at.counting() as counts:
        at.obey(spoken)
    assert (counts.reads, counts.writes) == (0, 0)


def test_attack__a_pull_request_closed_meanwhile(at: Stage) -> None:
    spoken = at.say("/testsmith apply 1")
    at.github.close(at.shop, at.pull)
    assert at.obey(spoken).reviewed.delivery is PostStatus.NOTHING
    assert committed(at) == ""


def test_attack__a_bare_word_in_somebody_elses_thread(at: Stage) -> None:
    mine = comment_of(at, "size")
    other = at.github.reply(at.pull, mine, "mallory", mine.body)
    other.reply_to = None
    done = at.command("apply", in_thread=other)
    assert (done.reactions, committed(at)) == ([], "")


def test_attack__a_marker_pasted_by_another_person(at: Stage) -> None:
    mine = comment_of(at, "size")
    evil = mine.body.replace("assert", "import os; assert")
    at.github.say(at.pull, "mallory", summary(at).replace("assert", "import os; assert"))
    at.github.reply(at.pull, mine, "mallory", evil)
    assert at.command("/testsmith apply 2").reactions == ["eyes", "rocket"]
    assert "def test_size" in committed(at)
    assert "import os" not in committed(at)


@pytest.mark.parametrize("place", ["comment", "summary"])
def test_attack__a_comment_edited_by_somebody_who_may_no_longer_write(at: Stage, place: str) -> None:
    user = at.github.world.user("mallory")
    edited = comment_of(at, "size") if place == "comment" else at.summaries()[0]
    edited.edit(edited.body.replace("assert", "import os; assert"), user, 0.0)
    done = at.command("/testsmith apply 2")
    assert (done.reactions, committed(at)) == (["eyes", "confused"], "")
    told = "mallory, who has no write access" if place == "comment" else "2: no such suggestion"
    assert told in done.answers[0]


def test_attack__a_push_before_the_command_is_looked_at(at: Stage) -> None:
    spoken = at.say("/testsmith apply 1 2")
    at.push({"shop/cart.py": module("size", "drop")})
    done = at.obey(spoken)
    assert done.reactions == ["eyes", "confused"]
    assert "1: it no longer passes the proof" in done.answers[0]
    assert "def test_size" in committed(at)
    assert "def test_add" not in committed(at)


def test_attack__a_push_between_the_proof_and_the_commit(at: Stage) -> None:
    at.while_proving = partial(push_once, at)
    done = at.command("/testsmith apply 1 2")
    assert (done.reactions, committed(at)) == (["eyes", "confused"], "")
    assert "new head" in done.answers[0]


def push_once(at: Stage) -> None:
    at.while_proving = lambda: None
    at.push({"shop/cart.py": module("size", "drop")})


def test_a_push_that_breaks_nothing__is_proven_again_and_committed(at: Stage) -> None:
    def push() -> None:
        at.while_proving = lambda: None
        at.push({"README.md": "newer\n"})

    at.while_proving = push
    done = at.command("/testsmith apply 1 2")
    assert (done.answers, done.reactions) == ([], ["eyes", "rocket"])
    assert at.looked_at == ["add", "size"] * 2
    assert "def test_size" in committed(at)


def test_a_push_at_each_proof__commits_nothing(at: Stage) -> None:
    pushes = iter(range(9))
    at.while_proving = lambda: at.push({"README.md": f"{next(pushes)}\n"})
    done = at.command("/testsmith apply 1 2")
    assert (done.reactions, committed(at)) == (["eyes", "confused"], "")
    assert "changed twice" in done.answers[0]
    assert "def test_size" in done.answers[0], "the patch"


PUSHED = {"shop/cart.py": module("add", "size", "drop", "fresh")}


def test_a_review_that_apply_overtakes__reports_all_the_same(at: Stage) -> None:
    def apply() -> None:
        at.while_proving = lambda: None
        at.command("/testsmith apply 1")

    at.push(PUSHED)
    at.while_proving = apply
    assert at.run(action="synchronize").delivery is PostStatus.POSTED
    assert "def test_add" in committed(at)
    assert "fresh" in at.proposed()
    assert "Committed in" in summary(at)


def test_a_review_that_apply_has_overtaken__looks_at_the_commit(at: Stage) -> None:
    at.push(PUSHED)
    event = at.event()
    at.command("/testsmith apply 1\n/testsmith apply 2")
    at.looked_at.clear()
    assert at.review(event).delivery is PostStatus.POSTED
    assert (at.looked_at, "fresh" in at.proposed()) == (["fresh"], True)


@pytest.mark.parametrize("is_ours", [False, True])
def test_a_review_that_a_person_overtakes__leaves_it_to_their_run(at: Stage, *, is_ours: bool) -> None:
    at.push(PUSHED)
    event = at.event()
    if is_ours:
        at.command("/testsmith apply 1")
    at.push({"README.md": "newer\n"})
    assert at.review(event).delivery is PostStatus.HEAD_MOVED
    assert "fresh" not in at.proposed()


def test_attack__200_commands_in_a_comment(at: Stage) -> None:
    done = at.command("/testsmith apply 1\n" * 200)
    (answer,) = done.answers
    assert "200 commands" in answer
    assert (done.reactions, committed(at)) == (["eyes", "confused"], "")


def test_attack__a_job_that_is_run_again(at: Stage) -> None:
    spoken = at.say("/testsmith explain 1")
    at.obey(spoken)
    again = at.obey(spoken)
    assert (again.answers, again.reviewed.delivery) == ([], PostStatus.NOTHING)


def test_two_runs_at_once__both_rejections_are_remembered(at: Stage) -> None:
    other = at.say("/testsmith reject 1", by="mia")
    (kept,) = at.summaries()
    at.github.before(f"PATCH /repos/octo/shop/issues/comments/{kept.id}", lambda: at.obey(other))
    at.command("/testsmith reject 2")
    assert len(remembered(at).rejected) == 2
    assert "Rejected: 1, 2." in summary(at)


def test_two_runs_at_once__commit_each_once(at: Stage) -> None:
    other = at.say("/testsmith apply 2", by="mia")

    def meanwhile() -> None:
        at.while_proving = lambda: None
        at.obey(other)

    at.while_proving = meanwhile
    assert at.command("/testsmith apply 1").reactions == ["eyes", "rocket"]
    assert committed(at).count("def test_add") == committed(at).count("def test_size") == 1


def small_token(at: Stage) -> Token:
    return at.github.token(at.shop, {"contents": "read", "pull_requests": "read"})


def test_attack__a_token_that_may_only_read(at: Stage) -> None:
    done = at.command("/testsmith reject 1", token=small_token(at))
    assert (done.reviewed.delivery, done.reactions) == (PostStatus.NOT_ALLOWED, [])
    assert done.reviewed.missing == ("pull-requests: write",)


def test_attack__a_token_that_may_not_write_contents(at: Stage) -> None:
    done = at.command("/testsmith apply 1", token=at.github.token(at.shop, PERMISSIONS))
    assert done.reactions == ["eyes", "confused"]
    assert "contents: write" in done.answers[0]
    assert "def test_add" in done.answers[0], "the patch"


def test_attack__a_forks_owner_commands(tmp_path: Path) -> None:
    with stage(tmp_path, HEAD) as at:
        at.shop.collaborators.update(ada="write")
        fork = at.github.fork(at.shop, "bob")
        at.pull = at.github.pull_request(at.shop, head="change", source=fork, author="bob")
        at.token = at.github.token(at.shop, WRITING)
        assert at.command("/testsmith suggest", by="bob").reactions == ["confused"]
        assert at.command("/testsmith suggest").reactions == ["eyes", "rocket"]
        assert at.command("/testsmith apply 1", by="bob").reactions == ["confused"]
        done = at.command("/testsmith apply 1")
        assert done.reactions == ["eyes", "confused"]
        assert "git apply" in done.answers[0]
        event = Events(at.github).review_comment(at.shop, at.pull, comment_of(at, "add"))
        assert event.payload["pull_request"]["head"]["repo"]["full_name"] == "bob/shop"


def test_attack__a_push_to_a_fork_after_the_comment(tmp_path: Path) -> None:
    """Whoever commands has looked at other code than what would be run."""
    with stage(tmp_path, HEAD) as at:
        at.shop.collaborators.update(ada="write")
        fork = at.github.fork(at.shop, "bob")
        at.pull = at.github.pull_request(at.shop, head="change", source=fork, author="bob")
        at.token = at.github.token(at.shop, WRITING)
        spoken = at.say("/testsmith suggest")
        at.github.commit(fork, "change", {"setup.py": "import os\n"}, by="bob")
        done = at.obey(spoken)
        assert (done.reactions, at.looked_at) == (["eyes", "confused"], [])
        assert f"Review {at.pull.head}, then comment again." in done.answers[0]
        at.clock.advance(1)
        done = at.command("/testsmith suggest")
        assert done.reactions == ["eyes", "rocket"]
        assert f"This is the result for {at.pull.head}, the head of the fork." in done.answers[0]
        assert at.looked_at


@pytest.mark.parametrize(
    "mark", ["answer 7", "run 0123456789abcdef", "summary", "suggestion 1 0123456789abcdef"]
)
def test_attack__a_comment_with_the_bots_own_mark(at: Stage, mark: str) -> None:
    spoken = at.say(f"/testsmith apply 1\n\n<!-- testsmith:{mark} -->")
    with at.counting() as counts:
        done = at.obey(spoken)
    assert (done.reactions, counts.reads, counts.writes) == ([], 0, 0)
    assert "marker of TestSmith's own comments" in done.reviewed.reason


def test_attack__a_comment_by_the_account_that_the_bot_writes_with(at: Stage) -> None:
    at.token = at.github.personal_token("ada")
    done = at.command("/testsmith apply 1")
    assert (done.reactions, committed(at)) == (["eyes", "confused"], "")
    assert "the comment is by ada, the account that TestSmith posts with" in done.reviewed.reason


def test_attack__a_second_summary_by_another_workflow(at: Stage) -> None:
    """All workflows of a repository write as one account."""
    at.push({"README.md": "shop!\n"})
    assert not [note for note in at.run(action="synchronize").notes if "several summary comments" in note]
    at.github.say(at.pull, ACTIONS_BOT, summary(at))
    at.push({"README.md": "shop\n"})
    assert [note for note in at.run(action="synchronize").notes if "several summary comments" in note]


def test_classifier__of_what_is_rejected_is_what_is_read_back() -> None:
    assert Classifier.RESOLVED.lower() == "resolved"

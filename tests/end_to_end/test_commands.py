"""Commands in comments on the example project: processes with all that GitHub gives to them."""

from __future__ import annotations

import pytest

from bot.forge.state import State, decode
from fakes.github.github import Shown
from fakes.shop import Shop

pytestmark = pytest.mark.slow

WRITING = {"contents": "write", "pull_requests": "write"}


def state_of(hosted: Shop) -> State:
    states = (decode(one.body) for one in hosted.pull.comments.values())
    return next(state for state in states if state is not None)


def threads(hosted: Shop) -> dict[int, Shown]:
    """Return the threads by the number that stands in their mark."""
    shown = hosted.github.threads(hosted.repository, hosted.pull)
    return {int(one.comments[0].body.rpartition("testsmith:suggestion ")[2].split()[0]): one for one in shown}


def reactions(hosted: Shop) -> list[list[str]]:
    said = [one for one in hosted.pull.comments.values() if one.user.login == "ada"]
    return [[reaction.content for reaction in one.reactions] for one in said]


def test_commands__from_the_review_to_the_push_after_the_commit(hosted: Shop) -> None:
    hosted.repository.collaborators["ada"] = "write"
    hosted.granted = WRITING
    hosted.run(commands="true")
    before, first = hosted.pull.head, state_of(hosted)
    green = [one.number or 0 for one in first.entries if one.outcome == "suggested"]
    rejected, *applied = green[1], green[0], green[2]
    assert "reply `apply`" in threads(hosted)[green[0]].comments[0].body

    hosted.command(f"/testsmith reject {rejected} not useful")
    assert (threads(hosted)[rejected].is_minimised, threads(hosted)[rejected].is_resolved) == (True, True)
    assert hosted.pull.head == before

    done = hosted.command(f"Good!\n\n/testsmith apply {applied[0]} {applied[1]}")
    assert "Committed" in hosted.pull.comments[min(hosted.pull.comments)].body, done.stdout + done.stderr
    assert hosted.pull.head != before
    assert [threads(hosted)[number].is_resolved for number in applied] == [True, True]
    changed = hosted.repository.git.run("diff", "--name-only", before, hosted.pull.head).decode().split()
    assert changed
    assert all(path.startswith("tests/") for path in changed)
    assert reactions(hosted) == [["eyes", "rocket"]] * 2

    quiet = hosted.run(commands="true")
    assert "The head commit is the bot's own." in quiet.stdout
    hosted.github.commit(hosted.repository, "change", {"docs/notes.md": "A word.\n"})
    posted = {one.id for one in hosted.pull.review_comments.values()}
    hosted.run(commands="true")
    assert {one.id for one in hosted.pull.review_comments.values()} == posted
    summary = hosted.pull.comments[min(hosted.pull.comments)].body
    assert not [number for number in (rejected, *applied) if f"\n| {number} |" in summary]
    assert len(hosted.pull.comments) == len(("summary", "reject", "apply"))


def test_commands__in_a_thread_and_from_one_who_may_not(hosted: Shop) -> None:
    hosted.repository.collaborators.update(ada="write", bob="triage")
    hosted.granted = WRITING
    hosted.run(include="src/shop/stock.py")
    (number, thread), *_ = sorted(threads(hosted).items())
    before = hosted.pull.head
    refused = hosted.command(f"/testsmith apply {number}", by="bob")
    assert hosted.pull.head == before
    assert "may not command" in refused.stdout
    hosted.command("explain", in_thread=thread.comments[0])
    answer = max(hosted.pull.review_comments.values(), key=lambda one: one.id)
    assert "passes 5 of 5" in answer.body or "passes now, 5 of 5" in answer.body
    assert answer.reply_to == thread.comments[0].id
    hosted.command("apply", in_thread=thread.comments[0])
    assert hosted.pull.head != before

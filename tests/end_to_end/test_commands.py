"""Commands in comments on the example project: processes with all that GitHub gives to them."""

from __future__ import annotations

import pytest

from bot.forge.state import State, decode
from fakes.github.github import Shown
from fakes.shop import Shop

pytestmark = pytest.mark.slow

WRITING = {"contents": "write", "pull_requests": "write"}


def state_of(shop: Shop) -> State:
    states = (decode(one.body) for one in shop.pull.comments.values())
    return next(state for state in states if state is not None)


def threads(shop: Shop) -> dict[int, Shown]:
    """Return the threads by the number that stands in their mark."""
    shown = shop.github.threads(shop.repository, shop.pull)
    return {int(one.comments[0].body.rpartition("testsmith:suggestion ")[2].split()[0]): one for one in shown}


def reactions(shop: Shop) -> list[list[str]]:
    said = [one for one in shop.pull.comments.values() if one.user.login == "ada"]
    return [[reaction.content for reaction in one.reactions] for one in said]


def test_commands__from_the_review_to_the_push_after_the_commit(shop: Shop) -> None:
    shop.repository.collaborators["ada"] = "write"
    shop.granted = WRITING
    shop.run(commands="true")
    before, first = shop.pull.head, state_of(shop)
    green = [one.number or 0 for one in first.entries if one.outcome == "suggested"]
    rejected, *applied = green[1], green[0], green[2]
    assert "reply `apply`" in threads(shop)[green[0]].comments[0].body

    shop.command(f"/testsmith reject {rejected} not useful")
    assert (threads(shop)[rejected].is_minimised, threads(shop)[rejected].is_resolved) == (True, True)
    assert shop.pull.head == before

    done = shop.command(f"Good!\n\n/testsmith apply {applied[0]} {applied[1]}")
    assert "Committed" in shop.pull.comments[min(shop.pull.comments)].body, done.stdout + done.stderr
    assert shop.pull.head != before
    assert [threads(shop)[number].is_resolved for number in applied] == [True, True]
    changed = shop.repository.git.run("diff", "--name-only", before, shop.pull.head).decode().split()
    assert changed
    assert all(path.startswith("tests/") for path in changed)
    assert reactions(shop) == [["eyes", "rocket"]] * 2

    quiet = shop.run(commands="true")
    assert "The head commit is the bot's own." in quiet.stdout
    shop.github.commit(shop.repository, "change", {"docs/notes.md": "A word.\n"})
    posted = {one.id for one in shop.pull.review_comments.values()}
    shop.run(commands="true")
    assert {one.id for one in shop.pull.review_comments.values()} == posted
    summary = shop.pull.comments[min(shop.pull.comments)].body
    assert not [number for number in (rejected, *applied) if f"\n| {number} |" in summary]
    assert len(shop.pull.comments) == len(("summary", "reject", "apply"))


def test_commands__in_a_thread_and_from_one_who_may_not(shop: Shop) -> None:
    shop.repository.collaborators.update(ada="write", bob="triage")
    shop.granted = WRITING
    shop.run(include="src/shop/stock.py")
    (number, thread), *_ = sorted(threads(shop).items())
    before = shop.pull.head
    refused = shop.command(f"/testsmith apply {number}", by="bob")
    assert shop.pull.head == before
    assert "may not command" in refused.stdout
    shop.command("explain", in_thread=thread.comments[0])
    answer = max(shop.pull.review_comments.values(), key=lambda one: one.id)
    assert "passes 5 of 5" in answer.body or "passes now, 5 of 5" in answer.body
    assert answer.reply_to == thread.comments[0].id
    shop.command("apply", in_thread=thread.comments[0])
    assert shop.pull.head != before

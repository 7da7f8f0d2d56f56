"""What each command does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from testsmith.forge.commands import Command, Verb
from testsmith.forge.settling import Wishes
from testsmith.placement.plan import Marking
from testsmith.report.replies import explanation, help_words, sentences
from testsmith.report.view import View
from testsmith.review.choosing import Chosen, chosen_by, say_which, told
from testsmith.review.committing import CommitOrder, Committing, commit_proven
from testsmith.review.desk import Desk, Told
from testsmith.review.making import retry, review_again, suggest_these
from testsmith.review.proving import Proven, known_failing, prove_again
from testsmith.review.standing import Stand, Standing


async def obey_one(desk: Desk, command: Command) -> Told:
    """Do what one command says.

    Raises:
        ForgeFailure: The pull request could not be read or written.
        CannotFetch: Its states cannot be had.
    """
    stories: Mapping[Verb, Callable[[Desk, Command], Awaitable[Told]]] = {
        Verb.HELP: _help,
        Verb.SUGGEST: suggest_these,
        Verb.APPLY: _apply,
        Verb.REJECT: _reject,
        Verb.RETRY: retry,
        Verb.EXPLAIN: _explain,
        Verb.IGNORE: partial(_leave_alone, is_ignored=True),
        Verb.RESUME: _resume,
    }
    return await stories[command.verb](desk, command)


async def _help(_desk: Desk, _command: Command) -> Told:
    return Told(words=help_words())


async def _reject(desk: Desk, command: Command) -> Told:
    stand = await desk.stand()
    chosen = chosen_by(desk, command, stand)
    if not chosen.standings:
        return told(chosen) if chosen.troubles else say_which(command)
    contents = frozenset(one.entry.content for one in chosen.standings)
    numbers = ", ".join(str(one.number) for one in chosen.standings)
    words = f"Rejected: {numbers}." if chosen.troubles else ""
    return told(chosen, await desk.remember(Wishes(rejected=contents)), words)


async def _leave_alone(desk: Desk, _command: Command, *, is_ignored: bool) -> Told:
    return told(Chosen(), await desk.remember(Wishes(is_ignored=is_ignored)))


async def _resume(desk: Desk, command: Command) -> Told:
    done = await _leave_alone(desk, command, is_ignored=False)
    return await review_again(desk) if done.is_done else done


async def _explain(desk: Desk, command: Command) -> Told:
    chosen = chosen_by(desk, command, await desk.stand())
    if not chosen.standings:
        return told(chosen) if chosen.troubles else say_which(command)
    if not desk.may_write(desk.task.commander):
        return told(chosen, words=sentences([_remembered(one) for one in chosen.standings]))
    chosen = chosen.without([one for one in chosen.standings if one.code is None], lambda one: one.trouble)
    proven = await prove_again(desk, chosen.standings)
    words = [
        explanation(one.suggestion, one.member, _view(desk))
        for one in proven
        if one.suggestion is not None and one.member is not None
    ]
    return told(_with_unproven(chosen, proven), words="\n\n".join(words))


def _remembered(standing: Standing) -> str:
    """Return what is known without running anything: who may not write has no code run."""
    return f"{standing.number}: `{standing.entry.member}`, {standing.entry.shown or standing.entry.outcome}."


def _view(desk: Desk) -> View:
    command = ("testsmith", "suggest", "--base", desk.pull.base_ref, *desk.tools.review.repeated)
    return View(project=desk.pull.repository.rpartition("/")[2], command=command, commands=True)


def _with_unproven(chosen: Chosen, proven: Sequence[Proven]) -> Chosen:
    troubles = {one.standing.number: one.trouble for one in proven if one.suggestion is None}
    failed = [one for one in chosen.standings if one.number in troubles]
    return chosen.without(failed, lambda one: f"it does not hold on this head: {troubles[one.number]}")


async def _apply(desk: Desk, command: Command) -> Told:
    stand = await desk.stand()
    chosen = chosen_by(desk, command, stand)
    if not chosen.standings and not chosen.troubles:
        green = tuple(one for one in stand.open() if not one.is_question)
        chosen = Chosen(standings=green, troubles=() if green else ("There is nothing to commit.",))
    chosen = _committable(chosen, stand)
    proven = await prove_again(desk, chosen.standings)
    chosen = _with_unproven(chosen, proven)
    if not chosen.standings:
        return told(chosen)
    return await _commit(desk, chosen, proven)


def _committable(chosen: Chosen, stand: Stand) -> Chosen:
    """Return what may be committed of what is chosen, and say of the others why they may not."""
    memory = stand.memory
    rules: Mapping[str, Callable[[Standing], bool]] = {
        "it is a question, which is never committed": lambda one: one.is_question,
        "it was rejected": lambda one: one.entry.content in memory.rejected,
        "it was committed before": lambda one: one.entry.content in memory.applied,
    }
    reasons = {
        one.number: next((reason for reason, is_left in rules.items() if is_left(one)), one.trouble)
        for one in chosen.standings
    }
    left = [one for one in chosen.standings if reasons[one.number]]
    return chosen.without(left, lambda one: reasons[one.number])


async def _commit(desk: Desk, chosen: Chosen, proven: Sequence[Proven]) -> Told:
    """Commit what is proven; where the branch has gone on, prove it on the new head, once."""

    async def prove(head: str) -> CommitOrder | None:
        await desk.move_to(head)
        again = await prove_again(desk, chosen.standings)
        return await _order(desk, again) if all(one.suggestion for one in again) else None

    made = await commit_proven(desk.tools.forge, await _order(desk, proven), prove)
    committed = {one.number for one in made.suggestions}
    done = frozenset(one.entry.content for one in chosen.standings if one.number in committed)
    left = _uncommitted(chosen, made)
    answer = told(left, words=_where(made, is_partly=bool(left.troubles)))
    if not done or made.commit is None:
        return replace(answer, patch=made.patch)
    place = made.commit.sha if made.follow_up is None else f"#{made.follow_up.number}"
    reviewed = await desk.remember(Wishes(applied=done, place=place))
    follow_up = None if made.follow_up is None else made.follow_up.number
    return replace(answer, reviewed=replace(reviewed, commit=made.commit.sha, follow_up=follow_up))


def _uncommitted(chosen: Chosen, made: Committing) -> Chosen:
    """Return what is wrong with what was chosen and not committed; one reason for all is said once."""
    if made.reason:
        return Chosen(troubles=(*chosen.troubles, made.reason))
    committed = {one.number for one in made.suggestions}
    reasons = {one.member: one.reason for one in made.unplaced}
    left = [one for one in chosen.standings if one.number not in committed]
    return chosen.without(left, lambda one: reasons.get(one.entry.member, "it stands there already"))


async def _order(desk: Desk, proven: Sequence[Proven]) -> CommitOrder:
    begun, tools = await desk.begun(), desk.tools.review
    existing, settings = await desk.existing(), tools.commits(begun.states)
    members = [one.member for one in proven if one.member is not None]
    marking = Marking.of_members(members, tools.drivers, marks=settings.mark_tests)
    return CommitOrder(
        pull=desk.pull,
        head=desk.pull.head_sha,
        suggestions=tuple(one.suggestion for one in proven if one.suggestion is not None),
        tree=begun.states.head_tree,
        drivers=tools.drivers,
        login=existing.viewer.login,
        settings=settings,
        marking=replace(marking, failing=known_failing(proven)),
    )


def _where(made: Committing, *, is_partly: bool) -> str:
    """Return where the tests are, if that is not the branch itself, or what is there if that is not all."""
    numbers = ", ".join(str(one.number) for one in made.suggestions)
    if made.follow_up is not None:
        return f"The tests of {numbers} are in {made.follow_up.url}."
    if made.commit is not None and is_partly:
        return f"Committed in {made.commit.sha}: {numbers}."
    return ""

"""The handler of each comment command, and the verification of posted suggestions on the pinned head."""

from __future__ import annotations

import posixpath
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from testsmith.forge.comment_markers import content_digest
from testsmith.forge.pr_state import StateEntry
from testsmith.forge.reconcile import Decisions, DesiredState
from testsmith.forge.slash_commands import SlashCommand, Verb
from testsmith.model import Candidate, Member, Repair, Report, Suggestion
from testsmith.pipeline import RunOptions
from testsmith.publish import PublishOrder, PublishResult, PublishStatus, publish_for
from testsmith.reporting.pull_requests.replies import explanation, help_words
from testsmith.review.commands.session import (
    Chosen,
    CommandResult,
    CommandSession,
    chosen_by,
    command_result,
    say_which,
)
from testsmith.review.posted_suggestions import PostedSuggestion, PostedSuggestions
from testsmith.review.review_pull_request import review
from testsmith.tasks import in_thread
from testsmith.test_files.plan import Marking

_GONE = "the pull request no longer changes this function"
_LESS = "some of its tests no longer pass the proof"
_MOVED_TWICE = "Nothing was committed: the branch changed twice while the tests were proven. Try again later."


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """The result of verifying a posted suggestion again.

    Attributes:
        posted: The posted suggestion.
        suggestion: The verified suggestion, with its number; None if it failed in any respect.
        member: Its member; None if the member does not exist.
        trouble: Why it failed, as a clause; untrusted text.
        failing: See `Marking.failing`.
    """

    posted: PostedSuggestion
    suggestion: Suggestion | None = None
    member: Member | None = None
    trouble: str = ""
    failing: frozenset[str] | None = None


async def _prove_again(session: CommandSession, suggestions: Iterable[PostedSuggestion]) -> list[Proven]:
    """Verify posted suggestions on the pinned head, exactly as their comments show them.

    Suggestions that a person requested for files outside the change are run separately.
    """
    suggestions = [one for one in suggestions if one.code is not None]
    apart = [one for one in suggestions if one.entry.is_asked]
    found = list[Proven]()
    for group, paths in (
        ([one for one in suggestions if not one.entry.is_asked], ()),
        (apart, tuple(dict.fromkeys(one.entry.member.partition("::")[0] for one in apart))),
    ):
        if group:
            candidates = {
                one.entry.member: Candidate(member=one.entry.member, code=one.code or "", origin=one.origin)
                for one in group
            }
            wanted = RunOptions(candidates=candidates, paths=paths)
            report = await session.run(candidates.__contains__, wanted)
            found += [replace(_proven(one, report), failing=report.failing) for one in group]
    return found


def _known_failing(proven: Iterable[Proven]) -> frozenset[str] | None:
    """Return the failing project tests seen while verifying; None if no tests were run."""
    known = [one.failing for one in proven if one.failing is not None]
    return frozenset[str]().union(*known) if known else None


def _proven(posted: PostedSuggestion, report: Report) -> Proven:
    members: Mapping[str, Member] = {member.id: member for member in report.members}
    member = members.get(posted.entry.member)
    if member is None:
        return Proven(posted=posted, trouble=_GONE)
    for one in report.suggestions:
        if one.member == member.id and content_digest(member.id, one.code) == posted.content:
            return Proven(posted=posted, suggestion=replace(one, number=posted.number), member=member)
    reasons = [one.reason for one in report.skipped if one.member == member.id]
    return Proven(posted=posted, member=member, trouble=reasons[0] if reasons else _LESS)


_OTHERS_WANTED = "A reviewer has asked for other tests of this member: these are not what is wanted."
_EVERYTHING = "."


async def _review_again(session: CommandSession) -> CommandResult:
    """Review the pull request as if it had been pushed to."""
    return command_result(Chosen(), await review(session.review_task(), session.tools.review))


async def _retry(session: CommandSession, command: SlashCommand) -> CommandResult:
    """Generate other tests for the given suggestions; by default for every member without tests."""
    posted = await session.posted()
    chosen = chosen_by(session, command, posted)
    asked = [one for one in chosen.suggestions if one.entry.is_asked]
    chosen = chosen.without(asked, lambda one: f"use `/testsmith suggest {one.entry.member}` for it")
    if chosen.troubles and not chosen.suggestions:
        return command_result(chosen)
    repairs = {one.entry.member: _other_tests(one) for one in chosen.suggestions}
    if not chosen.suggestions:
        repairs = {one.member: _after(one) for one in posted.state.entries if one.number is None}
    return await _generate_again(session, chosen, repairs, command.hint)


def _other_tests(posted: PostedSuggestion) -> Repair:
    code = posted.code or ""
    return Repair(code=code, failures=(("", _OTHERS_WANTED),), normalized_code=code)


def _after(entry: StateEntry) -> Repair:
    return Repair(code="", failures=(("", entry.shown),), normalized_code="")


async def _generate_again(
    session: CommandSession, chosen: Chosen, repairs: Mapping[str, Repair], hint: str
) -> CommandResult:
    """Generate tests for members again, replacing the previous ones."""
    wanted = RunOptions(repairs=repairs, seed=session.task.comment, hint=hint)
    report = await session.run(repairs.__contains__, wanted)
    found = {one.member for one in report.suggestions}
    reasons = {one.member: one.reason for one in report.skipped if one.member in repairs}
    left = (member for member in repairs if member not in found)
    troubles = (
        f"`{member}`: {reasons.get(member, 'the pull request no longer changes it')}." for member in left
    )
    reviewed = await session.post(report, partial(_only_of, members=found))
    return command_result(replace(chosen, troubles=(*chosen.troubles, *troubles)), reviewed)


def _only_of(wanted: DesiredState, members: set[str], *, is_asked: bool = False) -> DesiredState:
    outcomes = (one for one in wanted.outcomes if one.member in members)
    return replace(
        wanted, outcomes=tuple(replace(one, is_asked=is_asked) for one in outcomes), is_complete=False
    )


async def _suggest(session: CommandSession, command: SlashCommand) -> CommandResult:
    """Process the given members, even if unchanged; by default the whole change."""
    if not command.targets and not command.hint:
        return await _review_again(session)
    known = await session.run(lambda _: False)
    touched = {one.id for one in known.members if _is_wanted(one, command)}
    others = [name for name in command.targets if not any(_means(name, one) for one in known.members)]
    parts = list[CommandResult]()
    if touched:
        report = await session.run(touched.__contains__, RunOptions(hint=command.hint))
        parts.append(command_result(Chosen(), await session.post(report, partial(_only_of, members=touched))))
    if others:
        parts.append(await _suggest_untouched(session, known, others, command.hint))
    return _together(parts)


def _is_wanted(member: Member, command: SlashCommand) -> bool:
    """Return whether a command is about a member of the change; without names it is about all."""
    return not command.targets or any(_means(name, member) for name in command.targets)


def _means(name: str, member: Member) -> bool:
    """Return whether a typed name means a member: its id, its name, or its file or folder."""
    path = posixpath.normpath(name)
    return (
        name in {member.id, member.name}
        or member.name.startswith(f"{name}.")
        or path == member.path
        or member.path.startswith(f"{path}/")
    )


async def _suggest_untouched(
    session: CommandSession, known: Report, names: Sequence[str], hint: str
) -> CommandResult:
    """Process members outside the change."""
    tree = (await session.checked_out()).states.head_tree
    files = tuple(name for name in names if tree.entry(posixpath.normpath(name)) is not None)
    paths = (*files, *(() if len(files) == len(names) else (_EVERYTHING,)))
    report = await session.run(lambda _: True, RunOptions(paths=paths, only=tuple(names), hint=hint))
    members = {one.id for one in report.members}
    both = replace(report, members=(*known.members, *report.members), base=known.base)
    reviewed = await session.post(both, partial(_only_of, members=members, is_asked=True))
    missing = (f"`{one.path}`: {one.reason}." for one in report.skipped if one.member is None)
    return command_result(Chosen(troubles=tuple(missing)), reviewed)


def _together(parts: Sequence[CommandResult]) -> CommandResult:
    last = next((one.reviewed for one in reversed(parts) if one.reviewed is not None), None)
    words = "\n\n".join(one.words for one in parts if one.words)
    return CommandResult(is_done=all(one.is_done for one in parts), words=words, reviewed=last)


async def handle_command(session: CommandSession, command: SlashCommand) -> CommandResult:
    """Run one command.

    Raises:
        ForgeFailure: The pull request could not be read or written.
        CannotFetch: Its commits could not be fetched.
    """
    return await _HANDLERS[command.verb](session, command)


async def _help(_session: CommandSession, _command: SlashCommand) -> CommandResult:
    return CommandResult(words=help_words())


async def _reject(session: CommandSession, command: SlashCommand) -> CommandResult:
    posted = await session.posted()
    chosen = chosen_by(session, command, posted)
    if not chosen.suggestions:
        return command_result(chosen) if chosen.troubles else say_which(command)
    contents = frozenset(one.entry.content for one in chosen.suggestions)
    numbers = ", ".join(str(one.number) for one in chosen.suggestions)
    words = f"Rejected: {numbers}." if chosen.troubles else ""
    return command_result(chosen, await session.remember(Decisions(rejected=contents)), words)


async def _leave_alone(session: CommandSession, _command: SlashCommand, *, is_ignored: bool) -> CommandResult:
    return command_result(Chosen(), await session.remember(Decisions(is_ignored=is_ignored)))


async def _resume(session: CommandSession, command: SlashCommand) -> CommandResult:
    done = await _leave_alone(session, command, is_ignored=False)
    return await _review_again(session) if done.is_done else done


async def _explain(session: CommandSession, command: SlashCommand) -> CommandResult:
    chosen = chosen_by(session, command, await session.posted())
    if not chosen.suggestions:
        return command_result(chosen) if chosen.troubles else say_which(command)
    chosen = chosen.without([one for one in chosen.suggestions if one.code is None], lambda one: one.trouble)
    proven = await _prove_again(session, chosen.suggestions)
    states = (await session.checked_out()).states
    view = session.tools.review.view(session.pull.repository, session.pull.base_ref, states)
    words = [
        explanation(one.suggestion, one.member, view)
        for one in proven
        if one.suggestion is not None and one.member is not None
    ]
    return command_result(_with_unproven(chosen, proven), words="\n\n".join(words))


def _with_unproven(chosen: Chosen, proven: Sequence[Proven]) -> Chosen:
    troubles = {one.posted.number: one.trouble for one in proven if one.suggestion is None}
    failed = [one for one in chosen.suggestions if one.number in troubles]
    return chosen.without(failed, lambda one: f"it no longer passes the proof: {troubles[one.number]}")


async def _apply(session: CommandSession, command: SlashCommand) -> CommandResult:
    posted = await session.posted()
    chosen = chosen_by(session, command, posted)
    if not chosen.suggestions and not chosen.troubles:
        green = tuple(one for one in posted.open() if not one.is_question)
        chosen = Chosen(suggestions=green, troubles=() if green else ("There is nothing to commit.",))
    chosen = _committable(chosen, posted)
    proven = await _prove_again(session, chosen.suggestions)
    chosen = _with_unproven(chosen, proven)
    if not chosen.suggestions:
        return command_result(chosen)
    return await _commit(session, chosen, proven)


def _committable(chosen: Chosen, posted: PostedSuggestions) -> Chosen:
    """Return the suggestions that may be committed; the others get a reason."""
    state = posted.state
    rules: Mapping[str, Callable[[PostedSuggestion], bool]] = {
        "questions are not committed": lambda one: one.is_question,
        "it was rejected": lambda one: one.entry.content in state.rejected,
        "it was already committed": lambda one: one.entry.content in state.applied,
    }
    reasons = {
        one.number: next((reason for reason, is_left in rules.items() if is_left(one)), one.trouble)
        for one in chosen.suggestions
    }
    left = [one for one in chosen.suggestions if reasons[one.number]]
    return chosen.without(left, lambda one: reasons[one.number])


async def _commit(session: CommandSession, chosen: Chosen, proven: Sequence[Proven]) -> CommandResult:
    """Commit verified suggestions; if the branch has moved, verify them on the new head, once."""
    forge = session.tools.forge
    made = await in_thread(publish_for, forge, await _order(session, proven), session.pull)
    if made.status is PublishStatus.MOVED:
        await session.move_to(made.found)
        again = await _prove_again(session, chosen.suggestions)
        if all(one.suggestion for one in again):
            made = await in_thread(publish_for, forge, await _order(session, again), session.pull)
            if made.status is PublishStatus.MOVED:
                made = replace(made, status=PublishStatus.RACE_LOST, reason=_MOVED_TWICE)
    committed = {one.number for one in made.suggestions}
    done = frozenset(one.entry.content for one in chosen.suggestions if one.number in committed)
    left = _uncommitted(chosen, made)
    answer = command_result(left, words=_where(made, is_partly=bool(left.troubles)))
    if not done or not made.commit:
        return replace(answer, patch=made.patch)
    reviewed = await session.remember(Decisions(applied=done, place=made.place))
    follow_up = None if made.pull is None else made.pull.number
    return replace(answer, reviewed=replace(reviewed, commit=made.commit, follow_up=follow_up))


def _uncommitted(chosen: Chosen, made: PublishResult) -> Chosen:
    """Add why suggestions were not committed; a reason shared by all is given once."""
    if made.reason:
        return Chosen(troubles=(*chosen.troubles, made.reason))
    committed = {one.number for one in made.suggestions}
    reasons = {one.member: one.reason for one in made.unplaced}
    left = [one for one in chosen.suggestions if one.number not in committed]
    return chosen.without(left, lambda one: reasons.get(one.entry.member, "it is already there"))


async def _order(session: CommandSession, proven: Sequence[Proven]) -> PublishOrder:
    states, tools = (await session.checked_out()).states, session.tools.review
    settings = tools.commits(states)
    members = [one.member for one in proven if one.member is not None]
    marking = Marking.of_members(members, tools.languages, marks=settings.mark_tests)
    return PublishOrder(
        head=session.pull.head_sha,
        suggestions=tuple(one.suggestion for one in proven if one.suggestion is not None),
        tree=states.head_tree,
        languages=tools.languages,
        settings=settings,
        marking=replace(marking, failing=_known_failing(proven)),
    )


def _where(made: PublishResult, *, is_partly: bool) -> str:
    """Return where the tests are, unless on the branch itself, and what was committed if only a part was."""
    numbers = ", ".join(str(one.number) for one in made.suggestions)
    if made.pull is not None:
        return f"The tests of {numbers} are in {made.pull.url}."
    if made.commit and is_partly:
        return f"Committed in {made.commit}: {numbers}."
    return ""


_HANDLERS: Mapping[Verb, Callable[[CommandSession, SlashCommand], Awaitable[CommandResult]]] = {
    Verb.HELP: _help,
    Verb.SUGGEST: _suggest,
    Verb.APPLY: _apply,
    Verb.REJECT: _reject,
    Verb.RETRY: _retry,
    Verb.EXPLAIN: _explain,
    Verb.IGNORE: partial(_leave_alone, is_ignored=True),
    Verb.RESUME: _resume,
}

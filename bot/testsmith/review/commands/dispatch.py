"""Run the commands of one comment, from its event to the last reaction.

Check the author's permissions, acknowledge with a reaction, then pin the head commit: everything verified,
posted and committed refers to it. If the head moves meanwhile, suggestions are verified again or the reply
says so. A comment gets at most one reply.

Only two requests precede anything slow: the author's role and the reaction. A bare word is looked up first,
because it is a command only in the thread of a suggestion of the bot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from testsmith.events import HandleCommentCommands
from testsmith.forge.comment_markers import is_same_login
from testsmith.forge.interface import (
    AnsweringForge,
    CommentRef,
    Forbidden,
    ForgeFailure,
    PullRequest,
    Reaction,
)
from testsmith.forge.reconcile import own_answers, own_suggestions
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.forge.slash_commands import COMMANDS, SlashCommand, Verb
from testsmith.git.fetch import CannotFetch
from testsmith.reporting.pull_requests.replies import (
    about,
    help_words,
    misread_words,
    patch_words,
    reply,
    sentences,
    too_many_words,
)
from testsmith.review.commands.handlers import handle_command
from testsmith.review.commands.session import CommandDependencies, CommandResult, CommandSession
from testsmith.settings import Role
from testsmith.tasks import in_thread

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def said(task: HandleCommentCommands) -> CommentRef:
    """Return the comment with the commands."""
    return CommentRef(comment=task.comment, is_on_diff=task.is_on_diff, thread=task.thread)


def reason_not_authorized(task: HandleCommentCommands, forge: AnsweringForge, reading: Role) -> str:
    """Return why a comment's commands are not run; empty if they are, after acknowledging with a reaction.

    Args:
        task: The commands.
        forge: Looks up roles and adds reactions.
        reading: The role required for read-only commands.
    """
    if task.orders.is_shortcut and not _is_in_own_thread(task, forge):
        return "The reply is a bare word, and its thread is none of a suggestion."
    role, needed = forge.role(task.commander), _needed(task, reading)
    if not role.covers(needed):
        forge.react(said(task), Reaction.REFUSED)
        return f"{task.commander} may not command this: it takes `{needed}` here, and the role is `{role}`."
    forge.react(said(task), Reaction.SEEN)
    return ""


def is_what_was_seen(task: HandleCommentCommands, pull: PullRequest) -> bool:
    """Return whether a fork's head is certainly the one that existed when the comment was written.

    The commenter has reviewed a stranger's code, and the stranger may push at any time. Commit dates can be
    forged; the time of the fork's last push cannot. Anyone who can push to the repository itself may run
    commands anyway.
    """
    if (pull.head_repository or "").casefold() == pull.repository.casefold():
        return True
    if task.head_sha is not None and task.head_sha != pull.head_sha:
        return False
    if pull.head_repository is None:  # nobody can push to a deleted repository
        return True
    are_known = _TIME.fullmatch(task.said_at) and _TIME.fullmatch(pull.pushed_at)
    return are_known is not None and pull.pushed_at < task.said_at


def _needed(task: HandleCommentCommands, reading: Role) -> Role:
    is_read_only = all(COMMANDS[command.verb].is_read_only for command in task.orders.commands)
    return reading if is_read_only else Role.WRITE


def _is_in_own_thread(task: HandleCommentCommands, forge: AnsweringForge) -> bool:
    posted = own_suggestions(forge.existing(task.number))
    return any(one.comment.id == task.thread for one in posted)


_OWN_LOGIN = (
    "The comment is by {}, whose token TestSmith writes with, so it could be the bot's own. Give the action "
    "the workflow's token or that of an account of its own, or command from another account."
)


_PUSHED_SINCE = (
    "Not done: the fork was pushed to after this comment, or at the same moment, so its code may not be what "
    "you looked at. Look at {}, then comment again."
)

_OF_COMMIT = "This is about {}, the head of the fork."
_NOT_INSTALLED = (
    " Its project was not installed, because its build code would have run with network. If modules could "
    "not be imported and you accept that, set the action's input `install-forks` to `true`."
)


async def dispatch_commands(task: HandleCommentCommands, tools: CommandDependencies) -> ReviewResult:
    """Run the commands of a comment, if its author is allowed to."""
    try:
        refused = await in_thread(reason_not_authorized, task, tools.forge, tools.reading)
        if refused:
            return ReviewResult(delivery=PostStatus.NOTHING, reason=refused)
        return await _obeyed(task, tools)
    except Forbidden as failure:
        return ReviewResult(
            delivery=PostStatus.NOT_ALLOWED,
            reason=str(failure),
            missing=(failure.permission,),
            is_read_only=task.has_small_token,
        )
    except ForgeFailure as failure:
        return ReviewResult(delivery=PostStatus.FAILED, reason=str(failure))


async def _obeyed(task: HandleCommentCommands, tools: CommandDependencies) -> ReviewResult:
    pull = await in_thread(tools.forge.pull_request, task.number)
    if not pull.is_open:
        return ReviewResult(delivery=PostStatus.NOTHING, reason="The pull request has been closed.")
    existing = await in_thread(tools.forge.existing, task.number)
    if task.comment in own_answers(existing):
        return ReviewResult(delivery=PostStatus.NOTHING, reason="The comment was answered by an earlier run.")
    if is_same_login(task.commander, existing.viewer.login):
        await in_thread(tools.forge.react, said(task), Reaction.REFUSED)
        return ReviewResult(delivery=PostStatus.NOTHING, reason=_OWN_LOGIN.format(task.commander))
    session, orders = CommandSession(task, tools, pull, existing), task.orders
    refusals = [too_many_words(len(orders.lines))] if orders.are_too_many else []
    misread = () if orders.are_too_many else orders.misread
    refusals += [about(line, misread_words(line)) for line in misread]
    results = [(command, await _done(session, command)) for command in _in_order(orders.commands)]
    hints = list[str]()
    is_fork = (pull.head_repository or "").casefold() != pull.repository.casefold()
    if is_fork and any(COMMANDS[command.verb].runs_code for command in orders.commands):
        hints.append(_OF_COMMIT.format(pull.head_sha) + ("" if tools.installs_forks else _NOT_INSTALLED))
    if misread and not any(command.verb is Verb.HELP for command in orders.commands):
        hints.append(help_words())
    told = [
        words for command, one in results for words in (about(command, one.words), patch_words(one.patch))
    ]
    is_done = not refusals and all(one.is_done for _, one in results)
    await in_thread(_reply, session, (*refusals, *told, *hints), is_done)
    return _result(results)


def _reply(session: CommandSession, parts: Sequence[str], is_done: bool) -> None:
    """Post the reply and the final reaction."""
    task, forge = session.task, session.tools.forge
    if any(parts):
        forge.answer(task.number, said(task), reply(task.comment, parts))
    forge.react(said(task), Reaction.DONE if is_done else Reaction.REFUSED)


def _result(results: Sequence[tuple[SlashCommand, CommandResult]]) -> ReviewResult:
    """Return the latest result of posting, with a note about each command."""
    latest = ReviewResult(delivery=PostStatus.POSTED)
    patch, notes = "", list[str]()
    for command, one in results:
        latest, patch = one.reviewed or latest, one.patch or patch
        notes.append(f"{command}: {'done' if one.is_done else 'not done'}")
    return replace(latest, notes=(*latest.notes, *notes), patch=patch or latest.patch)


def _in_order(commands: Iterable[SlashCommand]) -> Sequence[SlashCommand]:
    """Return the commands in order, except that those that move the head come last."""
    return sorted(commands, key=lambda command: command.verb is Verb.APPLY)


async def _done(session: CommandSession, command: SlashCommand) -> CommandResult:
    if COMMANDS[command.verb].runs_code and not is_what_was_seen(session.task, session.pull):
        return CommandResult(is_done=False, words=_PUSHED_SINCE.format(session.pull.head_sha))
    try:
        return await handle_command(session, command)
    except CannotFetch as failure:
        return CommandResult(is_done=False, words=sentences([str(failure)]))
    finally:
        session.just_read = None

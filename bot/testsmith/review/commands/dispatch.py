"""Run the commands of one comment, from its event to the last reaction.

Check the author's permissions, acknowledge with a reaction, then pin the head commit: everything verified,
posted and committed refers to it. If the head moves meanwhile, suggestions are verified again or the reply
says so. A comment gets at most one reply.

Only two requests precede anything slow: the author's role and the reaction. A bare word is looked up first,
because it is a command only in the thread of a suggestion of the bot.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from testsmith.events import HandleCommentCommands
from testsmith.forge.comment_markers import is_same_login
from testsmith.forge.interface import CommentRef, Forbidden, ForgeFailure, PullRequest, Reaction
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


def is_what_was_seen(task: HandleCommentCommands, pull: PullRequest) -> bool:
    """Return whether a fork's head is certainly the one that existed when the comment was written.

    The commenter has reviewed a stranger's code, and the stranger may push at any time. Commit dates can be
    forged; the time of the fork's last push cannot. Anyone who can push to the repository itself may run
    commands anyway.
    """
    if not pull.is_from_fork:
        return True
    if task.head_sha is not None and task.head_sha != pull.head_sha:
        return False
    if pull.head_repository is None:  # nobody can push to a deleted repository
        return True
    are_known = _TIME.fullmatch(task.said_at) and _TIME.fullmatch(pull.pushed_at)
    return are_known is not None and pull.pushed_at < task.said_at


_OWN_LOGIN = (
    "Nothing was done: the comment is by {}, the account that TestSmith posts with, so it could be "
    "TestSmith's own. Give the action the workflow's token or the token of a separate account, or comment "
    "from another account."
)


_PUSHED_SINCE = (
    "Nothing was done: commits were pushed to the fork after this comment or at the same time, so its "
    "code may not be what you reviewed. Review {}, then comment again."
)

_OF_COMMIT = "This is the result for {}, the head of the fork."
_NOT_INSTALLED = (
    " The project was not installed, because its build code would run with network access. If imports "
    "failed and you accept this risk, set the action's input `install-forks` to `true`."
)


class _NothingDone(Exception):
    """No command was run; the message says why."""


async def dispatch_commands(task: HandleCommentCommands, tools: CommandDependencies) -> ReviewResult:
    """Run the commands of a comment: authorize, acknowledge, run, reply."""
    try:
        await in_thread(_authorize, task, tools)
        session = await in_thread(_open_session, task, tools)
        commands = sorted(task.orders.commands, key=_moves_head)
        results = [(command, await _run(session, command)) for command in commands]
        await in_thread(_reply, session, results)
    except _NothingDone as reason:
        return ReviewResult(delivery=PostStatus.NOTHING, reason=str(reason))
    except Forbidden as failure:
        return ReviewResult(
            delivery=PostStatus.NOT_ALLOWED,
            reason=str(failure),
            missing=(failure.permission,),
            is_read_only=task.has_small_token,
        )
    except ForgeFailure as failure:
        return ReviewResult(delivery=PostStatus.FAILED, reason=str(failure))
    return _result(results)


def _authorize(task: HandleCommentCommands, tools: CommandDependencies) -> None:
    """Check the author's role, and acknowledge the comment with a reaction.

    Raises:
        _NothingDone: The comment is not a command, or its author lacks the role.
    """
    forge, orders = tools.forge, task.orders
    if orders.is_shortcut:
        posted = own_suggestions(forge.existing(task.number))
        if not any(one.comment.id == task.thread for one in posted):
            raise _NothingDone("Skipped: one-word commands only work in a suggestion's thread.")
    role = forge.role(task.commander)
    if role is not Role.WRITE:
        forge.react(said(task), Reaction.REFUSED)
        raise _NothingDone(
            f"{task.commander} may not use commands: they require the role `{Role.WRITE}`, and the role "
            f"here is `{role}`."
        )
    forge.react(said(task), Reaction.SEEN)


def _open_session(task: HandleCommentCommands, tools: CommandDependencies) -> CommandSession:
    """Read the pull request and pin its head.

    Raises:
        _NothingDone: It is closed, the comment was answered, or the comment may be the bot's own.
    """
    forge = tools.forge
    pull = forge.pull_request(task.number)
    if not pull.is_open:
        raise _NothingDone("The pull request has been closed.")
    existing = forge.existing(task.number)
    if task.comment in own_answers(existing):
        raise _NothingDone("Skipped: an earlier run answered the comment.")
    if is_same_login(task.commander, existing.viewer.login):
        forge.react(said(task), Reaction.REFUSED)
        raise _NothingDone(_OWN_LOGIN.format(task.commander))
    return CommandSession(task, tools, pull, existing)


def _moves_head(command: SlashCommand) -> bool:
    return command.verb is Verb.APPLY


async def _run(session: CommandSession, command: SlashCommand) -> CommandResult:
    if COMMANDS[command.verb].runs_code and not is_what_was_seen(session.task, session.pull):
        return CommandResult(is_done=False, words=_PUSHED_SINCE.format(session.pull.head_sha))
    try:
        return await handle_command(session, command)
    except CannotFetch as failure:
        return CommandResult(is_done=False, words=sentences([str(failure)]))
    finally:
        session.just_read = None


_Results = Sequence[tuple[SlashCommand, CommandResult]]


def _reply(session: CommandSession, results: _Results) -> None:
    """Post the reply, if there is anything to say, and the final reaction."""
    task, forge, orders = session.task, session.tools.forge, session.task.orders
    misread = () if orders.are_too_many else orders.misread
    refusals = [too_many_words(len(orders.lines))] if orders.are_too_many else []
    refusals += [about(line, misread_words(line)) for line in misread]
    parts = list(refusals)
    for command, one in results:
        parts += [about(command, one.words), patch_words(one.patch)]
    if session.pull.is_from_fork and any(COMMANDS[command.verb].runs_code for command, _ in results):
        not_installed = "" if session.tools.installs_forks else _NOT_INSTALLED
        parts.append(_OF_COMMIT.format(session.pull.head_sha) + not_installed)
    if misread and not any(command.verb is Verb.HELP for command, _ in results):
        parts.append(help_words())
    if any(parts):
        forge.answer(task.number, said(task), reply(task.comment, parts))
    is_done = not refusals and all(one.is_done for _, one in results)
    forge.react(said(task), Reaction.DONE if is_done else Reaction.REFUSED)


def _result(results: _Results) -> ReviewResult:
    """Return the latest result of posting, with a note about each command."""
    latest = ReviewResult(delivery=PostStatus.POSTED)
    patch, notes = "", list[str]()
    for command, one in results:
        latest, patch = one.reviewed or latest, one.patch or patch
        notes.append(f"{command}: {'done' if one.is_done else 'not done'}")
    return replace(latest, notes=(*latest.notes, *notes), patch=patch or latest.patch)

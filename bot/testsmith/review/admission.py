"""Who may command, and what is shown at once to who may.

Before anything slow there are two requests: what the commenter may do, then the reaction. Only a bare word is
looked up first, since it is a command only in the thread of a suggestion of the bot's own.
"""

from __future__ import annotations

import re

from testsmith.events import ObeyCommands
from testsmith.forge.answering import AnsweringForge, Reaction, Said
from testsmith.forge.commands import READING
from testsmith.forge.forge import PullRequest
from testsmith.forge.settling import own_suggestions
from testsmith.settings import Role

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def said(task: ObeyCommands) -> Said:
    """Return the comment that commands."""
    return Said(comment=task.comment, is_on_diff=task.is_on_diff, thread=task.thread)


def why_not_admitted(task: ObeyCommands, forge: AnsweringForge, reading: Role) -> str:
    """Return why a comment is not obeyed; empty where it is, and who wrote it has been shown so.

    Args:
        task: The commands.
        forge: Tells who may what, and shows reactions.
        reading: The role that is enough for what changes nothing.
    """
    if task.orders.is_shortcut and not _is_in_own_thread(task, forge):
        return "The reply is a bare word, and its thread is none of a suggestion."
    role, needed = forge.role(task.commander), _needed(task, reading)
    if not role.covers(needed):
        forge.react(said(task), Reaction.REFUSED)
        return f"{task.commander} may not command this: it takes `{needed}` here, and the role is `{role}`."
    forge.react(said(task), Reaction.SEEN)
    return ""


def is_what_was_seen(task: ObeyCommands, pull: PullRequest) -> bool:
    """Tell whether a fork's head is certainly the one that was there when the comment was written.

    Whoever commands has looked at the code of a stranger, who may push at any moment. The stranger can forge
    the dates of commits, but not when the fork was pushed to. Whoever pushes to the repository itself may
    command anyway.
    """
    if (pull.head_repository or "").casefold() == pull.repository.casefold():
        return True
    if task.head_sha is not None and task.head_sha != pull.head_sha:
        return False
    if pull.head_repository is None:  # nobody can push to a repository that is gone
        return True
    are_known = _TIME.fullmatch(task.said_at) and _TIME.fullmatch(pull.pushed_at)
    return are_known is not None and pull.pushed_at < task.said_at


def _needed(task: ObeyCommands, reading: Role) -> Role:
    verbs = {command.verb for command in task.orders.commands}
    return reading if verbs <= READING else Role.WRITE


def _is_in_own_thread(task: ObeyCommands, forge: AnsweringForge) -> bool:
    posted = own_suggestions(forge.existing(task.number))
    return any(one.comment.id == task.thread for one in posted)

"""Who may command, and what is shown at once to who may.

Before anything slow there are two requests: what the commenter may do, then the reaction. Only a bare word is
looked up first, since it is a command only in the thread of a suggestion of the bot's own.
"""

from __future__ import annotations

from bot.events import ObeyCommands
from bot.forge.answering import AnsweringForge, Reaction, Said
from bot.forge.commands import READING
from bot.forge.settling import own_suggestions
from bot.settings import Role


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


def _needed(task: ObeyCommands, reading: Role) -> Role:
    verbs = {command.verb for command in task.orders.commands}
    return reading if verbs <= READING else Role.WRITE


def _is_in_own_thread(task: ObeyCommands, forge: AnsweringForge) -> bool:
    posted = own_suggestions(forge.existing(task.number))
    return any(one.comment.id == task.thread for one in posted)

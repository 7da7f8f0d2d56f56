"""The commands of one comment, from its event to the last reaction.

Who may is looked up, and who may sees a reaction at once. The head is frozen then: what is proven, posted
and committed is of it, and a push in between is said or proven again. A comment is answered in words at most
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from testsmith.changes.fetching import CannotFetch
from testsmith.events import ObeyCommands
from testsmith.execution.threads import in_thread
from testsmith.forge.answering import Reaction
from testsmith.forge.commands import RUNNING, Command, Misread, Verb
from testsmith.forge.forge import Forbidden, ForgeFailure
from testsmith.forge.marks import is_same_login
from testsmith.forge.reviewed import Delivery, Reviewed
from testsmith.forge.settling import own_answers
from testsmith.report.replies import (
    about,
    help_words,
    misread_words,
    patch_words,
    reply,
    sentences,
    too_many_words,
)
from testsmith.review.admission import is_what_was_seen, said, why_not_admitted
from testsmith.review.desk import CommandTools, Desk, Told
from testsmith.review.obeying import obey_one

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


async def obey(task: ObeyCommands, tools: CommandTools) -> Reviewed:
    """Obey the commands of a comment, as far as who wrote it may command."""
    try:
        refused = await in_thread(why_not_admitted, task, tools.forge, tools.reading)
        if refused:
            return Reviewed(delivery=Delivery.NOTHING, reason=refused)
        return await _obeyed(task, tools)
    except Forbidden as failure:
        return Reviewed(
            delivery=Delivery.NOT_ALLOWED,
            reason=str(failure),
            missing=(failure.permission,),
            is_read_only=task.has_small_token,
        )
    except ForgeFailure as failure:
        return Reviewed(delivery=Delivery.FAILED, reason=str(failure))


async def _obeyed(task: ObeyCommands, tools: CommandTools) -> Reviewed:
    pull = await in_thread(tools.forge.pull_request, task.number)
    if not pull.is_open:
        return Reviewed(delivery=Delivery.NOTHING, reason="The pull request has been closed.")
    desk = Desk(task, tools, pull)
    existing = await desk.existing()
    if task.comment in own_answers(existing):
        return Reviewed(delivery=Delivery.NOTHING, reason="The comment was answered by an earlier run.")
    if is_same_login(task.commander, existing.viewer.login):
        await in_thread(tools.forge.react, said(task), Reaction.REFUSED)
        return Reviewed(delivery=Delivery.NOTHING, reason=_OWN_LOGIN.format(task.commander))
    answer, orders = _Answer(), task.orders
    if orders.are_too_many:
        answer.refuse(too_many_words(len(orders.lines)))
    misread = () if orders.are_too_many else orders.misread
    for line in misread:
        answer.refuse(about(line, misread_words(line)))
    for command in _in_order(orders.commands):
        answer.take(command, await _done(desk, command))
    is_fork = (pull.head_repository or "").casefold() != pull.repository.casefold()
    if is_fork and any(command.verb in RUNNING for command in orders.commands):
        not_installed = "" if tools.installs_forks else _NOT_INSTALLED
        answer.parts.append(_OF_COMMIT.format(pull.head_sha) + not_installed)
    if misread and not any(command.verb is Verb.HELP for command in orders.commands):
        answer.parts.append(help_words())
    return await in_thread(_end, desk, answer)


def _in_order(commands: Iterable[Command]) -> Sequence[Command]:
    """Return commands in their order, but those that move the head last: the others are about this one."""
    return sorted(commands, key=lambda command: command.verb is Verb.APPLY)


async def _done(desk: Desk, command: Command) -> Told:
    if command.verb in RUNNING and not is_what_was_seen(desk.task, desk.pull):
        return Told(is_done=False, words=_PUSHED_SINCE.format(desk.pull.head_sha))
    try:
        return await obey_one(desk, command)
    except CannotFetch as failure:
        return Told(is_done=False, words=sentences([str(failure)]))


@dataclass(slots=True)
class _Answer:
    """What there is to say so far.

    Attributes:
        parts: Words, in Markdown.
        is_done: Whether all was done.
        reviewed: What came of the pull request last; None where nothing was to be done to it.
        notes: Sentences for the log and the job summary.
        patch: What could not be committed.
    """

    parts: list[str] = field(default_factory=list)
    is_done: bool = True
    reviewed: Reviewed | None = None
    notes: list[str] = field(default_factory=list)
    patch: str = ""

    def refuse(self, words: str) -> None:
        """Say why something is not done."""
        self.parts.append(words)
        self.is_done = False

    def take(self, command: Command | Misread, told: Told) -> None:
        """Add what came of a command."""
        self.parts += [about(command, told.words), patch_words(told.patch)]
        self.patch = told.patch or self.patch
        self.is_done = self.is_done and told.is_done
        self.reviewed = told.reviewed or self.reviewed
        self.notes.append(f"{command}: {'done' if told.is_done else 'not done'}")


def _end(desk: Desk, answer: _Answer) -> Reviewed:
    """Say what there is to say, and show that it is over."""
    task, forge = desk.task, desk.tools.forge
    if any(answer.parts):
        forge.answer(task.number, said(task), reply(task.comment, answer.parts))
    forge.react(said(task), Reaction.DONE if answer.is_done else Reaction.REFUSED)
    done = answer.reviewed or Reviewed(delivery=Delivery.POSTED)
    return replace(done, notes=(*done.notes, *answer.notes), patch=answer.patch or done.patch)

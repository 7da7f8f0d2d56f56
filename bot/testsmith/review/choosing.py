"""Which suggestions a command names, and what is told of it. All pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from testsmith.forge.commands import Command
from testsmith.forge.reviewed import Delivery, Reviewed
from testsmith.report.replies import sentences
from testsmith.review.desk import Desk, Told
from testsmith.review.standing import Stand, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The suggestions that a command names.

    Attributes:
        standings: Those that can be had.
        troubles: What is wrong with the others, each a sentence of foreign text.
    """

    standings: tuple[Standing, ...] = ()
    troubles: tuple[str, ...] = ()

    def without(self, standings: Iterable[Standing], trouble: Callable[[Standing], str]) -> Chosen:
        """Return what is chosen without some, each with what is wrong with it."""
        left = tuple(standings)
        return Chosen(
            standings=tuple(one for one in self.standings if one not in left),
            troubles=(*self.troubles, *(f"{one.number}: {trouble(one)}." for one in left)),
        )


def chosen_by(desk: Desk, command: Command, stand: Stand) -> Chosen:
    """Return what a command names: by numbers, or by standing in the thread of a suggestion."""
    numbers = command.numbers or (() if command.is_all else stand.of_comment(desk.task.thread))
    known = tuple(stand.standings[number] for number in numbers if number in stand.standings)
    unknown = (number for number in numbers if number not in stand.standings)
    return Chosen(
        standings=known, troubles=tuple(f"{number}: there is no such suggestion." for number in unknown)
    )


def say_which(command: Command) -> Told:
    """Return what is told of a command that lacks its numbers."""
    return Told(is_done=False, words=sentences([f"Say which, as `/testsmith {command.verb} 2`."]))


def told(chosen: Chosen, reviewed: Reviewed | None = None, words: str = "") -> Told:
    """Return what came of a command; what is wrong is said."""
    troubles = list(chosen.troubles)
    if reviewed is not None and reviewed.delivery is not Delivery.POSTED:
        troubles.append(reviewed.reason)
    parts = (words, sentences(troubles) if troubles else "")
    return Told(is_done=not troubles, words="\n\n".join(part for part in parts if part), reviewed=reviewed)

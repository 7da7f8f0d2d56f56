"""What a forge is asked where a person commands: its nouns and the protocol."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from testsmith.forge.forge import Forge
from testsmith.settings import Role


class Reaction(StrEnum):
    """What is shown below a comment in place of words."""

    SEEN = "eyes"
    DONE = "rocket"
    REFUSED = "confused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A comment that is answered.

    Attributes:
        comment: Its number.
        is_on_diff: Whether it is a comment of a review, rather than one of the conversation.
        thread: The number of the comment that its thread began with; None in the conversation.
    """

    comment: int
    is_on_diff: bool = False
    thread: int | None = None


class AnsweringForge(Forge, Protocol):
    """A forge on which people can be answered. Every method may raise a `ForgeFailure`."""

    def role(self, login: str) -> Role:
        """Return what somebody may do in the repository, whatever a payload says of it."""
        ...

    def react(self, said: Said, reaction: Reaction) -> None:
        """Show a reaction below a comment; doing it twice does no harm."""
        ...

    def answer(self, number: int, said: Said, body: str) -> None:
        """Answer a comment once: in its thread, or in the conversation.

        Args:
            number: The pull request's number.
            said: What is answered.
            body: The answer, which ends in the mark of an answer to that comment.
        """
        ...

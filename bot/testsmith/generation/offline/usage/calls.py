"""Calls of a member that a project makes somewhere, as source text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from testsmith.generation.offline.expressions import Expression, unique


class Where(IntEnum):
    """Where a call stands, the most telling first."""

    DOCUMENTATION = 0
    TESTS = 1
    CODE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedArgument:
    """One argument of a call.

    Attributes:
        name: What it is given by; empty where that is its place.
        value: What is given; None where that cannot be told from the text.
    """

    name: str = ""
    value: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedCall:
    """One call.

    Attributes:
        arguments: Its arguments, those by place first.
        receiver: What makes the object that it is made on; None where there is none, or none is known.
        where: Where it stands.
        fails: Whether an exception is expected of it.
    """

    arguments: tuple[UsedArgument, ...]
    receiver: Expression | None = None
    where: Where = Where.TESTS
    fails: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all of its arguments are known."""
        return all(argument.value is not None for argument in self.arguments)

    def given(self, at: int, name: str) -> Expression | None:
        """Return what a parameter is given; None where it is not given, or that is not known.

        Args:
            at: The parameter's place; -1 for none.
            name: Its name.
        """
        for place, argument in enumerate(self.arguments):
            if argument.name == name or (not argument.name and place == at):
                return argument.value
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How a project uses one member.

    Attributes:
        calls: Its calls, the most telling first.
        objects: What makes the objects of its class, or of the class that it is, the most frequent first.
        others: Calls of the other methods of its class, by name.
    """

    calls: Sequence[UsedCall] = ()
    objects: Sequence[Expression] = ()
    others: Mapping[str, Sequence[UsedCall]] = field(default_factory=dict)

    def values(self, at: int, name: str) -> list[Expression]:
        """Return what a parameter of the member is given, each value once."""
        found = (call.given(at, name) for call in self.calls)
        return unique(value for value in found if value is not None)

"""Changes of a member's source that a good test notices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from testsmith.languages.source import CannotParse
from testsmith.model import Member


class Operator(StrEnum):
    """Kinds of change, most informative to a reviewer first."""

    BOUNDARY = "boundary"
    COMPARISON = "comparison"
    BOOLEAN = "boolean"
    CONDITION = "negated condition"
    ARITHMETIC = "arithmetic"
    OFF_BY_ONE = "off by one"
    CONSTANT = "constant"
    SIGN = "dropped sign"
    RETURN = "return value"
    EXCEPTION = "exception type"
    JUMP = "break and continue"
    STATEMENT = "deleted statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    r"""A text replacement.

    Attributes:
        start: Offset of the first replaced character, in text whose lines end in `\n`.
        end: Offset after the last replaced character.
        text: Replacement text.
    """

    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        """Return the text with the edit applied."""
        return source[: self.start] + self.text + source[self.end :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Outermost function that contains a change, as identified by its code object.

    Attributes:
        name: Plain name.
        line: First line, including decorators.
    """

    name: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A member with one changed syntax node.

    Attributes:
        line: Line of the node.
        words: Description of the change, for example `` `<` to `<=` on line 12 ``.
        operator: Kind of change.
        edit: Edit of the module's text.
        statement: First and last line of the statement, or of its head.
        function: Function that contains it, or None if it runs at import.
    """

    line: int
    words: str
    operator: Operator
    edit: Edit
    statement: tuple[int, int]
    function: Scope | None

    def is_reached_by(self, lines: frozenset[int]) -> bool:
        """Return whether a run that covered these lines executed the statement."""
        first, last = self.statement
        return any(first <= line <= last for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A member replaced by one that only raises or returns.

    Attributes:
        edit: Edit of the module's text.
        function: The function, if the member is one.
    """

    edit: Edit
    function: Scope | None


class Mutator:
    """Changes source files of one language. This class changes nothing, so nothing is proven with it."""

    def text(self, data: bytes) -> str:
        r"""Return a file's text with `\n` line ends and no byte order mark.

        Raises:
            CannotParse: `data` cannot be decoded.
        """
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise CannotParse(f"it is not UTF-8: {error}") from error
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def mutants(
        self,
        text: str,  # noqa: ARG002 - a default
        member: Member,  # noqa: ARG002
        most: int,  # noqa: ARG002
        per_line: int = 2,  # noqa: ARG002
    ) -> tuple[Mutant, ...]:
        """Return the mutants of a member, most informative first. The result is deterministic.

        Args:
            text: The text of the member's file; see `text`.
            member: The member.
            most: Maximum number of mutants.
            per_line: Maximum number of mutants per line, each from a different operator.

        Raises:
            CannotParse: `text` is not valid source in this language.
        """
        return ()

    def taken_away(self, text: str, member: Member) -> Replacement | None:  # noqa: ARG002 - a default
        """Return a replacement of a member that always fails, or None if the text does not contain it.

        Raises:
            CannotParse: `text` is not valid source in this language.
        """
        return None

    def returning_at_once(self, text: str, member: Member) -> tuple[Replacement, ...]:  # noqa: ARG002
        """Return replacements of a member that immediately return an uninformative value; by default, none.

        A test that passes with all of them does not check the member.

        Raises:
            CannotParse: `text` is not valid source in this language.
        """
        return ()


PRIORITY = {operator: rank for rank, operator in enumerate(Operator)}
"""Rank of each operator; the lowest is the most informative."""


def best_of_lines(mutants: Iterable[Mutant], per_line: int) -> Iterator[tuple[int, Mutant]]:
    """Yield the mutants kept for each line, each from a different operator, with their rank on the line."""
    of_lines: dict[int, list[Mutant]] = {}
    for mutant in mutants:
        of_lines.setdefault(mutant.line, []).append(mutant)
    for of_line in of_lines.values():
        best: dict[Operator, Mutant] = {}
        for mutant in sorted(of_line, key=lambda mutant: PRIORITY[mutant.operator]):
            best.setdefault(mutant.operator, mutant)
        yield from enumerate(list(best.values())[:per_line])


def changed_first(mutants: Sequence[Mutant], member: Member, most: int) -> tuple[Mutant, ...]:
    """Return at most some mutants, those of the member's changed lines first, each group spread evenly."""
    changed = [mutant for mutant in mutants if mutant.line in member.changed_lines]
    others = [mutant for mutant in mutants if mutant.line not in member.changed_lines]
    kept = spread(changed, most)
    return (*kept, *spread(others, most - len(kept)))


_Item = TypeVar("_Item")


def spread(items: Sequence[_Item], most: int) -> list[_Item]:
    """Return at most `most` items, spread evenly."""
    if len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]

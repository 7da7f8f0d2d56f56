"""Changes of single nodes of a syntax tree, from which mutants are made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testsmith.languages.mutants import (
    PRIORITY,
    Edit,
    Mutant,
    Operator,
    Scope,
    best_of_lines,
    changed_first,
)
from testsmith.languages.syntax_tree import ParsedText, line_of, text_of
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node

NOTHING = "nothing"
"""Description of a replacement that has no effect."""

_MOST_SNIPPET_CHARACTERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeChange:
    """A node, or a part of one, and its replacement.

    Attributes:
        operator: Kind of change.
        start: Byte offset of what is replaced.
        end: Byte offset after it.
        text: Replacement text.
        old: Description of the original, for readers.
        new: Description of the replacement, for readers.
        line: Line of the change.
    """

    operator: Operator
    start: int
    end: int
    text: str
    old: str
    new: str
    line: int

    def as_mutant(self, file: ParsedText, statement: tuple[int, int], function: Scope | None) -> Mutant:
        """Return the mutant with this change, given the lines of its statement and its function."""
        is_removed = self.new == NOTHING
        return Mutant(
            line=self.line,
            words=f"`{self.old}` removed on line {self.line}"
            if is_removed
            else f"`{self.old}` to `{self.new}` on line {self.line}",
            operator=self.operator,
            edit=Edit(start=file.offset(self.start), end=file.offset(self.end), text=self.text),
            statement=statement,
            function=function,
        )


def snippet(text: str) -> str:
    """Return code as a short single line, to quote in backticks."""
    line = " ".join(text.split()).replace("`", "'")
    short = line if len(line) <= _MOST_SNIPPET_CHARACTERS else line[: _MOST_SNIPPET_CHARACTERS - 3] + "..."
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in short)


def changed_node(operator: Operator, node: Node, text: str, new: str | None = None) -> NodeChange:
    """Return the replacement of a whole node; `new` describes it if its text does not."""
    return NodeChange(
        operator=operator,
        start=node.start_byte,
        end=node.end_byte,
        text=text,
        old=snippet(text_of(node)),
        new=snippet(text) if new is None else new,
        line=line_of(node),
    )


def is_dull_arithmetic(sign: str, left: Node, right: Node, texts: Collection[str]) -> bool:
    """Return whether another arithmetic operator makes no difference, or cannot join texts.

    Args:
        sign: The operator.
        left: The operand before it.
        right: The operand after it.
        texts: Node types of string literals.
    """
    if any(one.type in texts for side in (left, right) for one in _operands(side)):
        return True
    neutral = "0" if sign in {"+", "-", "<<", ">>", ">>>", "|", "^"} else "1"
    return text_of(right) == neutral


def _operands(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        if one.type in {"binary_expression", "parenthesized_expression"}:
            waiting += one.named_children


def selected(found: Iterable[Mutant], member: Member, most: int, per_line: int) -> tuple[Mutant, ...]:
    """Return the most informative mutants: few of each line, those of changed lines first."""
    ranked = sorted(
        best_of_lines(found, per_line), key=lambda one: (one[0], PRIORITY[one[1].operator], one[1].line)
    )
    return changed_first([mutant for _, mutant in ranked], member, most)

"""Where a trial holds literals, and the trial with another text in such a place. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from testsmith.generation.offline.expressions import Expression, Layer
from testsmith.generation.offline.trial import Trial

Value = int | float | str | bytes
Pair = tuple[str, str]
"""The texts of two things that were compared with each other."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A literal in a text.

    Attributes:
        start: Its first character.
        end: The first character behind it.
        value: What it stands for; the number of its items where it is a list of literals.
        items: The texts of its items, where it is such a list; else None.
    """

    start: int
    end: int
    value: Value
    items: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A text of a trial that may hold literals: an argument, or a statement before the call.

    Attributes:
        trial: The trial.
        text: The text.
        name: The argument's name; empty for a statement.
        number: Which argument or statement it is.
        is_argument: Whether it is an argument.
    """

    trial: Trial
    text: str
    name: str
    number: int
    is_argument: bool

    @property
    def leaves(self) -> list[Leaf]:
        """The literals of a text of one line of ASCII, in their order."""
        if not self.text.isascii() or "\n" in self.text:
            return []
        try:
            tree = ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError):
            return []
        return [*_leaves_in(tree, self.text)]

    @property
    def numbers(self) -> list[tuple[Leaf, float]]:
        """The numbers among the literals, with their values."""
        found = [leaf for leaf in self.leaves if leaf.items is None]
        return [(leaf, leaf.value) for leaf in found if isinstance(leaf.value, int | float)]

    def exchanged(self, leaf: Leaf, text: str) -> Trial:
        """Return the trial with another text for a literal."""
        return self.filled(self.text[: leaf.start] + text + self.text[leaf.end :])

    def filled(self, text: str) -> Trial:
        """Return the trial with another text in this place."""
        trial = self.trial
        if not self.is_argument:
            setup = (*trial.setup[: self.number], text, *trial.setup[self.number + 1 :])
            return searched(trial, setup=setup)
        argument = trial.arguments[self.number]
        value = Expression(text, argument.value.imports, Layer.SEARCHED)
        arguments = list(trial.arguments)
        arguments[self.number] = replace(argument, value=value)
        return searched(trial, arguments=tuple(arguments))


def places(trial: Trial) -> list[Place]:
    """Return a trial's places, its arguments first; none where it states more than what comes of its call."""
    if trial.relation is not None or trial.recording is not None:
        return []
    arguments = [
        Place(trial, argument.value.text, argument.name, number, is_argument=True)
        for number, argument in enumerate(trial.arguments)
    ]
    return arguments + [
        Place(trial, text, "", number, is_argument=False) for number, text in enumerate(trial.setup)
    ]


def searched(trial: Trial, **changed: Any) -> Trial:
    """Return a trial with some of it changed; what is documented of it no longer holds."""
    return replace(trial, layer=Layer.SEARCHED, example=None, **changed)


def read_literal(text: str) -> Value | None:
    """Return the value of an operand's text, where that is a plain literal."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, int | float | str | bytes) and not isinstance(value, bool) else None


def number_text(number: float, like: float) -> str:
    """Return a number as a text of the kind that another is of."""
    return repr(int(number)) if isinstance(like, int) else repr(float(number))


def _leaves_in(node: ast.AST, text: str) -> Iterator[Leaf]:
    match node:
        case ast.Constant(value=bool() | None):
            return
        case ast.Constant(value=int() | float() | str() | bytes() as value):
            yield Leaf(node.col_offset, node.end_col_offset or 0, value)
            return
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            yield Leaf(node.col_offset, node.end_col_offset or 0, -value)
            return
        case ast.List(elts=parts) if parts:
            items = tuple(ast.get_source_segment(text, part) or "" for part in parts)
            yield Leaf(node.col_offset, node.end_col_offset or 0, len(parts), items)
    for child in ast.iter_child_nodes(node):
        yield from _leaves_in(child, text)

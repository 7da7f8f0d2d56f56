"""Find the literals of a trial, and replace them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from testsmith.languages.python.explorer.render.expressions import Expression, InputSource
from testsmith.languages.python.explorer.trial import Trial

Value = int | float | str | bytes
Pair = tuple[str, str]
"""Source texts of two compared values."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A literal in a source text.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last character.
        value: Its value; for a list of literals, the number of items.
        items: Source texts of the items of a list of literals, otherwise None.
    """

    start: int
    end: int
    value: Value
    items: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LiteralSite:
    """A source text of a trial that may contain literals: an argument, or a setup statement.

    Attributes:
        trial: The trial.
        text: The source text.
        name: Name of the argument; empty for a statement.
        number: Index of the argument or statement.
        is_argument: Whether it is an argument.
    """

    trial: Trial
    text: str
    name: str
    number: int
    is_argument: bool

    @property
    def leaves(self) -> list[Leaf]:
        """Literals of a single-line ASCII text, in order."""
        if not self.text.isascii() or "\n" in self.text:
            return []
        try:
            tree = ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError):
            return []
        return [*_leaves_in(tree, self.text)]

    @property
    def numbers(self) -> list[tuple[Leaf, float]]:
        """Numeric literals with their values."""
        found = [leaf for leaf in self.leaves if leaf.items is None]
        return [(leaf, leaf.value) for leaf in found if isinstance(leaf.value, int | float)]

    def exchanged(self, leaf: Leaf, text: str) -> Trial:
        """Return the trial with a literal replaced."""
        return self.filled(self.text[: leaf.start] + text + self.text[leaf.end :])

    def filled(self, text: str) -> Trial:
        """Return the trial with this text replaced."""
        trial = self.trial
        if not self.is_argument:
            setup = (*trial.setup[: self.number], text, *trial.setup[self.number + 1 :])
            return searched(trial, setup=setup)
        argument = trial.arguments[self.number]
        value = Expression(text, argument.value.imports, argument.value.layer)
        arguments = list(trial.arguments)
        arguments[self.number] = replace(argument, value=value)
        return searched(trial, arguments=tuple(arguments))


def places(trial: Trial) -> list[LiteralSite]:
    """Return a trial's sites, arguments first; none if it states more than the result of its call."""
    arguments = [
        LiteralSite(trial, argument.value.text, argument.name, number, is_argument=True)
        for number, argument in enumerate(trial.arguments)
    ]
    return arguments + [
        LiteralSite(trial, text, "", number, is_argument=False) for number, text in enumerate(trial.setup)
    ]


def lengths_in(trial: Trial) -> list[int]:
    """Return the lengths of the texts, containers and ranges that a trial spells out."""
    found = set[int]()
    for text in (each.text for each in places(trial)):
        try:
            found.update(map(_length, ast.walk(ast.parse(text))))
        except (SyntaxError, ValueError, RecursionError):
            continue
    return sorted(found - {0})


def _length(node: ast.AST) -> int:
    match node:
        case ast.Constant(value=str() | bytes() as value):
            return len(value)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.Dict(values=parts):
            return len(parts)
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(length))]):
            return length
    return 0


def searched(trial: Trial, **changed: Any) -> Trial:
    """Return a modified copy of a trial, without its documented result, which no longer applies."""
    return replace(trial, layer=InputSource.SEARCHED, example=None, **changed)


def read_literal(text: str) -> Value | None:
    """Return the value of an operand's source text if it is a plain literal."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, int | float | str | bytes) and not isinstance(value, bool) else None


def number_text(number: float, like: float) -> str:
    """Return the source text of a number, in the type of another number."""
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

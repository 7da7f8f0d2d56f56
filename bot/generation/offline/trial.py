"""One call of a member, with all that it needs, as source text: what the explorer runs and a test repeats."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import NamedTuple

from bot.generation.offline.calls import Argument, Pieces, Slot, call_text
from bot.generation.offline.expressions import Imports, Layer, quoted
from bot.languages.driver import DocumentedExample

FILE = "file.txt"
"""The file that a trial on files works on."""


class Relation(NamedTuple):
    """What a call states by being True, instead of by its value.

    Attributes:
        words: What holds, in words for the test's name, as `reverses_encode`.
        idle: An expression that is True where the input shows nothing of it, since nothing happens to it.
    """

    words: str
    idle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One call, with all that it needs.

    Attributes:
        imports: What its text needs.
        setup: Statements before the call; the first makes the object, where there is one.
        pieces: The call's text around its object and arguments.
        receiver: The object's name; empty where there is none.
        arguments: The call's arguments.
        watched: Names of objects that are looked at afterwards.
        probes: Expressions that are looked at afterwards.
        inside: Whether the object that is given is told by what it shows, even where it has a source text.
        layer: Where its inputs come from.
        example: The documented example that it is; None for all others.
        priors: Names of the methods that were called before.
        relation: The relation that it states; None for all others.
    """

    imports: Imports
    setup: tuple[str, ...] = ()
    pieces: Pieces
    receiver: str = ""
    arguments: tuple[Argument, ...] = ()
    watched: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    inside: bool = False
    layer: Layer = Layer.ORDINARY
    example: DocumentedExample | None = None
    priors: tuple[str, ...] = ()
    relation: Relation | None = None

    @property
    def call(self) -> str:
        """The call's text."""
        return call_text(self.pieces, self.receiver, [argument.text() for argument in self.arguments])

    @property
    def text(self) -> str:
        """The whole trial's text, by which equal ones are known."""
        return "\n".join((*self.setup, self.call))

    @property
    def file_content(self) -> str | None:
        """The text of the file that is set up; None where there is none."""
        prefix = f"Path({quoted(FILE)}).write_text("
        first = self.setup[0] if self.setup else ""
        return str(ast.literal_eval(first[len(prefix) : -1])) if first.startswith(prefix) else None

    @property
    def made(self) -> str:
        """The text that makes the object, where nothing else is set up and it is used once; else empty."""
        alone = self.receiver and len(self.setup) == 1 and self.pieces.count(Slot.RECEIVER) <= 1
        return self.setup[0].partition(" = ")[2] if alone else ""

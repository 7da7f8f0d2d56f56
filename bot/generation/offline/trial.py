"""One call of a member, with all that it needs, as source text: what the explorer runs and a test repeats."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from bot.generation.offline.calls import Argument, Pieces, call_text
from bot.generation.offline.expressions import Imports, Layer, quoted
from bot.languages.driver import DocumentedExample

FILE = "file.txt"
"""The file that a trial on files works on."""


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
        """The text that makes the object, where that is all that is set up; else empty."""
        return self.setup[0].partition(" = ")[2] if self.receiver and len(self.setup) == 1 else ""

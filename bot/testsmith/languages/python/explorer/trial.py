"""A trial: one call of a member with its setup as source text, run by the explorer and repeated in a test."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from testsmith.languages.python.explorer.render.call_text import Argument, Pieces, Slot, call_text
from testsmith.languages.python.explorer.render.expressions import Imports, InputSource
from testsmith.languages.source import DocumentedExample

NAPS = "naps"
"""List that records how long a member would have slept."""

FILE = "file.txt"
"""File used in trials on files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One call with its setup.

    Attributes:
        imports: Required imports.
        still: Statements before all others that fix the clock or random values.
        setup: Statements before the call; the first creates the object, if any.
        pieces: Text of the call around its object and arguments.
        receiver: Name of the object; empty for none.
        arguments: Arguments of the call.
        watched: Names of objects observed after the call.
        probes: Expressions observed after the call.
        inside: Whether a returned object is described by its state even if it has a source text.
        layer: Where its inputs come from.
        example: The documented example that it repeats, or None.
        is_shortened: Whether its setup leaves out statements that the docstring shows before the call.
        through: Name of the function that is called to reach the member, if it is another one.
        about: What it shows, for the test's name; empty if the call says that.
        priors: Names of methods called before.
        in_loop: Whether it runs inside a coroutine, so that its text may use `await`.
        enters: Whether a context manager is entered and observed inside the block.
        allowed: Name of an exception class that may be raised; empty for none.
        only_refusals: Whether values are random, so that only exceptions count.
        must_hold: Whether only the value True may be asserted.
    """

    imports: Imports
    still: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    pieces: Pieces
    receiver: str = ""
    arguments: tuple[Argument, ...] = ()
    watched: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    inside: bool = False
    layer: InputSource = InputSource.ORDINARY
    example: DocumentedExample | None = None
    is_shortened: bool = False
    through: str = ""
    about: str = ""
    priors: tuple[str, ...] = ()
    in_loop: bool = False
    enters: bool = False
    allowed: str = ""
    only_refusals: bool = False
    must_hold: bool = False

    @property
    def noted(self) -> tuple[str, ...]:
        """The test's own recording lists; a test always asserts their contents."""
        return (NAPS,) if any(statement.startswith(f"{NAPS} = ") for statement in self.still) else ()

    @property
    def call(self) -> str:
        """Source text of the call."""
        return call_text(self.pieces, self.receiver, [argument.text() for argument in self.arguments])

    @property
    def text(self) -> str:
        """Source text of the whole trial."""
        return "\n".join((*self.still, *self.setup, self.call))

    @property
    def key(self) -> tuple[str, bool, bool]:
        """Key that is equal for equal trials."""
        return self.text, self.in_loop, self.enters

    @property
    def file_content(self) -> str | None:
        """Content of the file that is set up, or None."""
        prefix = "path.write_text("
        written = next((each for each in self.setup if each.startswith(prefix)), None)
        return None if written is None else str(ast.literal_eval(written[len(prefix) : -1]))

    @property
    def is_statement(self) -> bool:
        """Whether its call is a statement, which has no value."""
        try:
            ast.parse(self.call, mode="eval")
        except SyntaxError:
            return True
        return False

    @property
    def stands_alone(self) -> bool:
        """Whether it is too long for a table row."""
        return self.in_loop or self.enters

    @property
    def made(self) -> str:
        """Text that creates the object if it is the only setup and used once; otherwise empty."""
        alone = self.receiver and len(self.setup) == 1 and self.pieces.count(Slot.RECEIVER) <= 1
        return self.setup[0].partition(" = ")[2] if alone else ""

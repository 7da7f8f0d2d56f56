"""One call of a member, with all that it needs, as source text: what the explorer runs and a test repeats."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import NamedTuple

from testsmith.generation.explorer.render.call_text import Argument, Pieces, Slot, call_text
from testsmith.generation.explorer.render.expressions import Imports, InputSource
from testsmith.languages.driver import DocumentedExample

CALLS = "calls"
"""The list in which a function of the test's own notes what it is called with."""

NAPS = "naps"
"""The list that notes how long a member would have slept."""

FILE = "file.txt"
"""The file that a trial on files works on."""


class StatedRelation(NamedTuple):
    """What a call states by being True, instead of by its value.

    Attributes:
        words: What holds, in words for the test's name, such as `reverses_encode`.
        idle: An expression that is True where the input shows nothing of it, since nothing happens to it.
    """

    words: str
    idle: str


class Recording(NamedTuple):
    """A list in which a function of the test's own notes what it is called with.

    Attributes:
        name: The list's name.
        calls: Which function notes, and what it notes, in words for the test's name.
        when: When it does so, in words for the test's name; may be empty.
        under: The decorator that the function stands under, as it is told in words; empty for none.
        fails: Whether the function raises, the first time at least.
    """

    name: str
    calls: str
    when: str = ""
    under: str = ""
    fails: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One call, with all that it needs.

    Attributes:
        imports: What its text needs.
        still: Statements before all others, which hold the clock or chance still.
        setup: Statements before the call; the first makes the object, where there is one.
        pieces: The call's text around its object and arguments.
        receiver: The object's name; empty if there is none.
        arguments: The call's arguments.
        watched: Names of objects that are looked at afterwards.
        probes: Expressions that are looked at afterwards.
        inside: Whether the object that is given is told by what it shows, even where it has a source text.
        layer: Where its inputs come from.
        example: The documented example that it is; None for all others.
        is_shortened: Whether its setup leaves out statements that the docstring shows before its call.
        about: What it shows, in words for the test's name; empty if its call says that.
        priors: Names of the methods that were called before.
        relation: The relation that it states; None for all others.
        in_loop: Whether all of it runs inside one coroutine, in which its text may await.
        enters: Whether an object that can be entered is entered, and told of from inside.
        allowed: The name of an exception's class that may happen to the project; empty for none.
        only_refusals: Whether a value that it gives is by chance, so that only what is refused counts.
        must_hold: Whether nothing but True is to be stated of it.
        recording: What notes the calls of a function that it gives the member; None for nothing.
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
    about: str = ""
    priors: tuple[str, ...] = ()
    relation: StatedRelation | None = None
    in_loop: bool = False
    enters: bool = False
    allowed: str = ""
    only_refusals: bool = False
    must_hold: bool = False
    recording: Recording | None = None

    @property
    def noted(self) -> tuple[str, ...]:
        """The lists of the test's own in which something is noted: a test always states what they hold."""
        naps = (NAPS,) if any(statement.startswith(f"{NAPS} = ") for statement in self.still) else ()
        return naps if self.recording is None else (self.recording.name, *naps)

    @property
    def call(self) -> str:
        """The call's text."""
        return call_text(self.pieces, self.receiver, [argument.text() for argument in self.arguments])

    @property
    def text(self) -> str:
        """The whole trial's text."""
        return "\n".join((*self.still, *self.setup, self.call))

    @property
    def key(self) -> tuple[str, bool, bool]:
        """What equal trials have in common."""
        return self.text, self.in_loop, self.enters

    @property
    def file_content(self) -> str | None:
        """The text of the file that is set up; None if there is none."""
        prefix = "path.write_text("
        written = next((each for each in self.setup if each.startswith(prefix)), None)
        return None if written is None else str(ast.literal_eval(written[len(prefix) : -1]))

    @property
    def is_statement(self) -> bool:
        """Whether its call is no expression, and so gives nothing."""
        try:
            ast.parse(self.call, mode="eval")
        except SyntaxError:
            return True
        return False

    @property
    def stands_alone(self) -> bool:
        """Whether it is too much for a row of a table."""
        return self.in_loop or self.enters or self.recording is not None

    @property
    def made(self) -> str:
        """The text that makes the object, where nothing else is set up and it is used once; else empty."""
        alone = self.receiver and len(self.setup) == 1 and self.pieces.count(Slot.RECEIVER) <= 1
        return self.setup[0].partition(" = ")[2] if alone else ""

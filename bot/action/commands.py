"""Workflow commands: lines in a step's log that GitHub's runner obeys.

The runner reads every line of a step's output. `::name::` counts at a line's beginning, the older `##[name]`
anywhere in a line. So a line of words goes through `safe_line`, and only this module writes commands.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TextIO, cast

from bot.report.prose import visible

SHOWN_ANNOTATIONS = 9
"""How many annotations of one level a step sends: the runner keeps ten, and the tenth tells of the rest."""

_MESSAGE_LIMIT = 4_000
"""Characters of a message; the runner cuts at 4,096."""

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)


class Level(StrEnum):
    """How much an annotation matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A message that GitHub shows on the run's page, and beside the lines where it has a place.

    Attributes:
        message: Plain text; it may have several lines.
        title: A few words above it.
        path: The file, relative to the git root; empty for none.
        line: The first line, counted from 1; None without a path.
        end_line: The last line; None for the first alone.
    """

    level: Level
    message: str
    title: str = "TestSmith"
    path: str = ""
    line: int | None = None
    end_line: int | None = None


def annotation_command(annotation: Annotation) -> str:
    """Return the command that shows an annotation."""
    properties: dict[str, object] = {}
    if annotation.path:
        properties = {"file": annotation.path, "line": annotation.line, "endLine": annotation.end_line}
    return _command(annotation.level, _cut(annotation.message), {**properties, "title": annotation.title})


def _cut(message: str) -> str:
    return message if len(message) <= _MESSAGE_LIMIT else f"{message[: _MESSAGE_LIMIT - 1]}…"


def few(annotations: Iterable[Annotation]) -> tuple[Annotation, ...]:
    """Return no more annotations of a level than are shown; the last one tells how many are left out."""
    order = list(Level)
    by_level = sorted(annotations, key=lambda one: order.index(one.level))
    return tuple(
        kept
        for level, group in groupby(by_level, key=lambda one: one.level)
        for kept in _few_of(level, tuple(group))
    )


def _few_of(level: Level, annotations: Sequence[Annotation]) -> Iterator[Annotation]:
    yield from annotations[:SHOWN_ANNOTATIONS]
    more = len(annotations) - SHOWN_ANNOTATIONS
    if more > 0:
        yield Annotation(level=level, message=f"{more} more; the job summary holds all of them.")


def mask_command(secret: str) -> str:
    """Return the command by which the runner hides a secret in all that the job prints from then on."""
    return _command("add-mask", secret)


@contextmanager
def folded(stream: TextIO, title: str, token: str) -> Iterator[None]:
    """Fold away the log of what is done within, and let the runner obey none of it.

    Args:
        stream: The step's log.
        title: What stands above the fold.
        token: A random word that nobody can guess; it ends the time without commands.
    """
    _write(stream, _command("group", title), _command("stop-commands", token))
    try:
        yield
    finally:
        _write(stream, _command(token, ""), _command("endgroup", ""))


def write_commands(stream: TextIO, commands: Iterable[str]) -> None:
    """Write commands, each on a line."""
    _write(stream, *commands)


def _write(stream: TextIO, *lines: str) -> None:
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()


def _command(name: str, data: str, properties: dict[str, object] | None = None) -> str:
    given = {key: value for key, value in (properties or {}).items() if value is not None}
    told = ",".join(f"{key}={_escaped_property(str(value))}" for key, value in given.items())
    return f"::{name}{f' {told}' if told else ''}::{_escaped(data)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def safe_line(text: str) -> str:
    """Return words as the runner shows them: they hold no command, and nothing invisible."""
    line = visible(text).replace("##[", "# #[")
    return _COMMAND.sub(r"\1: :", line)


def safe_log(stream: TextIO) -> TextIO:
    """Return a stream that writes words to a step's log, and lets no line of them be a command."""
    return cast("TextIO", _SafeLog(stream))  # it has all of a text stream's methods that are in use


class _SafeLog(io.TextIOBase):
    """Writes line by line; the beginning of a line waits for its end, or it could not be judged."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = ""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        *lines, self._begun = _LINE_ENDS.split(self._begun + text)
        self._stream.write("".join(f"{safe_line(line)}\n" for line in lines))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        if self._begun:
            self.write("\n")
        super().close()

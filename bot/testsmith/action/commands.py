"""Workflow commands: lines in a step's log that GitHub's runner obeys.

The runner reads every line of a step's output. `::name::` counts at a line's beginning, the older `##[name]`
anywhere in a line. So a line of words goes through `safe_line`, and only this module writes commands.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import TextIO, cast

from testsmith.report.annotations import Annotation
from testsmith.report.prose import visible

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)


class Level(StrEnum):
    """How much an annotation matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


def annotation_command(level: Level, annotation: Annotation) -> str:
    """Return the command that shows an annotation on the run's page, and beside the lines it is at."""
    place: dict[str, object] = {}
    if annotation.file is not None:
        place = {"file": annotation.file, "line": annotation.start_line, "endLine": annotation.line}
    return _command(level, annotation.message, {**place, "title": annotation.title})


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
    write_commands(stream, (_command("group", title), _command("stop-commands", token)))
    try:
        yield
    finally:
        write_commands(stream, (_command(token, ""), _command("endgroup", "")))


def end_fold(stream: TextIO, token: str) -> None:
    """End a fold whose process was killed, wherever in a line that was."""
    stream.write("\n")
    write_commands(stream, (_command(token, ""), _command("endgroup", "")))


def write_commands(stream: TextIO, commands: Iterable[str]) -> None:
    """Write commands, each on a line."""
    stream.write("".join(f"{command}\n" for command in commands))
    stream.flush()


def _command(name: str, data: str, properties: Mapping[str, object] | None = None) -> str:
    told = ",".join(f"{key}={_escaped_property(str(value))}" for key, value in (properties or {}).items())
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

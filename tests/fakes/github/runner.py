"""How a runner reads what a step says: its log's commands and the files that it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_COMMAND = re.compile(r"\s*::(?P<name>[a-zA-Z-]+)(?: (?P<properties>[^:]*(?:::?[^:]+)*?))?::(?P<data>.*)")
_LEGACY = re.compile(r"##\[(?P<name>[a-z-]+)(?: (?P<properties>[^\]]*))?\](?P<data>.*)")
_KNOWN = frozenset(
    (
        *("add-mask", "add-matcher", "remove-matcher", "add-path", "set-env", "set-output", "save-state"),
        *("debug", "warning", "error", "notice", "group", "endgroup", "echo", "stop-commands"),
    )
)
_ANNOTATIONS = ("error", "warning", "notice")
_ANNOTATIONS_KEPT = 10
_MESSAGE_KEPT = 4_096
SUMMARY_BYTES = 1024 * 1024
"""A step's summary beyond this size is dropped as a whole."""


class BadFile(Exception):
    """A file of commands can't be read; the runner lets the step fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of a step's log."""

    name: str
    properties: dict[str, str]
    data: str


@dataclass
class Log:
    """What a runner understood of a step's output.

    Attributes:
        commands: In their order; what stands between stop-commands is none.
        shown: The log as people read it: masked.
    """

    commands: list[Command] = field(default_factory=list)
    masks: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    _until: str | None = None

    def read(self, text: str) -> None:
        """Read more of the output."""
        for line in text.split("\n"):
            self._read_line(line.removesuffix("\r"))

    def annotations(self, level: str) -> list[Command]:
        """Return the annotations of a level (`error`, `warning`, `notice`) that the runner keeps."""
        return [one for one in self.commands if one.name == level][:_ANNOTATIONS_KEPT]

    @property
    def all_annotations(self) -> list[Command]:
        return [one for level in _ANNOTATIONS for one in self.annotations(level)]

    def _read_line(self, line: str) -> None:
        if self._until is not None:
            if line.strip() == f"::{self._until}::":
                self._until = None
            else:
                self.shown.append(self._masked(line))
            return
        command = parse_command(line)
        if command is None:
            self.shown.append(self._masked(line))
            return
        self.commands.append(command)
        if command.name == "stop-commands":
            self._until = command.data
        elif command.name == "add-mask":
            self.masks += [part for part in {command.data, *command.data.splitlines()} if part]

    def _masked(self, line: str) -> str:
        for mask in self.masks:
            line = line.replace(mask, "***")
        return line


def parse_command(line: str) -> Command | None:
    """Return the command of a line, None where it holds none; old ones count anywhere in a line."""
    found = _COMMAND.match(line) or _LEGACY.search(line)
    if found is None or found["name"].lower() not in _KNOWN:
        return None
    pairs = [part.partition("=") for part in (found["properties"] or "").split(",") if "=" in part]
    properties = {name.strip(): _plain(value, in_property=True) for name, _, value in pairs}
    data = _plain(found["data"])[:_MESSAGE_KEPT]
    return Command(name=found["name"].lower(), properties=properties, data=data)


def parse_file(text: str) -> dict[str, str]:
    """Read a file of names and values, as GITHUB_OUTPUT and GITHUB_ENV are.

    Raises:
        BadFile: A line is neither `NAME=VALUE` nor `NAME<<DELIMITER`, or the delimiter never comes.
    """
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        equals, arrow = line.find("="), line.find("<<")
        if equals >= 0 and (arrow < 0 or equals < arrow):
            found[line[:equals]] = line[equals + 1 :]
        elif arrow > 0:
            found[line[:arrow]] = "\n".join(_up_to(lines, line[arrow + 2 :]))
        else:
            raise BadFile(f"Invalid format {line!r}")
    return found


def _up_to(lines: Iterator[str], delimiter: str) -> list[str]:
    value: list[str] = []
    for line in lines:
        if line == delimiter:
            return value
        value.append(line)
    raise BadFile(f"Matching delimiter not found {delimiter!r}")


def _plain(text: str, *, in_property: bool = False) -> str:
    if in_property:
        text = text.replace("%3A", ":").replace("%2C", ",")
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")

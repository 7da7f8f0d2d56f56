"""What a terminal can show, and how far a run is: a bar, plain lines in a log, or nothing.

Progress goes to the stream it is given, which is stderr: stdout holds the result alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, TextIO

from testsmith.model import Progress
from testsmith.report.prose import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_SECONDS_BETWEEN_LINES = 10.0
_WIDTH_ELSEWHERE = 100
"""Columns where no terminal says how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A stream that a person reads.

    Attributes:
        stream: Where it is written.
        interactive: Whether the stream is a terminal that can redraw a line.
        colour: Whether it shows colours.
        width: Columns.
    """

    stream: TextIO
    interactive: bool
    colour: bool
    width: int = _WIDTH_ELSEWHERE


def terminal_of(stream: TextIO, environment: Mapping[str, str]) -> Terminal:
    """Return what a stream of this process can show; `NO_COLOR` and `TERM=dumb` are obeyed."""
    interactive = stream.isatty() and environment.get("TERM") != "dumb"
    colour = interactive and not environment.get("NO_COLOR")
    return Terminal(stream=stream, interactive=interactive, colour=colour, width=_width(stream))


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _WIDTH_ELSEWHERE
    except (OSError, ValueError):  # no terminal; no file at all
        return _WIDTH_ELSEWHERE


@contextmanager
def open_progress(terminal: Terminal, *, clock: Callable[[], float] = monotonic) -> Iterator[Progress]:
    """Give the progress that fits; at the end, however it comes, the terminal is as it was."""
    if not terminal.interactive:
        yield PlainProgress(terminal.stream, clock)
        return
    with _bars(terminal) as bars:
        yield BarProgress(bars)


class PlainProgress:
    """One line when a phase begins, and one now and then while it lasts."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._name = ""
        self._total = 0
        self._done = 0
        self._told_at = 0.0

    def phase(self, name: str, total: int) -> None:
        """See `Progress.phase`."""
        self._name, self._total, self._done = one_line(name), total, 0
        self._told_at = self._clock()
        self._line(f"{self._name} ({total:,})" if total > 1 else self._name)

    def advance(self, steps: int = 1) -> None:
        """See `Progress.advance`."""
        self._done += steps
        now = self._clock()
        if self._done < self._total and now - self._told_at >= _SECONDS_BETWEEN_LINES:
            self._told_at = now
            self._line(f"{self._name}: {self._done:,} of {self._total:,}")

    def warn(self, message: str) -> None:
        """See `Progress.warn`."""
        self._line(f"warning: {one_line(message)}")

    def _line(self, text: str) -> None:
        print(f"testsmith: {text}", file=self._stream, flush=True)


class BarProgress:
    """A bar for the current phase; it goes when the run is over."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def phase(self, name: str, total: int) -> None:
        """See `Progress.phase`."""
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(one_line(name), total=total)

    def advance(self, steps: int = 1) -> None:
        """See `Progress.advance`."""
        if self._task is not None:
            self._bars.advance(self._task, steps)

    def warn(self, message: str) -> None:
        """See `Progress.warn`."""
        self._bars.console.print(f"testsmith: warning: {one_line(message)}", soft_wrap=True)


def _bars(terminal: Terminal) -> Bars:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(bar_width=30), MofNCompleteColumn(), TimeElapsedColumn())
    console = console_on(terminal)
    return Bars(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)


def console_on(terminal: Terminal) -> Console:
    """Return a console that takes nothing from the environment, and no text for markup."""
    from rich.console import Console

    return Console(
        file=terminal.stream,
        width=terminal.width,
        color_system="standard" if terminal.colour else None,
        force_terminal=terminal.interactive,
        force_jupyter=False,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )

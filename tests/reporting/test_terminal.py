from __future__ import annotations

import fcntl
import os
import re
import struct
import termios
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from testsmith.model import Progress
from testsmith.reporting.terminal import (
    BarProgress,
    PlainProgress,
    Terminal,
    left_words,
    open_progress,
    terminal_of,
)

HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class Screen(StringIO):
    """A terminal in memory."""

    def isatty(self) -> bool:
        return True


def test_plain_progress__tells_when_a_phase_begins() -> None:
    log = StringIO()
    progress = PlainProgress(log, Clock())

    progress.phase("finding changed functions", 1)
    progress.advance()
    progress.phase("running tests", 1200)

    assert log.getvalue() == "testsmith: finding changed functions\ntestsmith: running tests (1,200)\n"


def test_plain_progress__tells_now_and_then_how_far_it_is() -> None:
    log, clock = StringIO(), Clock()
    progress = PlainProgress(log, clock)

    progress.phase("running tests", 100)
    for _second in range(25):
        clock.now += 1
        progress.advance(2)

    assert log.getvalue().split("\n")[1:-1] == [
        "testsmith: running tests: 20 of 100",
        "testsmith: running tests: 40 of 100",
    ]


def test_plain_progress__does_not_tell_the_end() -> None:
    log, clock = StringIO(), Clock()
    progress = PlainProgress(log, clock)

    progress.phase("running tests", 2)
    clock.now += 60
    progress.advance(2)

    assert log.getvalue() == "testsmith: running tests (2)\n"


@pytest.mark.parametrize("interactive", [True, False])
def test_open_progress__warns_without_obeying_the_message(*, interactive: bool) -> None:
    stream = StringIO()

    with open_progress(Terminal(stream=stream, interactive=interactive, color=False)) as progress:
        progress.phase("[bold]phase[/bold]", 2)
        progress.warn("broken [red]file[/red] \x1b]0;title\x07\n::error::x")

    assert r"testsmith: warning: broken [red]file[/red] \x1b]0;title\x07 ::error::x" in stream.getvalue()
    assert "[bold]phase[/bold]" in stream.getvalue()


def test_open_progress__shows_one_bar_over_all_phases() -> None:
    stream, clock = StringIO(), Clock()
    shown = []

    with open_progress(Terminal(stream=stream, interactive=True, color=False), clock=clock) as progress:
        for name, steps in (("making tests", 4), ("running tests", 2), ("running tests", 1)):
            progress.phase(name, steps, 0.5)
            for _step in range(steps):
                clock.now += 2
                progress.advance()
                shown.append(last_line(progress, stream))

    assert [re.findall(r"^(.+?) ?━.+ (\d+)%", line)[0] for line in shown] == [
        ("making tests (1 of 4)", "12"),
        ("making tests (2 of 4)", "25"),
        ("making tests (3 of 4)", "38"),
        ("making tests (4 of 4)", "50"),
        ("running tests (1 of 2)", "62"),
        ("running tests (2 of 2)", "75"),
        ("running tests", "88"),
    ]
    assert shown[1].endswith("about 10 s left")
    assert "\x1b[3" not in stream.getvalue()  # no colors


def last_line(progress: Progress, stream: StringIO) -> str:
    """Return what the bar shows now."""
    assert isinstance(progress, BarProgress)
    progress._bars.refresh()
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]|\r", "\n", stream.getvalue()).split("\n")[-1].rstrip()


def test_open_progress__more_steps_than_announced_do_not_fill_the_bar() -> None:
    stream = StringIO()

    with open_progress(Terminal(stream=stream, interactive=True, color=False)) as progress:
        progress.phase("running tests", 1, 0.5)
        progress.advance(100)
        progress.phase("trying mutants", 0, 0.5)
        progress.advance()

        assert " 50%" in last_line(progress, stream)


@pytest.mark.parametrize(
    ("seconds", "done", "words"),
    [
        (2.9, 0.5, ""),
        (5.0, 0.0, ""),
        (5.0, 0.09, ""),
        (5.0, 0.5, "a few seconds left"),
        (10.0, 0.25, "about 30 s left"),
        (10.0, 0.1, "about 2 min left"),
        (54.0, 0.5, "about 50 s left"),
        (56.0, 0.5, "about 1 min left"),
    ],
)
def test_left_words__is_as_exact_as_the_estimate(seconds: float, done: float, words: str) -> None:
    assert left_words(seconds, done) == words


def test_open_progress__without_a_phase_is_harmless() -> None:
    with open_progress(Terminal(stream=StringIO(), interactive=True, color=False)) as progress:
        progress.advance()


def test_open_progress__leaves_the_terminal_as_it_was_however_it_ends() -> None:
    stream = StringIO()

    with (
        suppress(KeyboardInterrupt),
        open_progress(Terminal(stream=stream, interactive=True, color=True)) as progress,
    ):
        progress.phase("running tests", 7)
        raise KeyboardInterrupt

    assert stream.getvalue().count(HIDDEN) == stream.getvalue().count(SHOWN) == 1
    assert re.search(r"\x1b\[2K$", stream.getvalue())  # the bar is wiped


@pytest.mark.parametrize(
    ("environment", "interactive", "color"),
    [
        ({}, True, True),
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
    ],
)
def test_terminal_of__obeys_the_environment(
    environment: dict[str, str], *, interactive: bool, color: bool
) -> None:
    terminal = terminal_of(Screen(), environment)

    assert (terminal.interactive, terminal.color, terminal.width) == (interactive, color, 100)


def test_terminal_of__a_file_is_none(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        terminal = terminal_of(stream, {"TERM": "xterm"})

    assert (terminal.interactive, terminal.color, terminal.width) == (False, False, 100)


def test_terminal_of__asks_a_real_terminal_for_its_width() -> None:
    leader, follower = os.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(follower, "w") as stream:
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 72, 0, 0))
        terminal = terminal_of(stream, {})

    assert (terminal.interactive, terminal.width) == (True, 72)

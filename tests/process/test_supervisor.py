"""The bot is ended when its time is over, whatever keeps it busy; nothing else changes by its supervisor."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fakes.running import Running, orphanage
from testsmith.execution.sandbox.linux import processes
from testsmith.process.supervisor import SupervisedEnding, seconds_allowed

STAND_IN = """\
import json, os, signal, subprocess, sys, time
from dataclasses import asdict
from testsmith.process import supervisor
from testsmith.process.supervisor import LINK

def say(word):
    os.write(2, word.encode() + b"\\n")  # a signal handler must not print while the program does

supervisor.SECONDS_TO_REACT = 3.0
ending = supervisor.supervised((signal.SIGTERM, signal.SIGINT), 60.0)
if ending is None:
    {work}
    sys.exit(0)
print(json.dumps(asdict(ending)))
"""
"""A program that is supervised as the bot is."""

BUSY = "3 ** (10 ** 9)"
"""Code in C that takes hours and holds the interpreter's lock."""


@contextmanager
def supervised(folder: Path, *work: str) -> Iterator[Running]:
    code = STAND_IN.format(work="\n    ".join(work))
    running = Running((sys.executable, "-c", code), dict(os.environ), folder)
    try:
        yield running
    finally:
        running.close()


def ending(running: Running) -> dict[str, Any]:
    assert running.wait() == 0, running.stderr
    found: dict[str, Any] = json.loads(running.stdout)
    return found


@pytest.mark.parametrize("work", [BUSY, f"signal.signal(signal.SIGTERM, signal.SIG_IGN); {BUSY}"])
def test_supervised__what_holds_the_lock_is_ended_when_its_time_is_over(tmp_path: Path, work: str) -> None:
    with orphanage() as orphans, supervised(tmp_path, "LINK.allow(0.2)", "LINK.use('k /c')", work) as running:
        found = ending(running)
        assert orphans.left(0.0) == []
    assert found["is_late"]
    assert found["code"] in {-signal.SIGTERM, -signal.SIGKILL}
    assert found["used"] == ["k /c"]
    assert not found["prints"]


def test_supervised__what_a_killed_bot_leaves_behind_is_ended_too(tmp_path: Path) -> None:
    daemon = "subprocess.Popen(['sleep', '600'], start_new_session=True)"
    ignoring = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    with orphanage() as orphans, supervised(tmp_path, daemon, ignoring, "LINK.allow(0.1)", BUSY) as running:
        assert ending(running)["code"] == -signal.SIGKILL
        assert orphans.left(0.0) == []


def test_supervised__its_exit_code_and_streams_are_the_bots(tmp_path: Path) -> None:
    with supervised(tmp_path, "say('here')", "LINK.print()", "sys.exit(7)") as running:
        found = ending(running)
    assert running.stderr == "here\n"
    assert (found["code"], found["prints"], found["is_late"], found["signal"]) == (7, True, False, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_supervised__a_signal_reaches_the_bot_once(tmp_path: Path, number: signal.Signals) -> None:
    work = (
        "asked = []",
        f"signal.signal({int(number)}, lambda *_: (asked.append(1), say('asked')))",
        "say('ready')",
        "while not asked: time.sleep(0.02)",  # a `pause` would miss a signal that comes before it
        "time.sleep(0.3)",
        "sys.exit(5)",
    )
    with supervised(tmp_path, *work) as running:
        running.wait_until_told("ready")
        running.send(number)
        found = ending(running)
    assert running.stderr == "ready\nasked\n"
    assert (found["code"], found["signal"]) == (5, number)


def test_supervised__a_bot_that_does_not_react_to_a_signal_is_killed(tmp_path: Path) -> None:
    work = ("signal.signal(signal.SIGTERM, lambda *_: say('asked'))", "say('ready')", BUSY)
    with supervised(tmp_path, *work) as running:
        running.wait_until_told("ready")
        running.send(signal.SIGTERM)
        found = ending(running)
    assert (found["code"], found["signal"], found["is_late"]) == (-signal.SIGKILL, signal.SIGTERM, False)


def test_supervised__the_bot_ends_with_its_supervisor(tmp_path: Path) -> None:
    with orphanage() as orphans, supervised(tmp_path, "say('ready')", BUSY) as running:
        running.wait_until_told("ready")
        running.send(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
        assert orphans.left(10.0) == []


def test_supervised__stops_and_goes_on_together(tmp_path: Path) -> None:
    def state(pid: int) -> str:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    with supervised(tmp_path, "say('ready')", "sys.stdin.read()", "time.sleep(600)") as running:
        running.wait_until_told("ready")
        (bot,) = processes.descendants(running.pid)
        running.send(signal.SIGTSTP)
        _wait_for(lambda: state(running.pid) == "T" and state(bot) == "T")
        running.send(signal.SIGCONT)
        _wait_for(lambda: state(running.pid) != "T" and state(bot) != "T")


def test_supervised__the_time_in_which_it_is_stopped_does_not_count(tmp_path: Path) -> None:
    work = ("LINK.allow(8.0)", "say('ready')", "time.sleep(2)", "say('done')")
    with supervised(tmp_path, *work) as running:
        running.wait_until_told("ready")
        running.send(signal.SIGTSTP)
        time.sleep(9)
        running.send(signal.SIGCONT)
        found = ending(running)
        assert (found["code"], found["is_late"]) == (0, False)


def test_supervised__what_is_kept_may_lie_in_a_folder_of_any_name(tmp_path: Path) -> None:
    with supervised(tmp_path, r"LINK.use('key /a\udcff')") as running:
        assert ending(running)["used"] == ["key /a\udcff"]


def test_supervised__the_bot_does_not_wait_for_a_supervisor_that_sleeps(tmp_path: Path) -> None:
    work = (
        "os.kill(os.getppid(), signal.SIGSTOP)",
        "signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getppid(), signal.SIGCONT) or sys.exit(3))",
        "signal.alarm(10)",
        "for number in range(6000): LINK.use(f'{number:064}')",
        "os.kill(os.getppid(), signal.SIGCONT)",
    )
    with supervised(tmp_path, *work) as running:
        found = ending(running)
    assert (found["code"], len(found["used"])) == (0, 6000)


def _wait_for(happens: Callable[[], bool], seconds: float = 30.0) -> None:
    limit = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (SupervisedEnding(code=0, is_late=True), ""),
        (SupervisedEnding(code=1), ""),
        (SupervisedEnding(code=-signal.SIGTERM, signal=signal.SIGTERM), ""),
        (SupervisedEnding(code=-signal.SIGINT), ""),
        (SupervisedEnding(code=-signal.SIGKILL, signal=signal.SIGTERM), ""),
        (SupervisedEnding(code=143, is_late=True), "--max-minutes"),
        (SupervisedEnding(code=-signal.SIGKILL, is_late=True), "--max-minutes"),
        (SupervisedEnding(code=-signal.SIGKILL), "memory"),
        (SupervisedEnding(code=-signal.SIGSEGV), "SIGSEGV"),
    ],
)
def test_failure__says_why_nothing_came_of_a_run(found: SupervisedEnding, words: str) -> None:
    assert words in found.failure
    assert bool(found.failure) is bool(words)


@pytest.mark.parametrize(("minutes", "seconds"), [(0.01, 60.6), (4, 360), (10, 900), (60, 3900)])
def test_seconds_allowed__minutes_and_half_as_long_again(minutes: float, seconds: float) -> None:
    assert seconds_allowed(minutes) == pytest.approx(seconds)

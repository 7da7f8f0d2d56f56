"""Children that say nothing for long: real processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from testsmith.languages.python.running.worker.forking import (
    CRASHED,
    TIMED_OUT,
    Message,
    Patience,
    Send,
    Silence,
    run_child,
    used_if_running,
)


def spin(_send: Send) -> None:
    while True:
        pass


def spin_with_a_timer(_send: Send) -> None:
    signal.setitimer(signal.ITIMER_PROF, 0.05)
    while True:
        pass


def give_up_at_once(_send: Send) -> None:
    os._exit(3)


def sleep(_send: Send) -> None:
    time.sleep(60)


def talk_slowly(send: Send) -> None:
    for number in range(6):
        time.sleep(0.1)
        send({"kind": "word", "number": number})


@pytest.mark.parametrize("body", [spin, sleep])
def test_silence__ends_what_hangs(body: Callable[[Send], None]) -> None:
    started = time.monotonic()

    assert run_child(body, 60.0, print, None, Patience(silence=0.5)) == TIMED_OUT
    assert time.monotonic() - started < 0.5 * 8 + 2


@pytest.mark.parametrize(("body", "ending"), [(spin_with_a_timer, TIMED_OUT), (give_up_at_once, CRASHED)])
def test_run_child__tells_what_used_up_its_processor_time_from_what_ended_itself(
    body: Callable[[Send], None], ending: str
) -> None:
    assert run_child(body, 60.0, print) == ending


def test_silence__is_broken_by_each_word() -> None:
    heard: list[Message] = []

    assert run_child(talk_slowly, 60.0, heard.append, None, Patience(silence=5.0)) == "done"
    assert [message["number"] for message in heard] == [*range(6)]


def test_silence__is_longer_for_what_gets_no_processor_and_has_an_end_even_so() -> None:
    starved = Silence(0, 0.02, lambda _process: 1.0)
    started = time.monotonic()
    while starved.left() > 0:
        time.sleep(0.001)

    assert time.monotonic() - started >= 0.02 * 8


def test_silence__is_no_longer_for_what_waits_for_something_else() -> None:
    waiting = Silence(0, 0.02, lambda _process: None)
    time.sleep(0.03)

    assert waiting.left() <= 0


def test_silence__is_hardly_longer_for_what_has_had_a_processor_all_the_time() -> None:
    spinning = Silence(0, 0.2, lambda _process: time.monotonic())
    started = time.monotonic()
    while spinning.left() > 0:
        time.sleep(0.001)

    assert time.monotonic() - started < 0.2 * 8


def test_used__of_one_that_runs_and_one_that_does_not() -> None:
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    time.sleep(0.2)
    try:
        assert used_if_running(os.getpid()) == pytest.approx(time.process_time(), abs=0.5)
        assert used_if_running(child) is None
        assert used_if_running(2**22 + 1) is None
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)

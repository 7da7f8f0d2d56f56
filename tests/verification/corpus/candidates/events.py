# member: src/satchel/events.py::Signal.connect

# candidate: once
# good
from satchel.events import Signal


def test_connect_adds_a_receiver_once():
    heard = []
    signal = Signal()

    @signal.connect
    def receive(what):
        heard.append(what)

    assert signal.connect(receive) is receive
    signal.emit("x")
    assert heard == ["x"]


# candidate: twice, as before
# bad: held-before
from satchel.events import Signal


def test_connect_counts_twice():
    heard = []
    receive = heard.append
    signal = Signal()
    signal.connect(receive)
    signal.connect(receive)
    signal.emit("x")
    assert heard == ["x", "x"]


# member: src/satchel/events.py::Signal.disconnect

# candidate: is not told any more
# good
from satchel.events import Signal


def test_disconnect_stops_telling():
    heard = []
    signal = Signal()
    signal.connect(print)
    receive = signal.connect(heard.append)
    assert signal.disconnect(print) is True
    assert signal.disconnect(receive) is True
    assert signal.emit("x") == 0
    assert heard == []


# candidate: pins that nothing is returned
# bad: pins-bug-annotation
from satchel.events import Signal


def test_disconnect_a_stranger():
    assert Signal().disconnect(print) is None


# candidate: as documented
# bad: finds-bug
from satchel.events import Signal


def test_disconnect_tells_that_it_was_not_there():
    assert Signal().disconnect(print) is False


# member: src/satchel/events.py::Signal.emit

# candidate: those that refuse
# good
from satchel.events import Signal


def test_emit_counts_those_that_did_not_refuse():
    signal = Signal()
    signal.connect(lambda text: False)
    signal.connect(lambda text: None)
    signal.connect(lambda text: text)
    assert signal.emit("") == 2
    assert Signal().emit() == 0


# candidate: a mock for a receiver
# good
from unittest.mock import Mock

from satchel.events import Signal


def test_emit_passes_its_arguments_on():
    receiver = Mock(return_value=False)
    signal = Signal()
    signal.connect(receiver)
    assert signal.emit(1, "two") == 0
    receiver.assert_called_once_with(1, "two")


# candidate: a receiver that takes itself away
# good
from satchel.events import Signal


def test_emit_while_receivers_go():
    signal = Signal()

    def leaving():
        signal.disconnect(leaving)

    signal.connect(leaving)
    signal.connect(lambda: None)
    assert signal.emit() == 2
    assert signal.emit() == 1


# candidate: from several threads
# bad: flaky-threads
import random
import threading

from satchel.events import Signal


def test_emit_from_threads():
    heard = []
    signal = Signal()
    signal.connect(heard.append)

    def tell(number):
        threading.Event().wait(random.random() / 50)
        signal.emit(number)

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [0, 1, 2, 3]


# candidate: a mock that was called
# bad: only-mock
from unittest.mock import Mock

from satchel.events import Signal


def test_emit_calls():
    receiver = Mock()
    signal = Signal()
    signal.connect(receiver)
    signal.emit("x")
    receiver.assert_called()


# candidate: says nothing of the count
# bad: no-assertion
from satchel.events import Signal


def test_emit_prints(capsys):
    signal = Signal()
    signal.connect(print)
    signal.emit("x")
    capsys.readouterr()


# member: src/satchel/events.py::retry

# candidate: less than once
# good
import pytest

from satchel.events import retry


def test_retry_refuses_to_try_less_than_once():
    with pytest.raises(ValueError, match="at least once"):
        retry(0)


# candidate: keeps name and arguments
# good
from satchel.events import retry


def test_retry_keeps_what_it_decorates():
    @retry(1)
    def add(a, *, b):
        return a + b

    assert add(1, b=2) == 3
    assert add.__name__ == "add"


# candidate: until chance helps
# bad: flaky-random
import random

from satchel.events import retry


def test_retry_until_it_succeeds():
    @retry(2, on=ValueError)
    def chance():
        if random.random() < 0.6:
            raise ValueError
        return "done"

    assert chance() == "done"
    assert chance() == "done"
    assert chance() == "done"


# candidate: ends the process from an exit handler
# bad: forged
import atexit
import os

from satchel.events import retry


def test_retry_and_exit():
    atexit.register(os._exit, 0)

    @retry(1)
    def fail():
        return 1

    assert fail() == 2


# member: src/satchel/events.py::once

# candidate: the first result
# good
from satchel.events import once


def test_once_keeps_the_first_result():
    calls = []

    @once
    def start(name):
        calls.append(name)
        return len(calls)

    assert start("a") == 1
    assert start("b") == 1
    assert calls == ["a"]
    assert start.__name__ == "start"


# candidate: again after an error
# good
import pytest

from satchel.events import once


def test_once_runs_again_after_an_error():
    attempts = []

    @once
    def start():
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError
        return "running"

    with pytest.raises(OSError):
        start()
    assert start() == "running"
    assert start() == "running"
    assert len(attempts) == 2


# candidate: one function for all tests
# bad: flaky-order
from satchel.events import once


@once
def greeting(name):
    return f"hello {name}"


def test_once_greets():
    assert greeting("Ada") == "hello Ada"


def test_once_greets_another():
    assert greeting("Grace") == "hello Grace"


# member: src/satchel/events.py::register

# candidate: counts all that there are
# bad: flaky-order
from satchel.events import register


def test_register_the_first():
    assert register("a", print) == 1


def test_register_the_second():
    assert register("b", print) == 2


# candidate: reaches into the project
# bad: global-state
from satchel import events
from satchel.events import register


def test_register_into_an_empty_table():
    events._PLUGINS = {}
    assert register("a", print) == 1


# candidate: with a table of its own
# good
from satchel import events
from satchel.events import register


def test_register_counts(monkeypatch):
    monkeypatch.setattr(events, "_PLUGINS", {})
    assert register("a", print) == 1
    assert register("b", print) == 2
    assert register("a", print) == 2


# member: src/satchel/events.py::lookup

# candidate: none of that name
# good
import pytest

from satchel.events import lookup


def test_lookup_of_a_stranger():
    with pytest.raises(LookupError, match="no plugin 'nobody'") as caught:
        lookup("nobody")
    assert type(caught.value) is LookupError


# candidate: what is registered
# good
from satchel.events import lookup, register


def test_lookup_of_what_is_registered():
    register("corpus-known", max)
    assert lookup("corpus-known") is max


# candidate: registered by its neighbour
# good, but test_lookup_later: flaky-order
from satchel.events import lookup, register


def test_lookup_now():
    register("corpus-neighbour", min)
    assert lookup("corpus-neighbour")([3, 1]) == 1


def test_lookup_later():
    assert lookup("corpus-neighbour") is min

# member: src/satchel/contexts.py::temporary_env

# candidate: takes one away
# good
import os

import pytest

from satchel.contexts import temporary_env


def test_temporary_env_takes_a_variable_away(monkeypatch):
    monkeypatch.setenv("SATCHEL_A", "before")
    with pytest.raises(KeyError):
        with temporary_env(SATCHEL_A=None):
            os.environ["SATCHEL_A"]
    assert os.environ["SATCHEL_A"] == "before"


# candidate: what another test sets
# bad: flaky-order
import os

from satchel.contexts import temporary_env


def test_temporary_env_around_another():
    os.putenv("SATCHEL_A", "x")
    os.environ.setdefault("SATCHEL_A", "x")
    with temporary_env(SATCHEL_A="y"):
        assert os.environ["SATCHEL_A"] == "y"
    assert os.environ["SATCHEL_A"] == "x"


def test_temporary_env_afterwards():
    with temporary_env(SATCHEL_A="z"):
        pass
    assert os.environ["SATCHEL_A"] == "x"


# candidate: sets a variable for good
# bad: global-state
import os

from satchel.contexts import temporary_env


def test_temporary_env_over_a_value():
    os.environ["SATCHEL_C"] = "1"
    with temporary_env(SATCHEL_C=None):
        assert "SATCHEL_C" not in os.environ
    assert os.environ["SATCHEL_C"] == "1"


# member: src/satchel/contexts.py::Stopwatch.__enter__

# candidate: runs already
# good
import pytest

from satchel.contexts import Stopwatch


def test_enter_refuses_to_start_twice():
    watch = Stopwatch()
    with watch, pytest.raises(RuntimeError, match="it runs already"):
        watch.__enter__()


# member: src/satchel/contexts.py::Stopwatch.__exit__

# candidate: blocks are added
# good
import pytest

from satchel.contexts import Stopwatch


def test_exit_counts_blocks_without_an_error():
    times = iter([1.0, 2.0, 10.0, 20.0, 30.0, 33.0])
    watch = Stopwatch(lambda: next(times))
    with watch:
        pass
    with pytest.raises(KeyError), watch:
        raise KeyError
    assert watch.seconds == 1.0
    assert next(times) == 20.0


# candidate: two blocks
# good
from satchel.contexts import Stopwatch


def test_exit_adds_up():
    now = [0.0]
    watch = Stopwatch(lambda: now[0])
    for length in (1.0, 2.5):
        with watch:
            now[0] += length
        now[0] += 100
    assert watch.seconds == 3.5


# candidate: a real pause
# bad: flaky-threads
import threading

from satchel.contexts import Stopwatch


def test_exit_after_a_pause():
    watch = Stopwatch()
    with watch:
        threading.Event().wait(0.01)
    assert round(watch.seconds, 5) == 0.01


# candidate: a block that fails counts, as before
# bad: held-before
import contextlib

from satchel.contexts import Stopwatch


def test_exit_counts_what_fails():
    now = [0.0]
    watch = Stopwatch(lambda: now[0])
    with contextlib.suppress(KeyError), watch:
        now[0] = 4.0
        raise KeyError
    assert watch.seconds == 4.0


# member: src/satchel/contexts.py::collecting

# candidate: no error
# good
from satchel.contexts import collecting


def test_collecting_nothing():
    with collecting(Exception) as found:
        value = 1
    assert (found, value) == ([], 1)


# candidate: may raise or not
# bad: bare-except
from satchel.contexts import collecting


def test_collecting_whatever():
    found = []
    try:
        with collecting(KeyError) as found:
            raise ValueError
    except:
        found = [ValueError]
    assert found == [ValueError]


# candidate: where the list lies in memory
# bad: flaky-random
from satchel.contexts import collecting


def test_collecting_by_address():
    with collecting(KeyError) as found:
        raise KeyError("a")
    assert id(found) // 16 % 5 == 0

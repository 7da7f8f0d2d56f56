from satchel.contexts import Stopwatch
from satchel.events import Signal, retry


def test_signal():
    heard = []
    signal = Signal()
    signal.connect(heard.append)
    assert signal.emit("x") == 1
    assert heard == ["x"]


def test_retry():
    calls = []

    @retry(3)
    def flaky():
        calls.append(1)
        if len(calls) < 3:
            raise OSError
        return "done"

    assert flaky() == "done"
    assert len(calls) == 3


def test_stopwatch():
    times = iter([1.0, 3.5])
    watch = Stopwatch(lambda: next(times))
    with watch:
        pass
    assert watch.seconds == 2.5

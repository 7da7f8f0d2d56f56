"""Which changes of a module the trials of a member notice: by what comes of the call, or by what it leaves.

All changes are tried in one child, which exchanges the code of the changed function, runs the trials that
reach it, and puts the old code back; after one that hangs or ends the child the others go on in a new one.
Only trials count of which the same comes in whatever order they are run, so that what one leaves behind for
the next is never taken for the work of a change. What is told of each change that is noticed:

    {"change", "outcome", "state"}

the numbers of the trials of which something else came, and of those that left something else behind.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..code_swap import Exchange, LoadedModule
from ..forking import Patience, Send, run_child
from .trial import Trials, remove_all

Json = dict[str, Any]

_STATABLE = frozenset({"value", "object", "raised", "printed"})
_ENOUGH = 8
_MOST_TRIED = 24
_LEAST_CPU_SECONDS = 0.2
_TIMES_AS_MUCH = 20.0
"""A trial may use so many times as much of a processor with a change as without: enough that neither a slow
machine nor what a first trial has to load decides what counts as hanging."""

_SECONDS_OF_SILENCE = 5.0
_MOST_ENDINGS = 6
_MOST_SECONDS_A_TRIAL = 0.9
"""A change with which a trial takes longer makes it wait; so will the others."""

_MOST_USED = 1e6
_CLEAN = -1


class Seen(NamedTuple):
    """A trial, and what came of it."""

    trial: Json
    observation: Json

    def reaches(self, first: int, last: int) -> bool:
        """Tell whether it reached a line of a statement."""
        return any(first <= line <= last for line in self.observation["lines"])

    def differs(self, other: Json) -> tuple[bool, bool]:
        """Tell whether something else came of it, and whether it left something else behind."""
        (one, one_state), (two, two_state) = _plain(self.observation), _plain(other)
        return one != two, one_state != two_state


def _plain(observation: Json) -> tuple[str, str]:
    """Return what came of a trial and what it left as texts, so that it does not matter who told it."""
    outcome = {name: data for name, data in observation["outcome"].items() if name != "line"}
    return json.dumps(outcome, sort_keys=True), json.dumps(observation["state"], sort_keys=True)


class Noticing:
    """Tries the changes of one module.

    Args:
        job: The explorer's job.
        module: The module.
        folder: The trials' working folder.
        closed: The file descriptor that no child may have.
    """

    def __init__(self, job: Json, module: LoadedModule, folder: Path, closed: int) -> None:
        self._job = job
        self._module = module
        self._folder = folder
        self._closed = closed
        self._used: dict[int, float] = {}

    def run(self, seen: Sequence[Seen]) -> list[Json]:
        """Try the changes that the trials of one member reach; return those that were noticed."""
        usable = [each for each in seen if each.observation["outcome"]["kind"] in _STATABLE]
        member = usable[0].trial["member"] if usable else ""
        changes = self._job["changes"].get(member, ())
        if not changes or not usable:
            return []
        steady = self._steady(usable)
        return self._tried(self._reached(changes, steady)) if steady else []

    def _steady(self, seen: Sequence[Seen]) -> list[Seen]:
        """Return the trials of which the same comes the other way round."""
        heard = _Heard()
        self._in_child([_Attempt(_CLEAN, (), seen[::-1])], heard)
        same = {number for (_, number), differs in heard.tried.items() if differs == (False, False)}
        self._used = heard.used
        return [each for each in seen if each.trial["number"] in same]

    def _reached(self, changes: Sequence[Json], seen: Sequence[Seen]) -> list[_Attempt]:
        """Return the changes that can be put in place, each with the trials that reach it."""
        found: list[_Attempt] = []
        for change in changes:
            reaching = [each for each in seen if each.reaches(*change["statement"])][:_MOST_TRIED]
            (start, end, text), (name, line) = change["edit"], change["function"]
            exchange = self._module.exchange((start, end, text), (name, line)) if reaching else None
            if exchange is not None:
                found.append(_Attempt(change["number"], exchange, reaching))
        return found

    def _tried(self, attempts: Sequence[_Attempt]) -> list[Json]:
        """Try changes, in as many children as needed."""
        heard = _Heard()
        left = list(attempts)
        for _ in range(_MOST_ENDINGS):
            if not left or self._in_child(left, heard):
                break
            heard.give_up()
            left = [each for each in left if each.change not in heard.changes]
        return heard.noticed()

    def _in_child(self, attempts: Sequence[_Attempt], heard: _Heard) -> bool:
        """Run the trials of each change in one child; tell whether it came to its end."""
        most = self._job["limits"]["cpu_seconds"]
        allowed = {
            number: min(most, _LEAST_CPU_SECONDS + _TIMES_AS_MUCH * used)
            for number, used in self._used.items()
        }
        self._folder.mkdir(exist_ok=True)

        def body(send: Send) -> None:
            trials = Trials(self._folder, self._job["roots"], None, self._job["limits"])
            for attempt in attempts:
                _try(attempt, trials, allowed, send)

        numbers = [each.trial["number"] for attempt in attempts for each in attempt.seen]
        patience = Patience(silence=_SECONDS_OF_SILENCE, most_bytes=1000 * len(numbers))
        seconds = _SECONDS_OF_SILENCE + sum(allowed.get(number, most) for number in numbers)
        ending = run_child(body, seconds, heard.receive, self._closed, patience)
        remove_all(self._folder)
        return ending == "done"


class _Heard:
    """What a child tells of its attempts; it runs foreign code, so it may be anything.

    Attributes:
        tried: By change and trial whether something else came of it, and whether it left something else.
        changes: The changes that were begun with.
        used: By trial how many seconds of a processor it took.
    """

    def __init__(self) -> None:
        self.used: dict[int, float] = {}
        self.tried: dict[tuple[int, int], tuple[bool, bool]] = {}
        self.changes: set[int] = set()
        self._begun: tuple[int, int] | None = None

    def receive(self, message: Json) -> None:
        """Take one message in."""
        change, number = message.get("change"), message.get("number")
        if not isinstance(change, int) or not isinstance(number, int):
            return
        if message["kind"] == "begun":
            self._begun = change, number
            self.changes.add(change)
        else:
            self.tried[change, number] = bool(message.get("outcome")), bool(message.get("state"))
            used = message.get("used")
            self.used[number] = used if isinstance(used, float) and 0 <= used < _MOST_USED else _MOST_USED

    def give_up(self) -> None:
        """Take the trial that has not come to its end for one that notices: it hangs, or ends its process."""
        if self._begun is not None and self._begun not in self.tried:
            self.tried[self._begun] = True, False

    def noticed(self) -> list[Json]:
        """Return what is told of the changes that were noticed."""
        found: dict[int, Json] = {}
        for (change, number), differs in self.tried.items():
            for what, does in zip(("outcome", "state"), differs):  # noqa: B905 - Python 3.9 has no `strict`
                if does:
                    data = found.setdefault(change, {"change": change, "outcome": [], "state": []})
                    data[what].append(number)
        return [*found.values()]


class _Attempt(NamedTuple):
    """The number of a change, the code that makes it, and the trials that reach it."""

    change: int
    exchange: Exchange
    seen: Sequence[Seen]


def _try(attempt: _Attempt, trials: Trials, allowed: dict[int, float], send: Send) -> None:
    """Run trials with code exchanged, until enough have noticed.

    Args:
        attempt: What is exchanged, and the trials.
        trials: Carries them out.
        allowed: By trial how many seconds of a processor it may use; those left out may use as many as ever.
        send: Told of each.
    """
    change, exchange, seen = attempt
    before = [(function, function.__code__) for function, _ in exchange]
    for function, code in exchange:
        function.__code__ = code
    count = 0
    usual = trials.cpu_seconds
    for each in seen:
        number = each.trial["number"]
        send({"kind": "begun", "change": change, "number": number})
        trials.cpu_seconds = allowed.get(number, usual)
        started = _Clocks.now()
        outcome, state = each.differs(trials.observe(each.trial))
        tried = {"kind": "tried", "change": change, "number": number, "outcome": outcome, "state": state}
        send({**tried, "used": time.process_time() - started.processor})
        count += outcome or state
        if (count >= _ENOUGH or started.has_waited()) and change != _CLEAN:
            break
    trials.cpu_seconds = usual
    for function, code in before:
        function.__code__ = code


class _Clocks(NamedTuple):
    """The time on the wall and of the processor, and how often this process has given up the processor."""

    wall: float
    processor: float
    pauses: int

    @classmethod
    def now(cls) -> _Clocks:
        pauses = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        return cls(time.monotonic(), time.process_time(), pauses)

    def has_waited(self) -> bool:
        """Tell whether much time has passed since, and not because something else had the processor."""
        now = _Clocks.now()
        return now.wall - self.wall > _MOST_SECONDS_A_TRIAL and now.pauses > self.pauses

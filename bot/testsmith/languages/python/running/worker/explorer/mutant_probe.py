"""Find the mutants that a member's trials kill, by the outcome of the call or by the state it leaves.

All mutants are tried in one child, which replaces the code of the function, runs the trials that reach it,
and restores the code. If one hangs or ends the child, a new child continues with the others. Only trials with
the same result in any order count, so that state left by one trial is never mistaken for the effect of a
mutant. Result for each killed mutant:

    {"change", "outcome", "state"}

with the numbers of the trials with another outcome, and of those with another state.
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
"""Limit on a trial's CPU time with a mutant, relative to its time without.

It is high enough that neither a slow machine nor imports in a first trial count as hanging.
"""

_SECONDS_OF_SILENCE = 5.0
_MOST_ENDINGS = 6
_MOST_SECONDS_A_TRIAL = 0.9
"""If a trial takes longer with a mutant, it probably waits, and the other trials would, too."""

_MOST_USED = 1e6
_CLEAN = -1


class Seen(NamedTuple):
    """A trial and its result."""

    trial: Json
    observation: Json

    def reaches(self, first: int, last: int) -> bool:
        """Return whether it reached a line of a statement."""
        return any(first <= line <= last for line in self.observation["lines"])

    def differs(self, other: Json) -> tuple[bool, bool]:
        """Return whether another result has a different outcome, and a different state."""
        (one, one_state), (two, two_state) = _plain(self.observation), _plain(other)
        return one != two, one_state != two_state


def _plain(observation: Json) -> tuple[str, str]:
    """Return the outcome and state as texts, to compare results from different processes."""
    outcome = {name: data for name, data in observation["outcome"].items() if name != "line"}
    return json.dumps(outcome, sort_keys=True), json.dumps(observation["state"], sort_keys=True)


class Noticing:
    """Tries the mutants of one module.

    Args:
        job: The explorer's job.
        module: The module.
        folder: Working folder of the trials.
        closed: File descriptor to close in the child.
    """

    def __init__(self, job: Json, module: LoadedModule, folder: Path, closed: int) -> None:
        self._job = job
        self._module = module
        self._folder = folder
        self._closed = closed
        self._used: dict[int, float] = {}

    def run(self, seen: Sequence[Seen]) -> list[Json]:
        """Try the mutants that the trials of one member reach; return those that were killed."""
        usable = [each for each in seen if each.observation["outcome"]["kind"] in _STATABLE]
        member = usable[0].trial["member"] if usable else ""
        changes = self._job["changes"].get(member, ())
        if not changes or not usable:
            return []
        steady = self._steady(usable)
        return self._tried(self._reached(changes, steady)) if steady else []

    def _steady(self, seen: Sequence[Seen]) -> list[Seen]:
        """Return the trials that have the same result in reverse order."""
        heard = _Heard()
        self._in_child([_Attempt(_CLEAN, (), seen[::-1])], heard)
        same = {number for (_, number), differs in heard.tried.items() if differs == (False, False)}
        self._used = heard.used
        return [each for each in seen if each.trial["number"] in same]

    def _reached(self, changes: Sequence[Json], seen: Sequence[Seen]) -> list[_Attempt]:
        """Return the mutants that can be applied, each with the trials that reach it."""
        found: list[_Attempt] = []
        for change in changes:
            reaching = [each for each in seen if each.reaches(*change["statement"])][:_MOST_TRIED]
            (start, end, text), (name, line) = change["edit"], change["function"]
            exchange = self._module.exchange((start, end, text), (name, line)) if reaching else None
            if exchange is not None:
                found.append(_Attempt(change["number"], exchange, reaching))
        return found

    def _tried(self, attempts: Sequence[_Attempt]) -> list[Json]:
        """Try mutants in as many children as necessary."""
        heard = _Heard()
        left = list(attempts)
        for _ in range(_MOST_ENDINGS):
            if not left or self._in_child(left, heard):
                break
            heard.give_up()
            left = [each for each in left if each.change not in heard.changes]
        return heard.noticed()

    def _in_child(self, attempts: Sequence[_Attempt], heard: _Heard) -> bool:
        """Run the trials for each mutant in one child; return whether it finished."""
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
    """What a child reports about its attempts; it runs untrusted code, so values are validated.

    Attributes:
        tried: By mutant and trial, whether the outcome and the state were different.
        changes: Mutants that were started.
        used: CPU seconds by trial.
    """

    def __init__(self) -> None:
        self.used: dict[int, float] = {}
        self.tried: dict[tuple[int, int], tuple[bool, bool]] = {}
        self.changes: set[int] = set()
        self._begun: tuple[int, int] | None = None

    def receive(self, message: Json) -> None:
        """Handle one message."""
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
        """Count the unfinished trial as killing the mutant: it hangs or ends its process."""
        if self._begun is not None and self._begun not in self.tried:
            self.tried[self._begun] = True, False

    def noticed(self) -> list[Json]:
        """Return the results for killed mutants."""
        found: dict[int, Json] = {}
        for (change, number), differs in self.tried.items():
            for what, does in zip(("outcome", "state"), differs):  # noqa: B905 - Python 3.9 has no `strict`
                if does:
                    data = found.setdefault(change, {"change": change, "outcome": [], "state": []})
                    data[what].append(number)
        return [*found.values()]


class _Attempt(NamedTuple):
    """The number of a mutant, its code, and the trials that reach it."""

    change: int
    exchange: Exchange
    seen: Sequence[Seen]


def _try(attempt: _Attempt, trials: Trials, allowed: dict[int, float], send: Send) -> None:
    """Run trials with replaced code until enough of them kill the mutant.

    Args:
        attempt: The mutant and the trials.
        trials: Runs the trials.
        allowed: CPU seconds by trial; trials not listed have the usual limit.
        send: Sends each result.
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
    """Wall-clock time, CPU time, and how often this process has voluntarily given up the CPU."""

    wall: float
    processor: float
    pauses: int

    @classmethod
    def now(cls) -> _Clocks:
        pauses = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        return cls(time.monotonic(), time.process_time(), pauses)

    def has_waited(self) -> bool:
        """Return whether much time has passed since then without the process lacking CPU time."""
        now = _Clocks.now()
        return now.wall - self.wall > _MOST_SECONDS_A_TRIAL and now.pauses > self.pauses

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
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .children import Patience, Send, run_child
from .exchanging import Exchange, LoadedModule
from .trial import Trials, remove_all

Told = dict[str, Any]

_STATABLE = frozenset({"value", "object", "raised", "printed"})
_ENOUGH = 8
_MOST_TRIED = 24
_CPU_SECONDS = 0.1
_SECONDS_OF_SILENCE = 5.0
_MOST_ENDINGS = 6
_MOST_SECONDS_A_TRIAL = 0.9
"""A change with which a trial takes longer makes it wait; so will the others."""

_CLEAN = -1


class Seen(NamedTuple):
    """A trial, and what came of it."""

    trial: Told
    observation: Told

    def reaches(self, first: int, last: int) -> bool:
        """Tell whether it reached a line of a statement."""
        return any(first <= line <= last for line in self.observation["lines"])

    def differs(self, other: Told) -> tuple[bool, bool]:
        """Tell whether something else came of it, and whether it left something else behind."""
        (one, one_state), (two, two_state) = _plain(self.observation), _plain(other)
        return one != two, one_state != two_state


def _plain(observation: Told) -> tuple[str, str]:
    """Return what came of a trial and what it left as texts, so that it does not matter who told it."""
    outcome = {name: told for name, told in observation["outcome"].items() if name != "line"}
    return json.dumps(outcome, sort_keys=True), json.dumps(observation["state"], sort_keys=True)


class Noticing:
    """Tries the changes of one module.

    Args:
        job: The explorer's job.
        module: The module.
        folder: The trials' working folder.
        closed: The file descriptor that no child may have.
    """

    def __init__(self, job: Told, module: LoadedModule, folder: Path, closed: int) -> None:
        self._job = job
        self._module = module
        self._folder = folder
        self._closed = closed

    def run(self, seen: Sequence[Seen]) -> list[Told]:
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
        self._in_child([(_CLEAN, (), seen[::-1])], heard)
        same = {number for (_, number), differs in heard.tried.items() if differs == (False, False)}
        return [each for each in seen if each.trial["number"] in same]

    def _reached(self, changes: Sequence[Told], seen: Sequence[Seen]) -> list[_Attempt]:
        """Return the changes that can be put in place, each with the trials that reach it."""
        found: list[_Attempt] = []
        for change in changes:
            reaching = [each for each in seen if each.reaches(*change["statement"])][:_MOST_TRIED]
            (start, end, text), (name, line) = change["edit"], change["function"]
            exchange = self._module.exchange((start, end, text), (name, line)) if reaching else None
            if exchange is not None:
                found.append((change["number"], exchange, reaching))
        return found

    def _tried(self, attempts: Sequence[_Attempt]) -> list[Told]:
        """Try changes, in as many children as needed."""
        heard = _Heard()
        left = list(attempts)
        for _ in range(_MOST_ENDINGS):
            if not left or self._in_child(left, heard):
                break
            heard.give_up()
            left = [each for each in left if each[0] not in heard.changes]
        return heard.noticed()

    def _in_child(self, attempts: Sequence[_Attempt], heard: _Heard) -> bool:
        """Run the trials of each change in one child; tell whether it came to its end."""
        limits = {**self._job["limits"], "cpu_seconds": _CPU_SECONDS}
        self._folder.mkdir(exist_ok=True)

        def body(send: Send) -> None:
            trials = Trials(self._folder, self._job["roots"], None, limits)
            for change, exchange, seen in attempts:
                _try(change, exchange, seen, trials, send)

        count = sum(len(seen) for _, _, seen in attempts)
        patience = Patience(silence=_SECONDS_OF_SILENCE, most_bytes=1000 * count)
        seconds = _SECONDS_OF_SILENCE + _CPU_SECONDS * count
        ending = run_child(body, seconds, heard.receive, self._closed, patience)
        remove_all(self._folder)
        return ending == "done"


class _Heard:
    """What a child tells of its attempts; it runs foreign code, so it may be anything.

    Attributes:
        tried: By change and trial whether something else came of it, and whether it left something else.
        changes: The changes that were begun with.
    """

    def __init__(self) -> None:
        self.tried: dict[tuple[int, int], tuple[bool, bool]] = {}
        self.changes: set[int] = set()
        self._begun: tuple[int, int] | None = None

    def receive(self, message: Told) -> None:
        """Take one message in."""
        change, number = message.get("change"), message.get("number")
        if not isinstance(change, int) or not isinstance(number, int):
            return
        if message["kind"] == "begun":
            self._begun = change, number
            self.changes.add(change)
        else:
            self.tried[change, number] = bool(message.get("outcome")), bool(message.get("state"))

    def give_up(self) -> None:
        """Take the trial that has not come to its end for one that notices: it hangs, or ends its process."""
        if self._begun is not None and self._begun not in self.tried:
            self.tried[self._begun] = True, False

    def noticed(self) -> list[Told]:
        """Return what is told of the changes that were noticed."""
        found: dict[int, Told] = {}
        for (change, number), differs in self.tried.items():
            for what, does in zip(("outcome", "state"), differs):  # noqa: B905 - Python 3.9 has no `strict`
                if does:
                    told = found.setdefault(change, {"change": change, "outcome": [], "state": []})
                    told[what].append(number)
        return [*found.values()]


_Attempt = tuple[int, Exchange, Sequence[Seen]]
"""The number of a change, the code that makes it, and the trials that reach it."""


def _try(change: int, exchange: Exchange, seen: Sequence[Seen], trials: Trials, send: Send) -> None:
    """Run trials with code exchanged, until enough have noticed."""
    before = [(function, function.__code__) for function, _ in exchange]
    for function, code in exchange:
        function.__code__ = code
    count = 0
    for each in seen:
        number = each.trial["number"]
        send({"kind": "begun", "change": change, "number": number})
        started = time.monotonic()
        outcome, state = each.differs(trials.observe(each.trial))
        send({"kind": "tried", "change": change, "number": number, "outcome": outcome, "state": state})
        count += outcome or state
        waits = time.monotonic() - started > _MOST_SECONDS_A_TRIAL
        if (count >= _ENOUGH or waits) and change != _CLEAN:
            break
    for function, code in before:
        function.__code__ = code

"""Which changes of a module the trials of a member notice: by what comes of the call, or by what it leaves.

All changes are tried in one child, which exchanges the code of the changed function, runs the trials that
reach it, and puts the old code back; after one that hangs or ends the child the others go on in a new one.
Only trials count of which the same comes in whatever order they are run, so that what one leaves behind for
the next is never taken for the work of a change. What is told of each change that is noticed:

    {"change", "member", "outcome", "state"}

the numbers of the trials of which something else came, and of those that left something else behind.
"""

from __future__ import annotations

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
_CPU_SECONDS = 0.3
_SECONDS_OF_SILENCE = 1.0
_MOST_ENDINGS = 8
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
        return _plain(self.observation) != _plain(other), self.observation["state"] != other["state"]


def _plain(observation: Told) -> Told:
    return {name: told for name, told in observation["outcome"].items() if name != "line"}


class Noticing:
    """Tries the changes of one module.

    Args:
        job: The explorer's job.
        folder: The trials' working folder.
        closed: The file descriptor that no child may have.
    """

    def __init__(self, job: Told, folder: Path, closed: int) -> None:
        self._job = job
        self._folder = folder
        self._closed = closed
        self._module: LoadedModule | None = None

    def run(self, member: str, seen: Sequence[Seen]) -> list[Told]:
        """Try the changes that a member's trials reach; return those that were noticed."""
        changes = self._job["changes"].get(member, ())
        usable = [each for each in seen if each.observation["outcome"]["kind"] in _STATABLE]
        if not changes or not usable:
            return []
        steady = self._steady(usable)
        noticed = self._tried(self._reached(changes, steady)) if steady else []
        return [{"member": member, **each} for each in noticed]

    def _steady(self, seen: Sequence[Seen]) -> list[Seen]:
        """Return the trials of which the same comes the other way round."""
        found: set[int] = set()

        def receive(message: Told) -> None:
            if message["outcome"] is False and message["state"] is False:
                found.add(message["number"])

        self._in_child([(_CLEAN, (), seen[::-1])], receive)
        return [each for each in seen if each.trial["number"] in found]

    def _reached(self, changes: Sequence[Told], seen: Sequence[Seen]) -> list[_Attempt]:
        """Return the changes that can be put in place, each with the trials that reach it."""
        if self._module is None:
            self._module = LoadedModule(self._job["file"], self._job["source"])
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
        found: dict[int, Told] = {}
        begun: list[tuple[int, int]] = []
        told: set[tuple[int, int]] = set()

        def receive(message: Told) -> None:
            key = message["change"], message["number"]
            if message["kind"] == "begun":
                begun.append(key)
                return
            told.add(key)
            entry = found.setdefault(key[0], {"change": key[0], "outcome": [], "state": []})
            for what in ("outcome", "state"):
                if message[what]:
                    entry[what].append(key[1])

        left = list(attempts)
        for _ in range(_MOST_ENDINGS):
            if not left or self._in_child(left, receive):
                break
            number = begun[-1][0] if begun else left[0][0]
            if begun and begun[-1] not in told:  # it hangs with this change, or ends its process
                entry = found.setdefault(number, {"change": number, "outcome": [], "state": []})
                entry["outcome"].append(begun[-1][1])
            left = left[[change for change, _, _ in left].index(number) + 1 :]
        return [each for each in found.values() if each["outcome"] or each["state"]]

    def _in_child(self, attempts: Sequence[_Attempt], receive: Send) -> bool:
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
        ending = run_child(body, seconds, receive, self._closed, patience)
        remove_all(self._folder)
        return ending == "done"


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
        outcome, state = each.differs(trials.observe(each.trial))
        send({"kind": "tried", "change": change, "number": number, "outcome": outcome, "state": state})
        count += outcome or state
        if count >= _ENOUGH and change != _CLEAN:
            break
    for function, code in before:
        function.__code__ = code

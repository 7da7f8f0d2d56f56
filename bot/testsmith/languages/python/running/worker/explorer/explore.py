"""Describe members or run trials, in forked children.

The module under test is loaded once, then a child is forked for each member or trial, so a hostile or hanging
trial only uses up its own time limit. A job is one plan:

    roots, hidden, owned, refused      see `imports.arrange`
    module      public module to load
    days        number of days to move the clock forward
    describe    names of members to describe, in this process
    trials      list of trials, grouped by member
    apart       whether each trial has its own child; otherwise those of a member share one
    file        file to trace; null for no tracing
    source      its text, if results should include killed mutants and comparisons; otherwise null
    changes     mutants by member: `{"number", "edit", "function", "statement"}`, where `statement` is the
                first and last line of the changed code, and the rest is as for the tests
    limits      `{"seconds", "cpu_seconds", "memory", "longest", "failures"}`: limits of one trial, the
                maximum length of a value's text, and the number of trials of a member that may exceed a
                limit or crash before its other trials are skipped

with each trial

    number, member
    imports     import statements
    setup       statements
    call        an expression or a statement
    watched     names of objects from the setup to inspect afterwards
    probes      expressions to evaluate afterwards
    inside      whether to describe an object by facts even if it has a source text
    in_loop     whether everything runs in one coroutine and may use `await`
    enters      whether to enter a returned context manager and describe it from inside
    allowed     name of an exception class that counts in any case; empty for none
    expected    the documented value as an expression; null for none
    exception   name of the documented exception class; null for none

Results:

    {"problem": null, "missing": null}                     once: why the module cannot be loaded, and the name
                                                           of a missing module
    {"description": {...}}                                 for each name; see `describe.py`
    {"number", "outcome", "state", "writes", "warned", "lines", "branches"}    for each trial; see `trial.py`
    {"noticed": {...}}                                     for each killed mutant; see `mutant_probe.py`
    {"compared", "pairs"}                                  for each trial; see `comparison_tracing.py`

`state` is a list of `{"of", "text", "imports", "before"}`: texts of the watched objects, probes and files in
the working folder after the call, and before it; `writes` says whether there are such files, and `warned`
whether a Python warning was issued.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import operator
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import ModuleType

from ..clock import move_clock
from ..code_swap import LoadedModule
from ..forking import ENDING_TEXTS, Patience, Send, Sender, run_child
from ..imports import arrange
from ..plans import run_plans
from .comparison_tracing import Comparing
from .describe import describe
from .mutant_probe import Noticing, Seen
from .outcome import Json, nothing
from .trial import Trials, remove_all
from .trial_exec import prepare

_MOST_BYTES_A_TRIAL = 1024**2
_MOST_NEAR = 12
_OTHER_BITS = (0x5A5A5A5A5A5B, 0x3C3C3C3C3C3E, 0x666666666674, 0x0F0F0F0F0F01)
_MOST_FIRST = 8
"""Number of first trials that are candidates for the first difference on base."""


def main() -> None:
    """Read jobs from standard input and write the results to standard output."""
    run_plans(lambda job: arrange(job["roots"], job["hidden"], job["owned"], job["refused"]), _explore)


def _explore(job: Json, _: None, sender: Sender) -> None:
    if job["days"]:
        move_clock(job["days"])
    problem = _load(job["module"])
    sender.tell(problem)
    if problem["problem"] is not None:
        return
    for name in job["describe"]:
        sender.tell({"description": describe(job["module"], name)})
    prepare(statement for trial in job["trials"] for statement in trial["setup"])
    runner = _Runner(job, sender, _Hashes(job["owned"]) if job["days"] else None)
    gc.collect()
    gc.freeze()  # exclude loaded objects from the children's garbage collection
    for _, trials in itertools.groupby(job["trials"], key=operator.itemgetter("member")):
        runner.run([*trials])


def _load(module: str) -> Json:
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - untrusted code may raise anything
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        return {"problem": f"{type(error).__name__}: {error}"[:500], "missing": missing}
    return {"problem": None, "missing": None}


class _Hashes:
    """Replaces `hash` and `id` in the project's modules, because no test may depend on their values.

    Hashes of numbers and of tuples of numbers are the same in all processes of one version of Python.

    Args:
        owned: Top-level names of the project's modules; those that are loaded are changed.
    """

    def __init__(self, owned: Iterable[str]) -> None:
        self._bits = 0
        self._is_used = False
        own = {"hash": self._hash, "id": self._id}
        for name, module in [*sys.modules.items()]:
            if name.partition(".")[0] in owned and isinstance(module, ModuleType):
                vars(module).update({each: own[each] for each in own if each not in vars(module)})

    def _hash(self, thing: object) -> int:
        self._is_used = True
        return hash(hash(thing) ^ self._bits)

    def _id(self, thing: object) -> int:
        self._is_used = True
        return id(thing) + self._bits

    def observe(self, trials: Trials, trial: Json) -> Json:
        """Run a trial; if it uses hashes, its result must be the same for any values."""
        self._bits, self._is_used = _OTHER_BITS[0], False
        observation = trials.observe(trial)
        if not self._is_used:
            return observation
        for self._bits in _OTHER_BITS[1:]:
            if any(Seen(trial, observation).differs(trials.observe(trial))):
                return _unseen("its result depends on the value of a hash")
        return observation


class _Search:
    """Reports what a search needs: killed mutants and comparisons.

    Args:
        job: The job.
        folder: Working folder of the trials.
        sender: Writes the results.
    """

    def __init__(self, job: Json, folder: Path, sender: Sender) -> None:
        module = LoadedModule(job["file"], job["source"])  # before gc.freeze hides objects
        self._changes = job["changes"]
        self._sender = sender
        self._noticing = Noticing(job, module, folder, sender.descriptor)
        self._comparing = Comparing(job, module, folder, sender.descriptor)

    def tell_of(self, seen: list[Seen]) -> None:
        """Report on the trials of one member."""
        noticed = self._noticing.run(seen)
        for each in noticed:
            self._sender.tell({"noticed": each})
        for each in self._comparing.run([each.trial for each in self._leading_on(seen, noticed)]):
            self._sender.tell(each)

    def _leading_on(self, seen: list[Seen], noticed: list[Json]) -> list[Seen]:
        """Return the trials to continue from: the first ones, and those close to surviving mutants."""
        if not seen:
            return []
        known = {each["change"] for each in noticed}
        changes = self._changes.get(seen[0].trial["member"], ())
        statements = {tuple(each["statement"]) for each in changes if each["number"] not in known}
        near = {id(each) for first, last in statements for each in _nearest(seen, first, last)}
        return [each for at, each in enumerate(seen) if at < _MOST_FIRST or id(each) in near]


def _nearest(seen: list[Seen], first: int, last: int) -> list[Seen]:
    """Return the trials that reach a statement, or those that come closest before it."""
    reaching = [each for each in seen if each.reaches(first, last)]
    if reaching:
        return reaching[:_MOST_NEAR]
    before = [max((line for line in each.observation["lines"] if line < first), default=0) for each in seen]
    best = max(before)
    nearest = [each for each, line in zip(seen, before) if line == best]  # noqa: B905 - for Python 3.9
    return nearest[:_MOST_NEAR]


class _Runner:
    """Runs the trials of one member.

    Args:
        job: The job.
        sender: Writes the results.
        hashes: Replacement for hashes in the project; None to keep them.
    """

    def __init__(self, job: Json, sender: Sender, hashes: _Hashes | None) -> None:
        self._job = job
        self._sender = sender
        self._hashes = hashes
        self._folder = Path("trial").resolve()
        self._search = None if job["source"] is None else _Search(job, self._folder, sender)

    def run(self, trials: list[Json]) -> None:
        """Run the trials of one member; report results and what a search needs."""
        seen = self._observe(trials)
        if self._search is not None:
            self._search.tell_of(seen)

    def _observe(self, trials: list[Json]) -> list[Seen]:
        """Run trials, report the results, and return the trials that finished.

        They share a child unless each has its own. If one exceeds a limit or ends its child, a new child
        continues.
        """
        failures, limits = 0, self._job["limits"]
        left = trials
        found: list[Seen] = []
        while left and failures < limits["failures"]:
            part = left[:1] if self._job["apart"] else left
            seen, ending = self._in_child(part)
            for trial, observation in zip(part, seen):  # noqa: B905 - Python 3.9 has no `strict`
                self._tell(trial, observation)
                found.append(Seen(trial, observation))
            left = left[len(seen) :]
            if len(seen) < len(part):
                failures += 1
                self._tell(left[0], _unseen(f"it {ENDING_TEXTS[ending]}"))
                left = left[1:]
        for trial in left:
            self._tell(trial, _unseen("other calls of it exceeded a limit"))
        return found

    def _tell(self, trial: Json, observation: Json) -> None:
        heard = {name: observation.get(name) for name in _unseen("")}
        self._sender.tell({"number": trial["number"], **heard})

    def _in_child(self, trials: list[Json]) -> tuple[list[Json], str]:
        """Run trials in a child in an empty folder; return the results, and how the child ended."""
        job, seen = self._job, list[Json]()
        seconds = job["limits"]["seconds"]
        self._folder.mkdir(exist_ok=True)

        def body(send: Send) -> None:
            carried = Trials(self._folder, job["roots"], job["file"], job["limits"])
            observe = carried.observe if self._hashes is None else partial(self._hashes.observe, carried)
            for trial in trials:
                send({"kind": "observation", **observe(trial)})

        patience = Patience(silence=seconds, most_bytes=_MOST_BYTES_A_TRIAL * len(trials))
        ending = run_child(body, seconds * len(trials), seen.append, self._sender.descriptor, patience)
        if any(self._folder.iterdir()):
            remove_all(self._folder)
        return seen[: len(trials)], ending


def _unseen(reason: str) -> Json:
    nowhere: Json = {"lines": [], "branches": []}
    return {"outcome": nothing(reason), "state": [], "writes": False, "warned": False, **nowhere}

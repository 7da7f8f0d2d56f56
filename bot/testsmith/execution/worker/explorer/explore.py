"""Explore members: describe them, or run trials, in children that are forked for them.

The module under test is loaded once, then a child is forked for each member or trial; a hostile or hanging
trial costs its time limit and no more. The job comes as one JSON object on standard input:

    roots, hidden, owned, refused      as for the tests; see `imports.arrange`
    module      the public module to load
    days        how far the clock is moved ahead
    describe    names of members to describe, in this process
    trials      a list of trials, those of a member one after another
    apart       whether each trial has a child of its own; else those of a member share one
    file        the file whose lines are traced; null for no tracing
    source      its text, where a search wants to know what trials notice and are compared with; else null
    changes     by member the changes that its trials may notice: `{"number", "edit", "function",
                "statement"}`, as for the tests, and the first and the last line of what is changed
    limits      `{"seconds", "cpu_seconds", "memory", "longest", "failures"}`: those of one trial, the most
                characters of a value's text, and after how many trials of a member that ran into a limit or
                died its others are not run

with each trial

    number, member
    imports     import statements
    setup       statements
    call        an expression or a statement
    watched     names of objects that the setup makes, which are looked at afterwards
    probes      expressions that are looked at afterwards
    inside      whether an object is told by what it shows, even where it has a source text
    in_loop     whether all of it runs inside one coroutine, in which its text may await
    enters      whether an object that can be entered is entered, and told of from inside
    allowed     the name of an exception's class that may happen to the project; empty for none
    expected    the value that is documented, as an expression; null for none
    exception   the name of the documented exception's class; null for none

What is told back are lines of JSON:

    {"problem": null, "missing": null}                     once: why the module cannot be loaded, and the
                                                           name of a module that is not there
    {"description": {...}}                                 one a name; see `describe`
    {"number", "outcome", "state", "writes", "warned", "lines", "branches"}    one a trial; see `observe`
    {"noticed": {...}}                                     one a change that is noticed; see `noticing`
    {"compared", "pairs"}                                  one a trial; see `comparing`

State is a list of `{"of", "text", "imports", "before"}`: what the watched objects, the probes
and the files in the working folder show after the call, and the text that they showed before it; `writes`
says whether there are such files, and `warned` whether Python's `warnings` were given.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import operator
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import ModuleType

from ..clock import move_clock
from ..code_swap import LoadedModule
from ..forking import SAYINGS, Patience, Send, become_parent, run_child
from ..imports import arrange
from ..results import ResultChannel
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
"""A first input on which base differs is looked for from some of the first ones."""


def main() -> None:
    """Read the job from standard input, and tell the results on standard output."""
    teller = ResultChannel()
    become_parent()
    job = json.load(sys.stdin)
    arrange(job["roots"], job["hidden"], job["owned"], job["refused"])
    if job["days"]:
        move_clock(job["days"])
    problem = _load(job["module"])
    teller.tell(problem)
    if problem["problem"] is not None:
        return
    for name in job["describe"]:
        teller.tell({"description": describe(job["module"], name)})
    prepare(statement for trial in job["trials"] for statement in trial["setup"])
    runner = _Runner(job, teller, _Hashes(job["owned"]) if job["days"] else None)
    gc.collect()
    gc.freeze()  # the children's collections pass over what is loaded now
    for _, trials in itertools.groupby(job["trials"], key=operator.itemgetter("member")):
        runner.run([*trials])


def _load(module: str) -> Json:
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - foreign code raises what it likes
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        return {"problem": f"{type(error).__name__}: {error}"[:500], "missing": missing}
    return {"problem": None, "missing": None}


class _Hashes:
    """Another `hash` and `id` in the modules of the project: no test may hang on what these come to.

    Those of numbers, and of what is made of numbers, are the same in all processes of one version of Python.

    Args:
        owned: The top-level names of the project's modules; those that are loaded are changed.
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
        """Carry out a trial; where it asks for hashes, the same must come of it whatever they are."""
        self._bits, self._is_used = _OTHER_BITS[0], False
        observation = trials.observe(trial)
        if not self._is_used:
            return observation
        for self._bits in _OTHER_BITS[1:]:
            if any(Seen(trial, observation).differs(trials.observe(trial))):
                return _unseen("what it gives hangs on the value of a hash")
        return observation


class _Search:
    """Tells what a search goes by: what trials notice, and what they are compared with.

    Args:
        job: The job.
        folder: The trials' working folder.
        teller: What tells the results.
    """

    def __init__(self, job: Json, folder: Path, teller: ResultChannel) -> None:
        module = LoadedModule(job["file"], job["source"])  # before objects are hidden from the collector
        self._changes = job["changes"]
        self._teller = teller
        self._noticing = Noticing(job, module, folder, teller.descriptor)
        self._comparing = Comparing(job, module, folder, teller.descriptor)

    def tell_of(self, seen: list[Seen]) -> None:
        """Tell of the trials of one member."""
        noticed = self._noticing.run(seen)
        for each in noticed:
            self._teller.tell({"noticed": each})
        for each in self._comparing.run([each.trial for each in self._leading_on(seen, noticed)]):
            self._teller.tell(each)

    def _leading_on(self, seen: list[Seen], noticed: list[Json]) -> list[Seen]:
        """Return the trials to go on from: the first ones, and those near what none notices."""
        if not seen:
            return []
        known = {each["change"] for each in noticed}
        changes = self._changes.get(seen[0].trial["member"], ())
        statements = {tuple(each["statement"]) for each in changes if each["number"] not in known}
        near = {id(each) for first, last in statements for each in _nearest(seen, first, last)}
        return [each for at, each in enumerate(seen) if at < _MOST_FIRST or id(each) in near]


def _nearest(seen: list[Seen], first: int, last: int) -> list[Seen]:
    """Return the trials that reach a statement, else those that come nearest before it."""
    reaching = [each for each in seen if each.reaches(first, last)]
    if reaching:
        return reaching[:_MOST_NEAR]
    before = [max((line for line in each.observation["lines"] if line < first), default=0) for each in seen]
    best = max(before)
    nearest = [each for each, line in zip(seen, before) if line == best]  # noqa: B905 - for Python 3.9
    return nearest[:_MOST_NEAR]


class _Runner:
    """Runs the trials of one member after another.

    Args:
        job: The job.
        teller: What tells the results.
        hashes: Other hashes for the project; None for those that things have.
    """

    def __init__(self, job: Json, teller: ResultChannel, hashes: _Hashes | None) -> None:
        self._job = job
        self._teller = teller
        self._hashes = hashes
        self._folder = Path("trial").resolve()
        self._search = None if job["source"] is None else _Search(job, self._folder, teller)

    def run(self, trials: list[Json]) -> None:
        """Run trials of one member; tell what was observed, and what a search goes by."""
        seen = self._observe(trials)
        if self._search is not None:
            self._search.tell_of(seen)

    def _observe(self, trials: list[Json]) -> list[Seen]:
        """Run trials, tell what was observed, and return those that were run to their end.

        They share a child unless each is to have its own; after one that ran into a limit or ended its child
        the others go on in a new one.
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
                self._tell(left[0], _unseen(f"it {SAYINGS[ending]}"))
                left = left[1:]
        for trial in left:
            self._tell(trial, _unseen("others of its trials ran into a limit"))
        return found

    def _tell(self, trial: Json, observation: Json) -> None:
        heard = {name: observation.get(name) for name in _unseen("")}
        self._teller.tell({"number": trial["number"], **heard})

    def _in_child(self, trials: list[Json]) -> tuple[list[Json], str]:
        """Run trials in a child, in an empty folder; return what came of those run, and how it ended."""
        job, seen = self._job, list[Json]()
        seconds = job["limits"]["seconds"]
        self._folder.mkdir(exist_ok=True)

        def body(send: Send) -> None:
            carried = Trials(self._folder, job["roots"], job["file"], job["limits"])
            observe = carried.observe if self._hashes is None else partial(self._hashes.observe, carried)
            for trial in trials:
                send({"kind": "observation", **observe(trial)})

        patience = Patience(silence=seconds, most_bytes=_MOST_BYTES_A_TRIAL * len(trials))
        ending = run_child(body, seconds * len(trials), seen.append, self._teller.descriptor, patience)
        if any(self._folder.iterdir()):
            remove_all(self._folder)
        return seen[: len(trials)], ending


def _unseen(reason: str) -> Json:
    nowhere: Json = {"lines": [], "branches": []}
    return {"outcome": nothing(reason), "state": [], "writes": False, "warned": False, **nowhere}

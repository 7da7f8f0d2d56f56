"""Run the project's own tests once, and tell what each of them reaches of some members.

The plan comes as one JSON object on standard input:

    root, project                     the copy of the git root, and the folder in it where pytest is run
    arguments                         what a person gives to pytest
    roots, hidden, owned, refused     as for `serve.py`
    spans                             `[{file, first, last}]`: where the members stand, below the root
    names, modules                    what the files of those tests name, and import, that are run first
    only                              the ids of the tests that are run; null for all
    seconds                           the time limit of all
    whole                             whether it only matters what all tests reach together: then a line is
                                      told of once
    changes                           what is tried in place of a run that is traced; null for none:
                                      `{tests: [id], modules: [{path, source}], changes: [{module, number,
                                      edit, function, tests: [number]}]}`, see `suite_changes.py`

What is told back are lines of JSON on standard output, written by a process that has never run code of the
project, each as soon as it is known. They are those of the children, see `suite_recorder.py`, which foreign
code may have forged, with `attempt` as the number of the child; and, at the end of each child,

    {"kind": "ended", "attempt": 0, "how": "done", "running": null, "words": "..."}

with `running` as the test that was running, and `words` as what pytest said last. Of changes are told

    {"kind": "change", "module": 0, "number": 0, "noticed": true}
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from .forking import DONE, Message, Patience, become_parent, run_child
from .imports import arrange
from .results import ResultChannel
from .tracer import MemberSpan

_MOST_ATTEMPTS = 6
_LEAST_SILENCE = 20.0
_SILENCE_SHARE = 0.5
_MOST_BYTES = 28 * 1024**2
_TESTS_BY_NAME = ("test.py", "tests.py")


def main() -> None:
    """Read the plan from standard input, and tell the results on standard output."""
    teller = ResultChannel()
    become_parent()
    plan = json.load(sys.stdin)
    os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
    for name in ("tmp", "output"):
        Path(name).mkdir()
    os.environ["TMPDIR"] = str(Path("tmp").resolve())
    output = Path("output").resolve()
    os.chdir(plan["project"])
    arrange(plan["roots"], plan["hidden"], plan["owned"], plan["refused"])
    if plan["changes"] is None:
        _Suite(plan, teller, output).run()
    else:
        _try_changes(plan, teller)


def _try_changes(plan: dict[str, Any], teller: ResultChannel) -> None:
    changes = importlib.import_module(__package__ + ".suite_mutation")
    for data in changes.try_changes(changes.read_changes(plan, _place(plan), teller.descriptor)):
        teller.tell({"kind": "change", **data})


def _place(plan: dict[str, Any]) -> Any:
    root, project = Path(plan["root"]), Path(plan["project"])
    return _pytest_part().SuiteFolder(root, project, frozenset(plan["hidden"]), tuple(plan["arguments"]))


class _Suite:
    """Runs the tests in children: after one that hung or ended, the next runs the tests left."""

    def __init__(self, plan: dict[str, Any], teller: ResultChannel, output: Path) -> None:
        self._plan = plan
        self._teller = teller
        self._output = output
        self._deadline = time.monotonic() + plan["seconds"]
        self._attempt = 0
        self._done: set[str] = set()
        self._running: str | None = None
        self._exit: int | None = None

    def run(self) -> None:
        """Run all tests, with the project's own options where they can be used."""
        with_own, files = True, tuple[str, ...]()
        for self._attempt in range(_MOST_ATTEMPTS):
            how = self._run_child(with_own=with_own, files=files)
            is_unusable = how == DONE and self._exit in _pytest_part().UNUSABLE
            if time.monotonic() > self._deadline:
                return
            if is_unusable and with_own and not self._done:
                with_own = False
            elif self._exit == _pytest_part().NO_TESTS and not files and self._named_otherwise():
                files = self._named_otherwise()
            elif how == DONE or self._running is None:
                return
            else:
                self._done.add(self._running)

    def _named_otherwise(self) -> tuple[str, ...]:
        """Return the files that hold tests by other names than pytest looks for."""
        if self._plan["arguments"] or self._plan["only"] is not None:
            return ()
        return tuple(name for name in _TESTS_BY_NAME if Path(name).is_file())

    def _run_child(self, *, with_own: bool, files: tuple[str, ...]) -> str:
        self._running = self._exit = None
        output = self._output / str(self._attempt)
        run = self._suite_run(with_own=with_own)._replace(files=files)
        seconds = self._plan["seconds"]
        patience = Patience(max(_LEAST_SILENCE, _SILENCE_SHARE * seconds), _MOST_BYTES)

        def body(send: Any) -> None:
            _pytest_part().speak_into(output)
            importlib.import_module(__package__ + ".suite_recorder").run_suite(run, send)

        left = self._deadline - time.monotonic()
        how = run_child(body, left, self._receive, self._teller.descriptor, patience)
        words = _pytest_part().last_words(output)
        self._tell({"kind": "ended", "how": how, "running": self._running, "words": words})
        return how

    def _suite_run(self, *, with_own: bool) -> Any:
        recorder, plan = importlib.import_module(__package__ + ".suite_recorder"), self._plan
        spans = tuple(
            MemberSpan(f"{plan['root']}/{span['file']}", span["first"], span["last"])
            for span in plan["spans"]
        )
        return recorder.SuiteRun(
            _place(plan),
            spans,
            recorder.Likely(tuple(plan["names"]), tuple(plan["modules"])),
            frozenset(self._done),
            with_own,
            whole=bool(plan["whole"]),
            only=None if plan["only"] is None else frozenset(plan["only"]),
        )

    def _receive(self, message: Message) -> None:
        """Pass a message of the child on; it may be anything."""
        if message["kind"] in {"ended", "alive"}:
            return
        if message["kind"] == "begun":
            self._running = str(message.get("id"))
        elif message["kind"] == "test":
            self._done.add(str(message.get("id")))
            self._running = None
        elif message["kind"] == "exit":
            code = message.get("code")
            self._exit = code if isinstance(code, int) else None
        self._tell(message)

    def _tell(self, message: Message) -> None:
        self._teller.tell({**message, "attempt": self._attempt})


def _pytest_part() -> Any:
    """Return what knows pytest, which is loaded once the import path is arranged."""
    return importlib.import_module(__package__ + ".suite_recorder")

"""Run the project's tests once, and report what each of them reaches of some members.

The plan is one JSON object on standard input:

    root, project                     copy of the git root, and the folder in it where pytest runs
    arguments                         configured arguments for pytest
    roots, hidden, owned, refused     see `serve.py`
    spans                             `[{file, first, last}]`: locations of the members, below the root
    own_names, files                  names in test files that run first, and paths of such files
    names, modules                    names and imports in test files that run next
    others_until                      seconds after the start in which tests may begin that do not run first;
                                      null for all of `seconds`
    only                              ids of tests or test functions to run, or files to run as a whole; null
                                      for all
    backwards                         whether to run them in reverse order
    part                              number of this process, and the number of those that share the files
    seconds                           time limit for all tests
    whole                             whether to report each line only once, for all tests together
    recorded                          source files whose calls to record instead of tracing, below the root;
                                      null for a traced run, see `explorer/call_recorder.py`
    changes                           mutants to try instead of a traced run; null for none:
                                      `{tests: [id], modules: [{path, source}], changes: [{module, number,
                                      edit, function, tests: [number]}]}`, see `mutation.py`; for an
                                      audit also `audit: {functions: [[number, [test]]], files}`, with all
                                      source files, and in each change `group`, the number of its function,
                                      and `optional`, for one to leave out after the function killed another

Results are JSON lines on standard output, written as soon as they are known by a process that never runs code
of the project. They contain the children's messages (see `recorder.py`), which untrusted code may have
forged, with the number of the child as `attempt`. At the end of each child:

    {"kind": "ended", "attempt": 0, "how": "done", "running": null, "words": "..."}

where `running` is the test that was running, and `words` the last output of pytest. For mutants:

    {"kind": "change", "module": 0, "number": 0, "noticed": true, "in_setup": false}

where `in_setup` says whether it was noticed only by fixtures. For each audited function:

    {"kind": "audited", "function": 0, "alone": "passed", "backwards": "passed",
     "without": {"gone": "failed"}, "why": ""}

with how its tests end by themselves, in reverse order, and without the project, by the way it was taken away,
and why that is not certain.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from ..forking import DONE, Message, Patience, become_parent, run_child
from ..imports import arrange
from ..results import ResultChannel
from ..tracer import MemberSpan

_MOST_ATTEMPTS = 6
_LEAST_SILENCE = 20.0
_SILENCE_SHARE = 0.5
_SILENCE_OF_OTHERS = 10.0
"""For tests in files that do not seem to be about a member, if these need not run at all."""

_MOST_BYTES = 28 * 1024**2
_TESTS_BY_NAME = ("test.py", "tests.py")


def main() -> None:
    """Read the plan from standard input and write the results to standard output."""
    channel = ResultChannel()
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
        _Suite(plan, channel, output).run()
    else:
        _try_changes(plan, channel)


def _try_changes(plan: dict[str, Any], channel: ResultChannel) -> None:
    changes = importlib.import_module(__package__ + ".mutation")
    for data in changes.try_changes(changes.read_changes(plan, _place(plan), channel.descriptor)):
        channel.tell({"kind": "change", **data})


def _place(plan: dict[str, Any]) -> Any:
    root, project = Path(plan["root"]), Path(plan["project"])
    return _pytest_part().SuiteFolder(root, project, frozenset(plan["hidden"]), tuple(plan["arguments"]))


class _Suite:
    """Runs the tests in children: if one hangs or crashes, the next child runs the remaining tests."""

    def __init__(self, plan: dict[str, Any], channel: ResultChannel, output: Path) -> None:
        self._plan = plan
        self._channel = channel
        self._output = output
        self._deadline = time.monotonic() + plan["seconds"]
        self._attempt = 0
        self._others_until = plan["others_until"]
        self._begun = time.monotonic()
        self._done: set[str] = set()
        self._running: str | None = None
        self._is_other = False
        self._exit: int | None = None

    def run(self) -> None:
        """Run all tests, with the project's own options if possible."""
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
        """Return test files with names that pytest does not collect by default."""
        if self._plan["arguments"] or self._plan["only"] is not None:
            return ()
        return tuple(name for name in _TESTS_BY_NAME if Path(name).is_file())

    def _run_child(self, *, with_own: bool, files: tuple[str, ...]) -> str:
        self._running = self._exit = None
        output = self._output / str(self._attempt)
        run = self._suite_run(with_own=with_own)._replace(files=files)
        self._is_other = False
        patience = Patience(self._silence, _MOST_BYTES)

        def body(send: Any) -> None:
            _pytest_part().speak_into(output)
            importlib.import_module(__package__ + ".recorder").run_suite(run, send)

        left = self._deadline - time.monotonic()
        how = run_child(body, left, self._receive, self._channel.descriptor, patience)
        words = _pytest_part().last_words(output)
        self._tell({"kind": "ended", "how": how, "running": self._running, "words": words})
        return how

    def _silence(self) -> float:
        """Return how many seconds the test that runs now may take."""
        return (
            _SILENCE_OF_OTHERS
            if self._is_other
            else max(_LEAST_SILENCE, _SILENCE_SHARE * float(self._plan["seconds"]))
        )

    def _suite_run(self, *, with_own: bool) -> Any:
        recorder, plan = importlib.import_module(__package__ + ".recorder"), self._plan
        spans = tuple(
            MemberSpan(f"{plan['root']}/{span['file']}", span["first"], span["last"])
            for span in plan["spans"]
        )
        return recorder.SuiteRun(
            _place(plan),
            spans,
            recorder.Likely(
                tuple(plan["names"]),
                tuple(plan["own_names"]),
                tuple(plan["modules"]),
                frozenset(plan["files"]),
            ),
            frozenset(self._done),
            with_own,
            whole=bool(plan["whole"]),
            others_until=None if self._others_until is None else self._begun + self._others_until,
            only=None if plan["only"] is None else frozenset(plan["only"]),
            backwards=bool(plan["backwards"]),
            part=(plan["part"][0], plan["part"][1]),
            recorded=frozenset(f"{plan['root']}/{file}" for file in plan["recorded"] or ()),
        )

    def _receive(self, message: Message) -> None:
        """Pass on a message of the child, which is untrusted."""
        if message["kind"] in {"ended", "alive"}:
            return
        if message["kind"] == "begun":
            self._running = str(message.get("id"))
            self._is_other = self._others_until is not None and not message.get("likely")
        elif message["kind"] == "test":
            self._done.add(str(message.get("id")))
            self._running, self._is_other = None, False
        elif message["kind"] == "exit":
            code = message.get("code")
            self._exit = code if isinstance(code, int) else None
        self._tell(message)

    def _tell(self, message: Message) -> None:
        self._channel.tell({**message, "attempt": self._attempt})


def _pytest_part() -> Any:
    """Return the module that imports pytest, which must wait until the import path is set up."""
    return importlib.import_module(__package__ + ".recorder")

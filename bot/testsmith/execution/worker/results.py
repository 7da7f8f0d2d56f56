"""What is known of one job: the messages of its children, put together.

The children run foreign code, so a message may be forged or broken: what has not the right shape is dropped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from .forking import DONE, SAYINGS, Message

_BADNESS = ("passed", "skipped", "failed", "timed out", "crashed")


class JobResults:
    """What the children of one job have told so far.

    Attributes:
        functions: What is known of each function, in the order of their ends; its worst case counts.
        problem: Why the module as a whole could not be run; empty where it could.
        loaded: What was reached while the module was loaded.
        expected: The functions that are run in a session of the project's own; None where it was not set up.
        is_spoiled: Whether what the project sets up for each test failed there.
        idle: Where calls stand in the module that were not made; None where they were not watched to the end.
    """

    def __init__(self) -> None:
        self.expected: set[str] | None = None
        self.is_spoiled = False
        self.idle: list[list[int]] | None = None
        self.functions: dict[str, Message] = {}
        self.problem = ""
        self.loaded: Message = {"lines": [], "branches": []}
        self._running: str | None = None
        self._was_cut_short = False

    def receive(self, message: Message) -> None:
        """Take one message in."""
        try:
            if message["kind"] == "begun":
                self._running = str(message["name"])
            elif message["kind"] == "case":
                self._running = None
                self._add_case(message)
            elif message["kind"] == "ready":
                self.expected = {str(name) for name in message["names"]}
            elif message["kind"] == "spoiled":
                self.is_spoiled = True
            elif message["kind"] == "left":
                self.functions[str(message["name"])]["left"] = [str(path) for path in message["paths"]]
            elif message["kind"] == "idle":
                calls = [[int(part) for part in call] for call in message["calls"]]
                self.idle = None if self._was_cut_short else calls
            elif message["kind"] == "module":
                self.problem = str(message["problem"])
                self.loaded = _reached([message])
        except (KeyError, TypeError, ValueError):
            return

    @property
    def is_whole(self) -> bool:
        """Whether a session of the project's own was set up, and all functions of the module ended in it."""
        return self.expected is not None and self.expected <= self.functions.keys() and not self.is_spoiled

    def close(self, ending: str) -> bool:
        """Note how a child ended; tell whether there may be functions left to run."""
        if ending == DONE:
            return False
        self._was_cut_short = True
        if self._running is None:
            self.problem = self.problem or f"the test module {SAYINGS[ending]} outside its test functions"
            return False
        status = ending if ending in _BADNESS else "crashed"
        case = {"name": self._running, "status": status, "message": f"it {SAYINGS[ending]}"}
        self._add_case({**case, "lines": [], "branches": []})
        self._running = None
        return True

    def take_again(self, account: JobResults) -> None:
        """Take in what came of the functions when they were run again where they had run before."""
        self.problem = self.problem or account.problem
        for name, function in self.functions.items():
            again = account.functions.get(name, {"status": "crashed", "message": account.problem})
            if function["status"] == "passed" and again["status"] != "passed":
                message = f"when run again in the same folder: {again['message']}"
                self.functions[name] = {**function, "status": again["status"], "message": message}

    def _add_case(self, case: Message) -> None:
        name = str(case["name"])
        known = self.functions.get(name, case)
        worst = max(known, case, key=lambda data: _BADNESS.index(data["status"]))
        verdict = {
            "name": name,
            "status": worst["status"],
            "message": str(worst["message"]),
            "network": worst.get("network") is True,
            "raised_by_test": all(
                data.get("raised_by_test") is True
                for data in (known, case)
                if data["status"] == worst["status"]
            ),
        }
        self.functions[name] = {**verdict, **_reached([known, case])}


def _reached(messages: Iterable[Message]) -> Message:
    """Return the lines and branches of several messages together."""
    lines: set[int] = set()
    branches: set[tuple[int, int]] = set()
    for message in messages:
        lines.update(int(line) for line in message["lines"])
        branches.update((int(before), int(after)) for before, after in message["branches"])
    return {"lines": sorted(lines), "branches": sorted(branches)}


class ResultChannel:
    """Tells results on what was standard output at the start; nothing else can write there.

    Attributes:
        descriptor: The file descriptor, which no child may have.
    """

    def __init__(self) -> None:
        self.descriptor = os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.close(nowhere)
        os.write(self.descriptor, b"\n")  # ends whatever the environment has printed at its start

    def tell(self, message: dict[str, Any]) -> None:
        """Tell one result, at once."""
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self.descriptor, data) :]

"""Combine the messages of the children of one job into its result, and send results to the bot.

The children run untrusted code, so messages may be forged or broken; malformed ones are dropped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from .forking import DONE, ENDING_TEXTS, Message

_BADNESS = ("passed", "skipped", "failed", "timed out", "crashed")


class JobResults:
    """What the children of one job have reported so far.

    Attributes:
        functions: Results by function in the order of completion; the worst case counts.
        problem: Why the module could not be run; empty if it could.
        loaded: Lines and arcs reached while the module was loaded.
        expected: Functions to run in a session of the project; None if the session was not set up.
        is_spoiled: Whether the project's own setup for tests failed in the session.
        is_ignored: Whether pytest works in the session, but collects nothing of the module.
        idle: Locations of calls in the module that were not made; None if not fully recorded.
    """

    def __init__(self) -> None:
        self.expected: set[str] | None = None
        self.is_spoiled = self.is_ignored = False
        self.idle: list[list[int]] | None = None
        self.functions: dict[str, Message] = {}
        self.problem = ""
        self.loaded: Message = {"lines": [], "branches": []}
        self._running: str | None = None
        self._was_cut_short = False
        self._merged: dict[str, Message] = {}
        self._rows: dict[str, dict[int | None, set[str]]] = {}

    def receive(self, message: Message) -> None:
        """Handle one message."""
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
            elif message["kind"] == "ignored":
                self.is_ignored = True
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
        """Whether a session of the project was set up and all functions of the module finished in it."""
        return self.expected is not None and self.expected <= self.functions.keys() and not self.is_spoiled

    def close(self, ending: str) -> bool:
        """Record how a child ended; return whether there may be functions left to run."""
        if ending == DONE:
            return False
        self._was_cut_short = True
        if self._running is None:
            self.problem = (
                self.problem or f"the test module {ENDING_TEXTS[ending]} outside its test functions"
            )
            return False
        status = ending if ending in _BADNESS else "crashed"
        case = {"name": self._running, "status": status, "message": f"it {ENDING_TEXTS[ending]}"}
        self._add_case({**case, "lines": [], "branches": []})
        self._running = None
        return True

    def take_again(self, account: JobResults) -> None:
        """Merge the results of running the functions a second time."""
        self.problem = self.problem or account.problem
        for name, function in self.functions.items():
            again = account.functions.get(name, {"status": "crashed", "message": account.problem})
            if function["status"] == "passed" and again["status"] != "passed":
                message = f"when run again in the same folder: {again['message']}"
                failing = {"message": message, "failing_line": again.get("failing_line", "")}
                self.functions[name] = {**function, "status": again["status"], **failing}

    def _add_case(self, case: Message) -> None:
        name = str(case["name"])
        self._rows.setdefault(name, {}).setdefault(case.get("row"), set()).add(str(case["status"]))
        known = self._merged.get(name, case)
        worst = max(known, case, key=lambda data: _BADNESS.index(data["status"]))
        verdict = {
            "name": name,
            "status": worst["status"],
            "message": str(worst["message"]),
            "failing_line": str(worst.get("failing_line", "")),
            "network": worst.get("network") is True,
            "raised_by_test": all(
                data.get("raised_by_test") is True
                for data in (known, case)
                if data["status"] == worst["status"]
            ),
        }
        failing = [data for data in (case, self._merged.get(name)) if data and data["status"] != "passed"]
        rows = {row for data in failing for row in data.get("failed_rows", [data.get("row")])}
        seconds = [data.get("seconds") for data in (case, self._merged.get(name)) if data]
        is_timed = all(isinstance(one, float) for one in seconds)
        calls = {
            str(call) for data in (case, self._merged.get(name)) if data for call in data.get("calls", [])
        }
        self._merged[name] = {
            **verdict,
            **_reached([known, case]),
            "failed_rows": list(rows),
            "seconds": sum(seconds) if is_timed else None,
            "calls": sorted(calls),
        }
        self.functions[name] = self._without_skipped(self._merged[name])

    def _without_skipped(self, function: Message) -> Message:
        """Return a function's result without skipped cases of rows that passed in another case.

        A parametrized fixture of the project makes several cases of a row, and may skip one of them here.
        """
        rows = self._rows[function["name"]]
        passed = {
            row
            for row, statuses in rows.items()
            if statuses <= {"passed", "skipped"} and "passed" in statuses
        }
        failed = [row for row in function["failed_rows"] if row not in passed]
        if function["status"] == "skipped" and passed == rows.keys():
            return {**function, "status": "passed", "message": "", "failed_rows": failed}
        return {**function, "failed_rows": failed}


def _reached(messages: Iterable[Message]) -> Message:
    """Merge the lines and arcs of several messages."""
    lines: set[int] = set()
    branches: set[tuple[int, int]] = set()
    for message in messages:
        lines.update(int(line) for line in message["lines"])
        branches.update((int(before), int(after)) for before, after in message["branches"])
    return {"lines": sorted(lines), "branches": sorted(branches)}


class ResultChannel:
    """Writes results to the original standard output, which nothing else can write to.

    Attributes:
        descriptor: File descriptor to close in children.
    """

    def __init__(self) -> None:
        self.descriptor = os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.close(nowhere)
        os.write(self.descriptor, b"\n")  # ends any output printed at startup

    def tell(self, message: dict[str, Any]) -> None:
        """Write one result without buffering."""
        self.write(json.dumps(message).encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Write bytes without buffering."""
        while data:
            data = data[os.write(self.descriptor, data) :]

"""The project's own tests against changes of its modules: plans for `worker/suite_changes.py`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from testsmith.execution.harness import ChangedModule, ChangedModules
from testsmith.execution.output_lines import read_lines
from testsmith.execution.own_tests.run import run_worker
from testsmith.execution.sandbox import CannotRun, Outcome
from testsmith.execution.workspace import Workspace

_LEAST_A_PROCESS = 8
"""Fewer changes are not worth a process and a copy of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one process tries: changes, each with the id of its member."""

    modules: Mapping[str, ChangedModules]
    changes: Sequence[tuple[str, ChangedModule]]

    def plan(self, seconds: float) -> dict[str, object]:
        """Return it as it travels."""
        members = list(dict.fromkeys(member for member, _ in self.changes))
        tests = sorted(set(chain.from_iterable(change.tests for _, change in self.changes)))
        numbers = {test: number for number, test in enumerate(tests)}
        return {
            "seconds": seconds,
            "changes": {
                "tests": tests,
                "modules": [
                    {"path": self.modules[member].path, "source": self.modules[member].source}
                    for member in members
                ],
                "changes": [
                    {
                        "module": members.index(member),
                        "number": change.number,
                        "edit": change.edit,
                        "function": change.function,
                        "tests": sorted(numbers[test] for test in change.tests),
                    }
                    for member, change in self.changes
                ],
            },
        }

    def read(self, outcome: Outcome) -> list[tuple[str, int, bool]]:
        """Return what is told of changes: the member, the change's number, and whether it was noticed."""
        members = list(dict.fromkeys(member for member, _ in self.changes))
        asked = {(member, change.number) for member, change in self.changes}
        found: list[tuple[str, int, bool]] = []

        def take(told: dict[str, Any]) -> None:
            match told:
                case {
                    "kind": "change",
                    "module": int(module),
                    "number": int(number),
                    "noticed": bool(noticed),
                }:
                    if 0 <= module < len(members) and (members[module], number) in asked:
                        found.append((members[module], number, noticed))

        read_lines(outcome.stdout, take)
        return found


async def try_changes(
    workspace: Workspace, changed: Mapping[str, ChangedModules], seconds: float
) -> dict[str, dict[int, bool]]:
    """Run own tests against changes, side by side; see `own_suite.changes_noticed`."""
    changes = [
        (member, change) for member, all_ in changed.items() for change in all_.changes if change.tests
    ]
    count = max(1, min(workspace.parallel, math.ceil(len(changes) / _LEAST_A_PROCESS)))
    parts = [_Part(modules=changed, changes=changes[start::count]) for start in range(count)]
    found: dict[str, dict[int, bool]] = {}
    for told in await asyncio.gather(*(_tried(workspace, part, seconds) for part in parts if part.changes)):
        for member, number, noticed in told:
            found.setdefault(member, {})[number] = noticed
    return found


async def _tried(workspace: Workspace, part: _Part, seconds: float) -> list[tuple[str, int, bool]]:
    try:
        outcome, _ = await run_worker(workspace, part.plan(seconds))
    except CannotRun:
        return []
    return part.read(outcome)

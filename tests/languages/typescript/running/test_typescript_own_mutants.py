from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from testsmith.execution.jobs import FAILED, PASSED, ChangedModule, ChangedModules
from testsmith.languages.typescript.running.project_tests.baseline import OwnTestFiles

TEST = "a.test.ts::works"


@dataclass(frozen=True, slots=True)
class EndedTests(OwnTestFiles):
    """Own tests of which it is given how they end with each mutant, and how long that takes."""

    workspace: Any = None
    files: Any = None
    endings: list[tuple[dict[str, str], float]] = field(default_factory=list)

    async def _ended(
        self, _tests: Iterable[str], _placed: Mapping[str, str], _seconds: float
    ) -> tuple[dict[str, str], float]:
        return self.endings.pop(0)


@pytest.mark.parametrize(
    ("ended", "took", "killed"),
    [
        ({TEST: PASSED}, 1.0, {0: False}),
        ({TEST: FAILED}, 1.0, {0: True}),
        ({}, 40.0, {0: True}),  # it does not end within the time of a mutant
        ({}, 3.0, {}),  # there was less time left than that
        ({TEST: FAILED}, 3.0, {0: True}),
    ],
)
def test_changed__what_had_no_time_is_not_killed(
    ended: dict[str, str], took: float, killed: dict[int, bool]
) -> None:
    change = ChangedModule(number=0, edit=(0, 1, "b"), function=None, tests=frozenset({TEST}))
    modules = ChangedModules(path="a.ts", source="a", names=frozenset(), changes=(change,))
    own = EndedTests(endings=[({TEST: PASSED}, 5.0), (ended, took)])
    seconds = 5.0 + took
    assert asyncio.run(own.changed({"a.ts::a": modules}, seconds)) == {"a.ts::a": killed}

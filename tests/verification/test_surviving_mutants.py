"""Which mutants of a member the project's own tests leave alive."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import ChangedModules, Reached
from testsmith.execution.runner import TestRunner
from testsmith.languages.python.language import PYTHON
from testsmith.languages.thresholds import GateTable
from testsmith.model import Change, Member, MemberKind
from testsmith.verification.surviving_mutants import MemberMutants, find_surviving_mutants

SOURCE = "def fee(amount):\n    if amount > 100:\n        return amount + 1\n    return amount - 2\n"
MEMBER = Member(
    path="fees.py",
    name="fee",
    language="python",
    change=Change.ADDED,
    line=1,
    end_line=4,
    kind=MemberKind.FUNCTION,
    source=SOURCE,
    module="fees",
)


class Runner:
    """Answers whether tests kill a mutant, by its line; None for those that were not tried in time."""

    def __init__(self, folder: Path, kills: Mapping[int, bool | None]) -> None:
        self.workspace = SimpleNamespace(head=SimpleNamespace(root=folder))
        self.kills = kills

    async def own_changed(
        self, changed: Mapping[str, ChangedModules], _seconds: float
    ) -> Mapping[str, Mapping[int, bool]]:
        found: dict[str, dict[int, bool]] = {}
        for member, module in changed.items():
            for change in module.changes:
                kills = self.kills[SOURCE.count("\n", 0, change.edit[0]) + 1]
                if kills is not None:
                    found.setdefault(member, {})[change.number] = kills
        return found


def surviving(folder: Path, suite: OwnSuite, **kills: bool | None) -> tuple[MemberMutants, ...]:
    (folder / "fees.py").write_text(SOURCE)
    runner = cast("TestRunner", Runner(folder, {int(line[1:]): kill for line, kill in kills.items()}))
    work: Any = find_surviving_mutants([(MEMBER, PYTHON.mutator)], suite, runner, GateTable(), 9.0)
    found: tuple[MemberMutants, ...] = asyncio.run(work)
    return found


def suite_reaching(*lines: int) -> OwnSuite:
    tests = dict.fromkeys(lines, ("tests/test_fees.py::test_fee",))
    baseline = MemberBaseline(reached=Reached(lines=frozenset(lines)), tests=tests)
    return OwnSuite(members={MEMBER.id: baseline})


def test_find_surviving_mutants__are_those_that_tests_pass_with_and_those_that_none_reaches(
    tmp_path: Path,
) -> None:
    (found,) = surviving(tmp_path, suite_reaching(2, 4), _2=False, _4=True)
    assert {(one.line, one.is_reached) for one in found.survived} == {(2, True), (3, False)}
    assert found.unknown == 0
    assert found.tried > len(found.survived)


def test_find_surviving_mutants__what_was_not_tried_is_unknown(tmp_path: Path) -> None:
    (found,) = surviving(tmp_path, suite_reaching(2, 3, 4), _2=None, _3=True, _4=True)
    assert found.survived == ()
    assert found.unknown > 0
    assert found.tried > 0


def test_find_surviving_mutants__without_a_baseline_nothing_is_said(tmp_path: Path) -> None:
    assert surviving(tmp_path, OwnSuite()) == ()

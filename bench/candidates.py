"""What it takes to run 100 candidates for 20 members as often as their proof needs, mutants left out."""

from __future__ import annotations

import asyncio
import runpy
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.clock import PROCESSORS, Stopwatch
from bench.figures import Figure
from bench.places import order_for
from bench.projects import commit_all
from fakes.workspaces import CountingProgress
from testsmith.changes.members import MemberSearch, find_members
from testsmith.execution.baseline import OwnSuite
from testsmith.git.repository import Repository
from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.model import Candidate, Member, Origin
from testsmith.settings import SandboxChoice, SelectionSettings, VerificationSettings
from testsmith.verification.baseline_mutants import OwnTests
from testsmith.verification.evidence import RunSubject
from testsmith.verification.prove import ProofContext, prove

LEDGER = Path(__file__).parent / "ledger"
CANDIDATES = 5
"""So many a member."""

MOST_SECONDS = 60.0

_CALLS: dict[str, list[tuple[Any, ...]]] = {
    "parse_amount": [("1",), ("1.5",), ("-2.05",), ("1,234",), (" 7 ",), ("12,345,678.9",), ("-0.01",)],
    "format_amount": [(0,), (5,), (-123_456,), (100, "$"), (99_999_999, "EUR "), (-1, "$")],
    "split_evenly": [(100, 3), (0, 2), (7, 7), (10, 4), (-5, 2), (1, 1)],
    "with_tax": [(1_000,), (0,), (1_000, "food"), (333, "books"), (1,), (99,)],
    "discounted": [(1_000, 25), (1_000, 25, 800), (0, 100), (999, 0), (999, 100), (5, 50, 4)],
    "parse_span": [("90s",), ("1h30m",), ("2d",), ("0s",), ("1d1h1m1s",), ("10m10m",)],
    "format_span": [(0,), (59,), (60,), (3_661,), (86_400,), (93_784,)],
    "working_days": [
        ("2026-01-01", "2026-01-07"),
        ("2026-01-03", "2026-01-04"),
        ("2026-01-05", "2026-01-05"),
        ("2026-01-07", "2026-01-01"),
        ("2026-01-01", "2026-12-31"),
    ],
    "overlap": [((0, 5), (3, 9)), ((0, 3), (3, 9)), ((0, 9), (2, 4)), ((5, 6), (0, 1)), ((1, 2), (1, 2))],
    "merged": [([],), ([(0, 1)],), ([(5, 7), (0, 2), (2, 3)],), ([(0, 9), (1, 2)],), ([(3, 4), (0, 1)],)],
    "slug": [("Crème brûlée, twice!",), ("",), ("  a  b  ",), ("A" * 50,), ("one two three", 7), ("--x--",)],
    "ordinal": [(1,), (2,), (3,), (4,), (11,), (112,), (-21,)],
    "listed": [([],), (["one"],), (["one", "two"],), (["a", "b", "c"],), (["a", "b", "c"], "or")],
    "roman": [(1,), (4,), (9,), (40,), (1994,), (3_999,)],
    "boxed": [("hi", 2), ("", 3), ("one two three", 5), ("a longer line of words",), ("x",)],
    "grouped": [([{"a": 1}, {"a": 2}, {}], "a"), ([], "a"), ([{"b": 1}], "a"), ([{"a": 1}, {"a": 1}], "a")],
    "totals": [([],), ([{"a": 1}, {"a": 2, "b": 0}],), ([{"b": 1}, {"a": 1}],), ([{"a": 1}, {"a": -1}],)],
    "ranked": [({},), ({"a": 1, "b": 2, "c": 2},), ({"a": 1, "b": 2, "c": 3, "d": 4},), ({"a": 1}, 0)],
    "transposed": [([],), ([[1, 2], [3]],), ([[1], [2, 3]], 0), ([[1, 2, 3]],), ([[], []],)],
    "as_lines": [([],), ([{}],), ([{"b": 1, "a": 2}],), ([{"a": None}, {"a": "é"}],)],
}

_CODE = """\
import pytest

from {module} import {name}


@pytest.mark.parametrize(("given", "expected"), {rows})
def test_{name}_by_cases(given, expected):
    assert {name}(*given) == expected


def test_{name}_once():
    given = {first!r}
    assert {name}(*given) == {first_result!r}


def test_{name}_leaves_what_it_is_given():
    given = {second!r}
    before = repr(given)
    {name}(*given)
    assert repr(given) == before


def test_{name}_survives_a_file(tmp_path):
    file = tmp_path / "result.txt"
    file.write_text(repr({name}(*{second!r})), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == {second_text!r}
"""
_WRONG = """

def test_{name}_as_somebody_guessed():
    assert {name}(*{first!r}) == ("guessed", {first_result!r})
"""


def measure_candidates(folder: Path) -> Iterator[Figure]:
    """Measure the runs behind each sandbox."""
    repository = _made(folder / "ledger")
    for choice in (SandboxChoice.BEST_EFFORT, SandboxChoice.STRICT):
        took = asyncio.run(_run(repository, choice))
        name = f"{took.candidates} candidates of {took.members} members, {took.runs:,} runs, {choice.value}"
        yield Figure(name=name, value=took.watch.seconds, unit="s", most=MOST_SECONDS)
        both = took.watch.busy / PROCESSORS
        yield Figure(name=f"{name}, {PROCESSORS} processors' time", value=both, unit="s", most=MOST_SECONDS)


def _made(folder: Path) -> Repository:
    """Make the repository: on `main` without its last module, and with other tax."""
    shutil.copytree(LEDGER, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    money, tables = folder / "src/ledger/money.py", folder / "src/ledger/tables.py"
    head = money.read_text(encoding="utf-8"), tables.read_text(encoding="utf-8")
    money.write_text(head[0].replace("+ 50)", "+ 99)"), encoding="utf-8")
    tables.unlink()
    commit_all(folder, "base")
    money.write_text(head[0], encoding="utf-8")
    tables.write_text(head[1], encoding="utf-8")
    return Repository.open(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Took:
    """What was run, and how long that took, the start of the sandbox and the copies left out."""

    members: int
    candidates: int
    runs: int
    watch: Stopwatch


async def _run(repository: Repository, choice: SandboxChoice) -> _Took:
    settings = VerificationSettings(sandbox=choice, max_mutants=0)
    search = find_members(repository, SelectionSettings(base="main", all_paths=("src",)), [PYTHON])
    subjects = list(_subjects(search, repository))
    progress = CountingProgress()
    async with open_workspace(order_for(repository, search, settings)) as workspace:
        with Stopwatch() as watch:
            runner = PythonRunner(workspace=workspace)
            context = ProofContext(
                runner=runner,
                own_tests=OwnTests(OwnSuite(), {PYTHON.name: PYTHON.mutator}, runner, progress),
                settings=settings,
                progress=progress,
                tree=search.head_tree,
            )
            verdicts = await prove(subjects, PYTHON, context)
    if not all(verdict.entries for verdict in verdicts):
        lost = [verdict.cuts for verdict in verdicts if not verdict.entries]
        print(f"{len(lost)} candidates were cut as a whole, the first for {lost[0][:1]}")
    return _Took(members=len(search.members), candidates=len(subjects), runs=progress.steps, watch=watch)


def _subjects(search: MemberSearch, repository: Repository) -> Iterator[RunSubject]:
    for request in PYTHON.source.requests(search.head_tree, search.members, repository.project, ""):
        for number in range(CANDIDATES):
            code = _code(request.member, number)
            candidate = Candidate(member=request.member.id, code=code, origin=Origin.MODEL)
            yield RunSubject(member=request.member, candidate=candidate, test_path=request.test_path)


def _code(member: Member, number: int) -> str:
    """Return one of a member's candidates: each with other cases, and one in five with a wrong test."""
    calls = _CALLS[member.name]
    turned = [*calls[number % len(calls) :], *calls[: number % len(calls)]]
    results = _results(member, turned)
    first, second = turned[0], turned[1]
    parts = {
        "module": member.module,
        "name": member.name,
        "rows": list(zip(turned, results, strict=True)),
        "first": first,
        "first_result": results[0],
        "second": second,
        "second_text": repr(results[1]),
    }
    return (_CODE if number else _CODE + _WRONG).format(**parts)


def _results(member: Member, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return what the member returns; it is part of this program, so it may run in its process."""
    function = runpy.run_path(str(LEDGER / member.path))[member.name]
    return [function(*given) for given in calls]

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.workspaces import CountingProgress, function_member, small_workspace
from testsmith.execution.jobs import ChangedModule, ChangedModules, JobResult, TestJob
from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.languages.python.test_files.test_modules import test_functions as names_of_tests
from testsmith.languages.results import FunctionProof, Proof, Run, TestStatus
from testsmith.languages.thresholds import GateTable
from testsmith.model import Candidate, Change, Member, Origin, Place
from testsmith.settings import VerificationSettings
from testsmith.verification.evidence import RunSubject, gather_evidence
from testsmith.verification.mutation import (
    Mutation,
    gather_mutants,
    is_shown,
    joined_parts,
    shared_out,
)

CLAMP = """\
def clamp(value, low, high):
    if value < low:
        return low
    return min(value, high)
"""

SETTINGS = VerificationSettings(test_seconds=10.0, runs=2)


def subject(code: str, member: Member) -> RunSubject:
    candidate = Candidate(member=member.id, code=textwrap.dedent(code), origin=Origin.OFFLINE)
    return RunSubject(member=member, candidate=candidate)


def tried(
    folder: Path,
    source: str,
    *subjects: RunSubject,
    progress: CountingProgress | None = None,
    settings: VerificationSettings = SETTINGS,
    runs: type[PythonRunner] = PythonRunner,
) -> tuple[Mutation, ...]:
    """Run candidates as they are, then with their members changed."""

    async def scenario() -> tuple[Mutation, ...]:
        async with small_workspace(folder, {"shop.py": source}) as workspace:
            proofs: tuple[Proof, ...] = await gather_evidence(
                subjects, PythonRunner(workspace=workspace), names_of_tests, settings, CountingProgress()
            )
            table = GateTable.of(settings)
            return await gather_mutants(
                proofs,
                PYTHON,
                runs(workspace=workspace),
                table,
                progress or CountingProgress(),
            )

    return asyncio.run(scenario())


def words(mutation: Mutation) -> dict[str, set[str]]:
    """Return the mutants that each function kills, in words."""
    return {name: {mutant.words for mutant in killed} for name, killed in mutation.kills.items()}


def counts(mutation: Mutation) -> tuple[int, int]:
    return len(mutation.mutants or ()), len(mutation.killed)


def test_gather_mutants__a_hand_made_function_with_known_verdicts(tmp_path: Path) -> None:
    member = function_member(CLAMP, "clamp")
    strong = """
        from shop import clamp

        def test_low():
            assert clamp(0, 1, 3) == 1

        def test_high():
            assert clamp(5, 1, 3) == 3

        def test_between():
            assert clamp(2, 1, 3) == 2
    """
    weak = """
        from shop import clamp

        def test_low():
            assert clamp(0, 1, 3) is not None
    """
    elsewhere = """
        import shop

        def test_there():
            assert shop.clamp
    """
    subjects = [subject(code, member) for code in (strong, weak, elsewhere)]
    progress = CountingProgress()
    good, poor, none = tried(tmp_path, CLAMP, *subjects, progress=progress)
    low, end = (
        "`return low` to `return None` on line 3",
        "`return min(value, high)` to `return None` on line 4",
    )
    opposite = "`<` to `>=` on line 2"
    assert words(good) == {
        "test_low": {opposite, low},
        "test_high": {opposite, end},
        "test_between": {opposite, end},
    }
    assert words(poor) == {"test_low": {low}}
    assert words(none) == {"test_there": set()}
    assert [counts(one) for one in (good, poor, none)] == [(4, 3), (4, 1), (4, 0)]
    assert [one.empty for one in (good, poor, none)] == [frozenset(), frozenset(), frozenset({"test_there"})]
    assert (progress.phases, progress.steps) == ([("trying mutants", 3)], 3)


BLIND = """\
import pytest
from unittest.mock import ANY
from shop import clamp

def test_same():
    assert clamp(0, 1, 3) == clamp(0, 1, 3)

def test_hidden_same():
    expected = [clamp(0, 1, 3), 5]
    assert [*map(clamp, [0], [1], [3]), 5] == expected

def test_anything():
    assert [clamp(0, 1, 3)] == [ANY]

def test_there():
    assert clamp(0, 1, 3) is not None

def test_or_true():
    assert clamp(0, 1, 3) or True

def test_own():
    expected = [clamp(0, 1, 3)][1:]
    assert expected == []

def test_not_raised():
    raised = False
    try:
        clamp(0, 1, 3)
    except TypeError:
        raised = True
    assert not raised

def test_value():
    assert clamp(0, 1, 3) == 1

def test_cached():
    assert clamp(0, 1, 3) is clamp(0, 1, 3)

def test_truth():
    assert clamp(0, 1, 3)

def test_falsehood():
    assert not clamp(-1, 0, 3)

def test_raises():
    with pytest.raises(TypeError):
        clamp(None, 1, 3)
"""


RECOMPILED = """\
import ast
import inspect
import sys


def checked(function):
    tree = ast.parse(inspect.getsource(sys.modules[function.__module__]))
    (found,) = [one for one in tree.body if getattr(one, "name", "") == function.__name__]
    found.decorator_list = []
    code = compile(ast.Module([found], []), function.__code__.co_filename, "exec")
    exec(code, names := dict(function.__globals__))
    return names[function.__name__]


@checked
def clamp(value, low, high):
    if value < low:
        return low
    return min(value, high)
"""


PASSING = Run(status=TestStatus.PASSED)
FAILING = Run(status=TestStatus.FAILED, message="assert 1 == 2")
NEW_NAME = replace(FAILING, message="TypeError: clamp() got an unexpected keyword argument 'by'")


@pytest.mark.parametrize(
    ("bases", "change", "shown"),
    [
        ((FAILING,), Change.CHANGED, True),
        ((FAILING, FAILING), Change.CHANGED, True),
        ((FAILING, PASSING), Change.CHANGED, False),
        ((None,), Change.CHANGED, False),
        ((NEW_NAME,), Change.CHANGED, False),
        ((replace(FAILING, raised_by_test=True),), Change.CHANGED, False),
        ((FAILING,), Change.ADDED, False),
    ],
)
def test_is_shown__if_all_fail_on_base(bases: Sequence[Run | None], change: Change, shown: bool) -> None:
    functions = [FunctionProof(name=f"test_{at}", head=(PASSING,), base=one) for at, one in enumerate(bases)]
    member = replace(function_member(CLAMP, "clamp"), change=change)
    candidate = Candidate(member=member.id, code="", origin=Origin.MODEL)
    proof = Proof(member=member, candidate=candidate, functions=tuple(functions))
    assert is_shown(proof, PYTHON.judge) is shown


def test_gather_mutants__a_member_that_is_compiled_again_is_changed_in_its_file(tmp_path: Path) -> None:
    member = function_member(RECOMPILED, "clamp")
    good = """
        from shop import clamp

        def test_low():
            assert clamp(0, 1, 3) == 1

        def test_high():
            assert clamp(5, 1, 3) == 3
    """
    mixed = f"{good}\n        def test_nothing():\n            assert callable(clamp)\n"
    vacuous = """
        from shop import clamp

        def test_there():
            assert callable(clamp)
    """
    subjects = [subject(code, member) for code in (good, mixed, vacuous)]
    found, with_empty, empty = tried(tmp_path, RECOMPILED, *subjects)
    assert (found.in_file, found.empty, counts(found)) == (True, frozenset(), (4, 3))
    assert (with_empty.in_file, with_empty.empty) == (True, frozenset({"test_nothing"}))
    assert (empty.in_file, empty.empty, empty.impossible) == (True, frozenset({"test_there"}), False)


SERVED = """\
import _thread

asked, answered = _thread.allocate_lock(), _thread.allocate_lock()
asked.acquire()
answered.acquire()


def serve():
    while True:
        asked.acquire()
        answered.release()


_thread.start_new_thread(serve, ())


def clamp(value, low, high):
    asked.release()
    answered.acquire()
    if value < low:
        return low
    return min(value, high)
"""
"""A module with a thread that threading does not know, as those of native code; a fork does not have it."""


def test_gather_mutants__a_member_that_hangs_in_a_fork_is_changed_in_its_file(tmp_path: Path) -> None:
    member = function_member(SERVED, "clamp")
    code = "from shop import clamp\n\ndef test_low():\n    assert clamp(0, 1, 3) == 1\n"
    settings = replace(SETTINGS, test_seconds=3.0)
    (found,) = tried(tmp_path, SERVED, subject(code, member), settings=settings)
    assert (found.in_file, found.unheard, found.empty) == (True, frozenset(), frozenset())
    assert "`<` to `>=` on line 20" in words(found)["test_low"]


def test_gather_mutants__where_no_change_has_an_effect_no_test_is_blamed(tmp_path: Path) -> None:
    """The member that is imported is made of a text of its own."""
    source = f"{CLAMP}\n\nexec({CLAMP!r})\n"
    member = function_member(source, "clamp")
    code = "from shop import clamp\n\ndef test_low():\n    assert clamp(0, 1, 3) == 1\n"
    (found,) = tried(tmp_path, source, subject(code, member))
    assert found == Mutation(impossible=True)


@pytest.mark.parametrize("killed", ["os.getpid()", "os.getppid()"])
def test_gather_mutants__it_is_not_known_that_no_change_has_an_effect_if_trying_it_fails(
    tmp_path: Path, killed: str
) -> None:
    """The member that is imported is made of a text of its own, and any call but the test's is fatal."""
    deadly = CLAMP.replace("    if", f"    import os\n    value == 0 or os.kill({killed}, 9)\n    if", 1)
    source = f"{CLAMP}\n\nexec({deadly!r})\n"
    member = function_member(source, "clamp")
    code = "from shop import clamp\n\ndef test_low():\n    assert clamp(0, 1, 3) == 1\n"
    (found,) = tried(tmp_path, source, subject(code, member))
    assert found == Mutation(unheard=frozenset({"test_low"}), in_file=True)


class EndedEarly(PythonRunner):
    """Runs tests of which only the first of each change ends."""

    async def run_changed(self, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        """See `TestRunner.run_changed`."""
        results = await super().run_changed(jobs)
        return {number: replace(one, changed=self._first(one)) for number, one in results.items()}

    def _first(self, result: JobResult) -> Mapping[int, Mapping[str, str]]:
        return {at: dict([*statuses.items()][:1]) for at, statuses in result.changed.items()}


def test_gather_mutants__what_has_not_ended_is_not_known(tmp_path: Path) -> None:
    code = """
        from shop import clamp

        def test_low():
            assert clamp(0, 1, 3) == 1

        def test_between():
            assert clamp(2, 1, 3) == 2
    """
    member = function_member(CLAMP, "clamp")
    (whole,) = tried(tmp_path / "whole", CLAMP, subject(code, member))
    (found,) = tried(tmp_path / "early", CLAMP, subject(code, member), runs=EndedEarly)
    low, end = (
        "`return low` to `return None` on line 3",
        "`return min(value, high)` to `return None` on line 4",
    )
    opposite = "`<` to `>=` on line 2"
    assert words(whole)["test_between"] == {opposite, end}
    assert words(found) == {"test_low": {opposite, low}, "test_between": {end}}
    assert (counts(whole), counts(found)) == ((4, 3), (3, 3))
    assert (whole.unheard, found.unheard) == (frozenset(), frozenset({"test_between"}))


TRACES = """
    import os
    from pathlib import Path
    from shop import clamp

    def test_x(tmp_path):
        here = Path("seen")
        assert not here.exists() and not list(tmp_path.iterdir())
        here.touch()
        (tmp_path / "seen").touch()
        assert clamp(2, 1, 3) == 2
"""


def test_gather_mutants__tells_who_forges_their_outcome_or_passes_whatever_the_member_returns(
    tmp_path: Path,
) -> None:
    member = function_member(CLAMP, "clamp")
    forged = """
        import pytest
        from _pytest import runner
        from shop import clamp

        def call_and_pass(item, nextitem=None, log=True):
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            for when in ("setup", "call", "teardown"):
                report = pytest.TestReport(item.nodeid, item.location, {}, "passed", None, when)
                item.ihook.pytest_runtest_logreport(report=report)
            try:
                item.obj()
            except BaseException:
                pass
            return True

        runner.runtestprotocol = call_and_pass

        def test_wrong():
            assert clamp(0, 1, 3) == 17
    """
    swallowing = """
        from shop import clamp

        def test_wrong():
            try:
                assert clamp(0, 1, 3) == 1
            except BaseException:
                pass
    """
    leaving = """
        import os
        from shop import clamp

        def test_leaves():
            try:
                assert clamp(0, 1, 3) == 1
            finally:
                os._exit(0)
    """
    subjects = [subject(code, member) for code in (forged, swallowing, leaving, BLIND, TRACES)]
    edited, swallowed, left, blind, traces = tried(tmp_path, CLAMP, *subjects)
    assert (edited.empty, edited.killed) == (frozenset({"test_wrong"}), frozenset())
    assert (swallowed.empty, swallowed.killed) == (frozenset({"test_wrong"}), frozenset())
    assert left == Mutation(unheard=frozenset({"test_leaves"}))  # as it does not pass unchanged either
    assert set(names_of_tests(BLIND)) - blind.blind == {
        "test_value",
        "test_cached",
        "test_truth",
        "test_falsehood",
        "test_raises",
    }
    assert counts(traces) == (4, 2)  # what one run leaves does not disturb the next


MANY_KINDS = """\
import functools

TABLE = {}


def registered(function):
    TABLE[function.__name__] = function(2)
    return function


@registered
def early(n):
    return n + 1


@functools.lru_cache
def cached(n):
    return n * 3


def counting(n):
    while n > 0:
        yield n
        n -= 1


async def later(n):
    return n - 4


def with_default(n=5):
    return n


def drop(items, item):
    if item in items:
        items.remove(item)


def endless(n):
    while n > 0:
        n -= 1
    return n


class Base:
    def size(self):
        return 1


class Box(Base):
    LIMIT = 10

    def size(self):
        return super().size() + self.LIMIT
"""


def test_gather_mutants__members_of_many_kinds(tmp_path: Path) -> None:
    code = {
        "early": "def test_x():\n    assert shop.TABLE['early'] == 3 and shop.early(5) == 6\n",
        "cached": "def test_x():\n    assert shop.cached(2) == 6\n",
        "counting": "def test_x():\n    assert list(shop.counting(2)) == [2, 1]\n",
        "later": "def test_x():\n    assert asyncio.run(shop.later(5)) == 1\n",
        "with_default": "def test_x():\n    assert shop.with_default() == 5\n",
        "drop": "def test_x():\n    items = [1]\n    shop.drop(items, 2)\n    assert items == [1]\n",
        "endless": "def test_x():\n    assert shop.endless(3) == 0\n",
        "Box": "def test_x():\n    assert shop.Box().size() == 11\n",
    }
    members = {name: function_member(MANY_KINDS, name) for name in code}
    for decorated in ("early", "cached"):
        members[decorated] = replace(members[decorated], line=members[decorated].line - 1)
    subjects = [
        subject(f"import asyncio\nimport shop\n\n{text}", members[name]) for name, text in code.items()
    ]
    results = tried(tmp_path, MANY_KINDS, *subjects)
    killed = dict(zip(code, results, strict=True))
    assert [result.empty for result in results] == [frozenset()] * len(code)
    assert "`-=` to `+=` on line 42" in words(killed.pop("endless"))["test_x"]
    doing_nothing = killed.pop("drop")  # that it does nothing may be what is tested
    assert (counts(doing_nothing)[1], doing_nothing.blind) == (1, frozenset())
    assert {name: counts(result) for name, result in killed.items()} == {
        "early": (2, 2),
        "cached": (2, 2),
        "counting": (5, 5),
        "later": (2, 2),
        "with_default": (2, 2),
        "Box": (3, 3),
    }


def test_gather_mutants__of_a_member_whose_file_cannot_be_read_nothing_is_known(tmp_path: Path) -> None:
    missing = replace(function_member(CLAMP, "clamp"), path="there/is/none.py")
    progress = CountingProgress()
    results = tried(tmp_path, CLAMP, subject("def test_x():\n    assert True\n", missing), progress=progress)
    assert results == (Mutation(unheard=frozenset({"test_x"})),)
    assert progress.phases == []


def test_gather_mutants__of_changed_lines_first_also_below_the_member(tmp_path: Path) -> None:
    text = (
        "def _rate(days):\n    return 2 if days > 7 else 3\n\n\n"
        "def fee(days):\n    days = days + 1\n    return days * _rate(days)\n"
    )
    below = Place(path="shop.py", line=1, end_line=2, name="_rate", changed_lines=frozenset({2}))
    member = replace(function_member(text, "fee"), changed_lines=frozenset({7}), because_places=(below,))
    code = "from shop import fee\n\n\ndef test_a():\n    assert (fee(6), fee(7)) == (21, 16)\n"
    (found,) = tried(tmp_path, text, subject(code, member))
    assert found.mutants is not None
    lines = list(dict.fromkeys(mutant.line for mutant in found.mutants))
    assert lines == [7, 2, 6]
    assert {mutant.line for mutant in found.kills["test_a"]} == {7, 2, 6}


def test_gather_mutants__of_an_affected_member_only_what_changed_below_it(tmp_path: Path) -> None:
    rate = "def _rate(days):\n    return 2 if days > 6 else 3\n\n\n"
    text = f"{rate}def fee(days):\n    return days * _rate(days)\n"
    below = Place(path="shop.py", line=1, end_line=2, name="_rate", changed_lines=frozenset({2}))
    member = replace(function_member(text, "fee"), change=Change.AFFECTED, because_places=(below,))
    code = "from shop import fee\n\n\ndef test_a():\n    assert (fee(6), fee(7)) == (18, 14)\n"
    found, elsewhere = tried(
        tmp_path, text, subject(code, member), subject(code, replace(member, because_places=()))
    )
    assert {mutant.line for mutant in found.kills["test_a"]} == {2}
    assert elsewhere.mutants == ()
    assert not elsewhere.empty
    assert not elsewhere.blind


def test_gather_mutants__what_only_subclasses_run_counts_for_the_class_that_has_it(tmp_path: Path) -> None:
    code = """
        from shop import clamp

        class Shared:
            def test_value(self):
                assert clamp(self.value, 1, 3) == self.expected

        class TestLow(Shared):
            value, expected = 0, 1

        class TestHigh(Shared):
            value, expected = 5, 3
    """
    (found,) = tried(tmp_path, CLAMP, subject(code, function_member(CLAMP, "clamp")))
    assert words(found).keys() == {"Shared::test_value"}
    assert counts(found) == (4, 3)


GONE = 1_000_000


def job(number: int, mutants: int) -> TestJob:
    changes = (
        ChangedModule(number=one, edit=(0, 1, ""), function=None, tests=frozenset({"test_x"}))
        for one in (GONE, *range(mutants))
    )
    changed = ChangedModules(path="a.py", source="", names=frozenset(), changes=tuple(changes))
    return TestJob(number=number, code="", seconds=1.0, changed=changed)


def numbers(part: TestJob) -> list[int]:
    return [] if part.changed is None else [one.number for one in part.changed.changes]


def test_shared_out__the_only_job_is_split() -> None:
    batches = shared_out([job(3, 9)], 2)
    assert [(one.number, numbers(one)) for [one] in batches] == [
        (3, [GONE, 0, 2, 4, 6, 8]),
        (3, [GONE, 1, 3, 5, 7]),
    ]


def test_shared_out__few_mutants_or_several_jobs_are_not_split() -> None:
    assert [[numbers(one) for one in batch] for batch in shared_out([job(0, 7)], 2)] == [
        [[GONE, 0, 1, 2, 3, 4, 5, 6]]
    ]
    assert [len(batch) for batch in shared_out([job(0, 9), job(1, 9)], 2)] == [1, 1]
    assert shared_out([], 2) == []


def ran(**changed: dict[str, str]) -> JobResult:
    return JobResult(changed={int(number.removeprefix("n")): one for number, one in changed.items()})


FAILED_THEN = {"test_x": "failed"}
PASSED_THEN = {"test_x": "passed"}


def test_joined_parts__what_each_has_shown() -> None:
    first, second = ran(n1000000=FAILED_THEN, n0=PASSED_THEN), ran(n1000000=FAILED_THEN, n1=FAILED_THEN)
    assert joined_parts([first, second]).changed == {GONE: FAILED_THEN, 0: PASSED_THEN, 1: FAILED_THEN}


def test_joined_parts__nothing_is_known_if_one_was_not_run() -> None:
    joined = joined_parts([ran(n1000000=FAILED_THEN, n0=PASSED_THEN), JobResult(problem="it hung")])
    assert (dict(joined.changed), joined.problem) == ({}, "it hung")


def test_joined_parts__changes_in_the_file_count_alone() -> None:
    in_file = replace(ran(n1000000=FAILED_THEN, n0=FAILED_THEN), in_file=True, acts=True)
    joined = joined_parts([in_file, ran(n1000000=PASSED_THEN, n1=PASSED_THEN)])
    assert (joined.in_file, joined.acts) == (True, True)
    assert dict(joined.changed) == {GONE: FAILED_THEN, 0: FAILED_THEN}


def test_gather_mutants__the_only_candidate_by_several_processes(tmp_path: Path) -> None:
    code = "from shop import clamp\n\n\ndef test_clamp():\n    assert clamp(0, 1, 2) == 1\n"
    progress = CountingProgress()
    [mutation] = tried(tmp_path, CLAMP, subject(code, function_member(CLAMP, "clamp")), progress=progress)
    assert progress.phases == [("trying mutants", progress.steps)]
    assert mutation.mutants is not None
    assert mutation.killed

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakes.workspaces import CountingProgress, function_member, small_workspace
from testsmith.execution.jobs import NOT_RUN, PASSED, FunctionResult, JobResult, RunSetting, TestJob
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.languages.python.running.run_settings import PythonSetting
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.languages.python.test_files.test_modules import test_functions as names_of_tests
from testsmith.languages.results import FunctionProof, Proof, TestStatus
from testsmith.model import Candidate, Member, Origin
from testsmith.settings import VerificationSettings
from testsmith.verification.evidence import RunSubject, _Found, _Runs, gather_evidence

BASE = """\
def clamp(value, low, high):
    return min(value, high)
"""

HEAD = """\
def clamp(value, low, high):
    if value < low:
        return low
    return min(value, high)


def added():
    return 1
"""

SETTINGS = VerificationSettings(test_seconds=5.0)


def subject(code: str, member: Member | None = None) -> RunSubject:
    member = member or function_member(HEAD, "clamp")
    candidate = Candidate(member=member.id, code=textwrap.dedent(code), origin=Origin.OFFLINE)
    return RunSubject(member=member, candidate=candidate)


def prove(
    folder: Path,
    *subjects: RunSubject,
    base: Mapping[str, str] | None = None,
    settings: VerificationSettings = SETTINGS,
    progress: CountingProgress | None = None,
    files: Mapping[str, str] | None = None,
) -> tuple[Proof, ...]:
    async def scenario() -> tuple[Proof, ...]:
        async with small_workspace(folder, {"shop.py": HEAD, **(files or {})}, base) as workspace:
            told = progress or CountingProgress()
            return await gather_evidence(
                subjects, PythonRunner(workspace=workspace), names_of_tests, settings, told
            )

    return asyncio.run(scenario())


def by_name(proof: Proof) -> dict[str, FunctionProof]:
    return {function.name: function for function in proof.functions}


def test_gather_evidence__five_runs_on_head_and_one_on_base(tmp_path: Path) -> None:
    code = """
        from shop import clamp

        def test_low():
            assert clamp(0, 1, 3) == 1

        def test_high():
            assert clamp(5, 1, 3) == 3
    """
    progress = CountingProgress()
    new = "from shop import added\ndef test_x():\n    assert added() == 1\n"
    subjects = (subject(code), subject(new, function_member(HEAD, "added")))
    proof, added = prove(tmp_path, *subjects, base={"shop.py": BASE}, progress=progress)
    low, high = by_name(proof)["test_low"], by_name(proof)["test_high"]
    assert (low.passes, len(low.head), high.passes) == (5, 5, 5)
    assert low.base is not None
    assert high.base is not None
    assert (low.base.status, high.base.status) == (TestStatus.FAILED, TestStatus.PASSED)
    assert low.base.message.startswith("assert 0 == 1")
    assert [sorted(function.lines) for function in (low, high)] == [[2, 3], [2, 4]]
    assert [sorted(function.branches) for function in (low, high)] == [[(2, 3)], [(2, 4)]]
    assert progress.phases == [("running tests", 14)]
    assert progress.steps == 14
    not_there = by_name(added)["test_x"].base
    assert not_there is not None
    assert not_there.status is TestStatus.MISSING
    assert "cannot import name 'added'" in not_there.message


def test_gather_evidence__the_rows_that_fail(tmp_path: Path) -> None:
    code = """
        import pytest
        from shop import clamp

        @pytest.mark.parametrize(("value", "expected"), [(0, 1), (2, 9), (2, 2), (5, 9)])
        def test_table(value, expected):
            assert clamp(value, 1, 3) == expected

        def test_alone():
            assert clamp(2, 1, 3) == 9
    """
    (proof,) = prove(tmp_path, subject(code), base={"shop.py": BASE})
    table, alone = by_name(proof)["test_table"], by_name(proof)["test_alone"]
    assert {run.failed_rows for run in table.head} == {frozenset({1, 3})}
    assert table.base is not None
    assert table.base.failed_rows == {0, 1, 3}
    assert {run.failed_rows for run in alone.head} == {frozenset()}


def test_gather_evidence__what_held_on_base_by_chance_did_not_hold(tmp_path: Path) -> None:
    code = """
        import os
        from shop import clamp

        def test_low():
            assert clamp(0, 1, 3) == 0

        def test_by_chance():
            assert clamp(0, 1, 3) == 0 and os.environ["PYTHONHASHSEED"] == "1"

        def test_high():
            assert clamp(5, 1, 3) == 3
    """
    progress = CountingProgress()
    (proof,) = prove(tmp_path, subject(code), base={"shop.py": BASE}, progress=progress)
    on_base = {name: function.base.status for name, function in by_name(proof).items() if function.base}
    assert on_base == {
        "test_low": TestStatus.PASSED,
        "test_by_chance": TestStatus.FAILED,
        "test_high": TestStatus.PASSED,
    }
    assert progress.phases == [("running tests", 7), ("checking tests on the base", 4)]
    assert progress.steps == 11


def test_gather_evidence__what_another_interpreter_reaches_does_not_count(tmp_path: Path) -> None:
    code = "from shop import clamp\n\ndef test_low():\n    assert clamp(0, 1, 3) == 1\n"

    async def scenario() -> Proof:
        async with small_workspace(tmp_path, {"shop.py": HEAD}) as workspace:
            both = replace(workspace, other=workspace)
            (proof,) = await gather_evidence(
                [subject(code)], PythonRunner(workspace=both), names_of_tests, SETTINGS, CountingProgress()
            )
            return proof

    low = by_name(asyncio.run(scenario()))["test_low"]
    assert low.passes == len(low.head) == 5
    reached = [bool(run.lines) for run in low.head if "Python" in run.settings[-1]]
    assert reached == [False]
    assert [bool(run.lines) for run in low.head].count(False) == 1


def test_gather_evidence__a_skip_on_another_interpreter_alone_does_not_count(tmp_path: Path) -> None:
    code = """
        import os
        import pytest
        from shop import clamp

        SEED = os.environ["PYTHONHASHSEED"]

        @pytest.mark.skipif(SEED == "5", reason="as on an older Python")
        def test_newer():
            assert clamp(0, 1, 3) == 1

        @pytest.mark.skipif(SEED == "2", reason="by chance")
        def test_chance():
            assert clamp(0, 1, 3) == 1

        @pytest.mark.skip
        def test_never():
            assert clamp(0, 1, 3) == 1
    """

    async def scenario() -> Proof:
        async with small_workspace(tmp_path, {"shop.py": HEAD}) as workspace:
            both = replace(workspace, other=workspace)
            (proof,) = await gather_evidence(
                [subject(code)], PythonRunner(workspace=both), names_of_tests, SETTINGS, CountingProgress()
            )
            return proof

    found = by_name(asyncio.run(scenario()))
    assert {name: (one.passes, len(one.head)) for name, one in found.items()} == {
        "test_newer": (4, 4),
        "test_chance": (4, 5),
        "test_never": (0, 4),
    }


@dataclass(frozen=True, kw_only=True)
class FaultyRunner(PythonRunner):
    """A runner whose sandbox does not start at first, and whose environment then ends one of the tests."""

    faults: int
    asked: list[frozenset[str]] = field(default_factory=list)

    async def run(self, setting: RunSetting, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        self.asked.extend(job.without for job in jobs)
        if len(self.asked) <= self.faults:
            raise CannotRun("The sandbox could not start.")
        found = await PythonRunner.run(self, setting, jobs)
        lost = FunctionResult(status=NOT_RUN, message="it ran out of memory")
        return {
            number: replace(
                one, functions={**one.functions, **dict.fromkeys({"test_lost"} & {*one.functions}, lost)}
            )
            for number, one in found.items()
        }


@pytest.mark.parametrize(
    ("faults", "status", "message"),
    [
        (0, TestStatus.PASSED, ""),
        (1, TestStatus.PASSED, ""),
        (2, TestStatus.NOT_RUN, "The sandbox could not start."),
    ],
)
def test_gather_evidence__what_the_environment_did_not_run_is_tried_once_more(
    tmp_path: Path, faults: int, status: TestStatus, message: str
) -> None:
    code = "def test_x(): assert True\ndef test_lost(): assert True\n"

    async def scenario() -> tuple[Proof, list[frozenset[str]]]:
        async with small_workspace(tmp_path, {"shop.py": HEAD}) as workspace:
            runner = FaultyRunner(workspace=workspace, faults=faults)
            told = CountingProgress()
            (proof,) = await gather_evidence([subject(code)], runner, names_of_tests, SETTINGS, told)
            return proof, runner.asked

    proof, asked = asyncio.run(scenario())
    found = by_name(proof)
    assert {run.status for run in found["test_x"].head} == {status}
    assert found["test_x"].fault == message
    assert found["test_lost"].fault == (message or "it ran out of memory")
    if not faults:
        assert asked[:2] == [frozenset(), {"test_x"}]


STABLE = "def test_x():\n    assert True\n"
UNSTABLE = "seen = []\ndef test_first():\n    seen.append(1)\ndef test_x():\n    {}\n"
PASSES_OF = {
    "import os\n    assert os.environ['PYTHONHASHSEED'] == '2'": {1},
    "import time\n    assert time.strftime('%Z') == 'UTC'": {2},
    "seen.append(1)\n    assert len(seen) == 2": {1, 2, 3, 4},
}
INHERITING = """
    class Base:
        def test_inherited(self): assert False
    class TestOne(Base):
        def test_own(self): assert True
"""


def test_gather_evidence__of_candidates_of_many_kinds_without_a_base(tmp_path: Path) -> None:
    not_run = ("def test_x(:\n", "x = 1\n", STABLE + "#" * 300_000)
    codes = (*not_run, STABLE, INHERITING, *map(UNSTABLE.format, PASSES_OF))
    progress = CountingProgress()
    proofs = prove(tmp_path, *map(subject, codes), progress=progress)
    assert progress.steps == 6 * (len(codes) - len(not_run))
    assert [bool(proof.problem) for proof in proofs] == [code in not_run for code in codes]
    assert proofs[1].problem == "it has no test function"
    stable, inheriting, *unstable = proofs[len(not_run) :]
    assert stable.candidate.code == STABLE
    assert by_name(stable)["test_x"].base is None
    assert {name: function.passes for name, function in by_name(inheriting).items()} == {
        "TestOne::test_own": 5,
        "Base::test_inherited": 0,  # run by `TestOne` alone
    }
    for proof, passes in zip(unstable, PASSES_OF.values(), strict=True):
        function = by_name(proof)["test_x"]
        assert len(function.head) == 5
        assert function.passes in passes


def test_gather_evidence__what_a_class_of_the_projects_tests_has_counts_only_if_it_fails(
    tmp_path: Path,
) -> None:
    base = """
        class Base:
            answer = 1
            def test_answer(self): assert self.answer == 1
            def test_other(self): assert True
    """
    code = """
        from shared import Base
        class TestOne(Base):
            answer = 1  # of test_answer
            def test_own(self): assert True
        class TestTwo(Base):
            answer = 2
            def test_own(self): assert True
    """
    (proof,) = prove(tmp_path, subject(code), files={"shared.py": textwrap.dedent(base)})
    assert {name: function.passes for name, function in by_name(proof).items()} == {
        "TestOne::test_own": 5,
        "TestTwo::test_own": 5,
        "TestTwo::test_answer": 0,
    }


INHERITED = """
    from unittest import TestCase
    from shop import clamp
    class _Shared(TestCase):
        low = 1
        def test_low(self): assert clamp(0, self.low, 3) == 1
        def test_high(self): assert clamp(5, self.low, 3) == 3
        def test_replaced(self): assert False
    class TestOne(_Shared):
        def test_replaced(self): assert True
        test_replaced.__qualname__ = "_Shared.test_replaced"
    class TestTwo(_Shared):
        low = LOW
        def test_replaced(self): assert True
    del _Shared
"""


@pytest.mark.parametrize(("low", "passes"), [("1", 5), ("2", 0)])
def test_gather_evidence__a_test_that_only_subclasses_run_has_to_pass_in_all(
    low: str, passes: int, tmp_path: Path
) -> None:
    (proof,) = prove(tmp_path, subject(INHERITED.replace("LOW", low)), base={"shop.py": BASE})
    found = by_name(proof)
    assert {name: function.passes for name, function in found.items()} == {
        "_Shared::test_low": passes,
        "_Shared::test_high": 5,
        "_Shared::test_replaced": 0,
        "TestOne::test_replaced": 5,
        "TestTwo::test_replaced": 5,
    }
    assert found["_Shared::test_replaced"].head[0].status is TestStatus.MISSING
    on_base = [found[name].base for name in ("_Shared::test_low", "_Shared::test_high")]
    assert [run and run.status for run in on_base] == [TestStatus.FAILED, TestStatus.PASSED]
    assert sorted(found["_Shared::test_low"].head[0].lines) == [2, 3]


def test_gather_evidence__what_hangs_is_run_once_and_its_neighbors_every_time(tmp_path: Path) -> None:
    code = """
        import os, time
        def test_before(): assert True
        def test_hangs(): time.sleep(60)
        def test_leaves(): os._exit(0)
        def test_after(): assert True
    """
    started = time.monotonic()
    settings = VerificationSettings(test_seconds=1.5)
    proof, other = prove(tmp_path, subject(code), subject("def test_x(): assert True\n"), settings=settings)
    functions = by_name(proof)
    assert [run.status for run in functions["test_hangs"].head] == [TestStatus.TIMED_OUT]
    assert [run.status for run in functions["test_leaves"].head] == [TestStatus.CRASHED]
    assert (functions["test_before"].passes, functions["test_after"].passes) == (5, 5)
    assert by_name(other)["test_x"].passes == 5
    assert time.monotonic() - started < 20


INTERRUPTED = """\
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from testsmith.languages.python.test_files.test_modules import test_functions
from testsmith.settings import VerificationSettings
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.verification.evidence import RunSubject, gather_evidence
from testsmith.model import Candidate, Origin
from fakes.workspaces import CountingProgress, function_member, small_workspace

async def main():
    source = "def f():\\n    return 1\\n"
    member = function_member(source, "f")
    code = "import os, time\\nfrom shop import f\\ndef test_x():\\n" \\
        "    open({note!r}, 'w').write(str(os.getpid()))\\n    time.sleep(60)\\n"
    candidate = Candidate(member=member.id, code=code, origin=Origin.OFFLINE)
    async with small_workspace(Path({folder!r}), {{"shop.py": source}}) as workspace:
        await gather_evidence(
            [RunSubject(member=member, candidate=candidate)],
            PythonRunner(workspace=workspace),
            test_functions,
            VerificationSettings(test_seconds=60),
            CountingProgress(),
        )

asyncio.run(main())
"""


def wait_for(file: Path) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (file.exists() and file.read_text()):
        time.sleep(0.02)
    return file.read_text()


def test_gather_evidence__ctrl_c_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    note, scratch = tmp_path / "note", tmp_path / "scratch"
    scratch.mkdir()
    tests = str(Path(__file__).parents[1])
    program = INTERRUPTED.format(tests=tests, note=str(note), folder=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={"TMPDIR": str(scratch), "PATH": "/usr/bin:/bin"},
        stderr=subprocess.PIPE,
    ) as process:
        child = int(wait_for(note))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert list(scratch.iterdir()) == []
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize(
    ("alone", "is_asked"),
    [
        (JobResult(problem="ModuleNotFoundError: No module named 'conftest'"), True),
        (JobResult(functions={"test_x": FunctionResult(status="failed")}), True),
        (JobResult(functions={"test_x": FunctionResult(status=PASSED)}), False),
    ],
)
def test_needing_project__what_is_lost_without_a_session_has_the_time_for_one(
    alone: JobResult, is_asked: bool
) -> None:
    asked: list[TestJob] = []

    class _Runner:
        workspace = SimpleNamespace(parallel=1)

        async def run(self, _setting: Any, jobs: Sequence[TestJob]) -> dict[int, JobResult]:
            asked.extend(jobs)
            ran = {"test_x": FunctionResult(status=PASSED)}
            return {job.number: JobResult(functions=ran, done=frozenset({"session"})) for job in jobs}

        def session(self, done: frozenset[str]) -> str:
            return "in the session" if done else ""

    plain, session = PythonSetting(name="plain"), PythonSetting(name="session", in_project_session=True)
    found = _Found(head={plain: {0: alone}, session: {0: alone}}, base={}, watched={})
    job = TestJob(number=0, code="import conftest\n", seconds=1.0, test_path="tests/test_shop.py")
    runner: Any = _Runner()
    needing = asyncio.run(_Runs(runner, CountingProgress(), times=1).needing_project([job], found))
    assert asked == list(needing.values()) == [replace(job, in_project=True)] * is_asked
    assert found.head[session][0].functions["test_x"].status == PASSED

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from testsmith.execution.jobs import JobResult, TestJob, TracedMember, batches_of
from testsmith.execution.sandbox.interface import Limits
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.workspace import ProjectCopy, remove_folder
from testsmith.languages.python.running.harness import install_workers, run_jobs
from testsmith.languages.python.running.run_settings import MOVED_CLOCK, PythonSetting
from testsmith.languages.python.running.workspace import Interpreter, PythonWorkspace

SHOP = """\
import time


def clamp(value, low, high):
    if value < low:
        return low
    return min(value, high)
"""

GOOD = "from shop import clamp\n\ndef test_good():\n    assert clamp(1, 2, 3) == 2\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[PythonWorkspace]:
    root = (tmp_path / "scratch" / "head").resolve()
    root.mkdir(parents=True)
    (root / "shop.py").write_text(SHOP)
    install_workers(root.parent)
    yield PythonWorkspace(
        head=ProjectCopy(root=root, source_roots=(root,)),
        base=None,
        interpreter=Interpreter(
            path=Path(sys.executable), version=sys.version_info[:2], hidden_modules=("testsmith",)
        ),
        scratch=root.parent,
        sandbox=ProcessSandbox(),
        limits=Limits(),
    )
    remove_folder(root.parent)


def test_install_workers__what_is_compiled_is_run(workspace: PythonWorkspace) -> None:
    for program in (workspace.scratch / "worker").rglob("*.py"):
        program.write_text(
            "raise SystemExit('read again')\n" if program.name != "start.py" else program.read_text()
        )
    (result,) = run(workspace, GOOD)
    assert result.functions["test_good"].status == "passed"


def run(
    workspace: PythonWorkspace, *codes: str, seconds: float = 10.0, setting: PythonSetting | None = None
) -> list[JobResult]:
    traced = TracedMember(path="shop.py", first=4, last=7)
    jobs = [
        TestJob(
            number=number,
            code=textwrap.dedent(code),
            seconds=10.0 if code == GOOD else seconds,
            traced=traced,
        )
        for number, code in enumerate(codes)
    ]
    results = run_all(workspace, setting or PythonSetting(name="test"), jobs)
    return [results[number] for number in range(len(codes))]


def run_all(
    workspace: PythonWorkspace, setting: PythonSetting, jobs: Sequence[TestJob]
) -> Mapping[int, JobResult]:
    async def run_then_close() -> Mapping[int, JobResult]:
        try:
            return await run_jobs(workspace, setting, jobs)
        finally:
            await workspace.workers.close()

    return asyncio.run(run_then_close())


def wait_for_text(file: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (file.exists() and file.read_text()):
        time.sleep(0.01)


def statuses(result: JobResult) -> dict[str, str]:
    return {name: function.status for name, function in result.functions.items()}


def test_run_jobs__tells_how_each_function_ends(workspace: PythonWorkspace) -> None:
    code = """
        import pytest
        from shop import clamp

        def test_passes():
            assert clamp(5, 1, 3) == 3

        def test_fails():
            assert clamp(0, 1, 3) == 0

        @pytest.mark.parametrize("value", [1, 2, 9])
        def test_cases(value):
            assert clamp(value, 1, 3) == value

        @pytest.mark.skip(reason="not today")
        def test_skipped():
            assert False

        @pytest.mark.xfail
        def test_expected_to_fail():
            assert False

        def test_exits():
            raise SystemExit(3)

        class TestClass:
            def test_method(self, tmp_path, capsys):
                (tmp_path / "x").write_text("x")
                print("hello")
                assert capsys.readouterr().out == "hello\\n"
    """
    (result,) = run(workspace, code)
    assert statuses(result) == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_cases": "failed",
        "test_skipped": "skipped",
        "test_expected_to_fail": "skipped",
        "test_exits": "failed",
        "TestClass::test_method": "passed",
    }
    assert result.functions["test_fails"].message.startswith("assert 1 == 0")
    assert result.functions["test_cases"].message.startswith("assert 3 == 9")
    assert result.functions["test_skipped"].message == "not today"
    assert result.problem == ""


def test_run_jobs__functions_that_a_decorator_makes_are_cases_of_the_one_they_copy(
    workspace: PythonWorkspace,
) -> None:
    code = """
        import functools, sys, unittest
        from shop import clamp

        def expand(rows):
            def made_from(function):
                place = sys._getframe(1).f_locals
                for number, row in enumerate(rows):
                    @functools.wraps(function)
                    def one(self, row=row):
                        return function(self, *row)
                    one.__name__ = f"{function.__name__}_{number}_{row[0]}"
                    place[one.__name__] = one
            return made_from

        class TestClamp(unittest.TestCase):
            @expand([(1, 1), (9, 3)])
            def test_clamp(self, value, expected):
                self.assertEqual(clamp(value, 1, 3), expected)

            @expand([(1, 1), (9, 9)])
            def test_wrong(self, value, expected):
                self.assertEqual(clamp(value, 1, 3), expected)

            def test_clamp_of_none(self):
                self.assertRaises(TypeError, clamp, None, 1, 3)
    """
    (result,) = run(workspace, code)
    assert statuses(result) == {
        "TestClamp::test_clamp": "passed",
        "TestClamp::test_clamp_of_none": "passed",
        "TestClamp::test_wrong": "failed",
    }


def test_run_jobs__tells_how_long_each_function_takes(workspace: PythonWorkspace) -> None:
    code = """
        import time
        import pytest
        real = time.perf_counter
        @pytest.fixture
        def slow():
            time.sleep(0.15)
        @pytest.mark.parametrize("row", [1, 2])
        def test_rows(row, slow):
            time.sleep(0.15)
        def test_quick():
            time.perf_counter = lambda: 1000.0
    """
    (result,) = run(workspace, code)
    slow, quick = (result.functions[name].seconds or 0.0 for name in ("test_rows", "test_quick"))
    assert 0.6 <= slow < 10
    assert 0.0 < quick < 10


def test_run_jobs__cases_that_differ_by_a_fixture_share_a_row(workspace: PythonWorkspace) -> None:
    code = """
        import pytest
        from shop import clamp

        @pytest.fixture(params=["here", "elsewhere"])
        def place(request):
            if request.param == "elsewhere":
                pytest.skip("not installed")

        @pytest.mark.parametrize("value, expected", [(0, 1), (9, 3), (2, 2)])
        @pytest.mark.parametrize("low", [1])
        def test_rows(value, expected, low, place):
            assert clamp(value, low, 3) == expected

        @pytest.mark.parametrize("value", [0, 9])
        def test_wrong(value, place):
            assert clamp(value, 1, 3) == 1

        def test_alone(place):
            pass

        @pytest.mark.parametrize("value", [1, pytest.param(2, marks=pytest.mark.skip)])
        def test_own(value, place):
            pass
    """
    (result,) = run(workspace, code)
    assert statuses(result) == {
        "test_rows": "passed",
        "test_wrong": "failed",
        "test_alone": "passed",
        "test_own": "skipped",
    }
    rows = {name: set(function.failed_rows) for name, function in result.functions.items()}
    assert rows == {"test_rows": set(), "test_wrong": {1}, "test_alone": set(), "test_own": {1}}


def test_run_jobs__cases_that_differ_by_what_a_hook_parametrizes_share_a_row(
    workspace: PythonWorkspace,
) -> None:
    code = """
        import pytest

        def pytest_generate_tests(metafunc):
            if "backend" in metafunc.fixturenames:
                metafunc.parametrize("backend", ["one", "two"])

        @pytest.mark.parametrize("value", [0, 9])
        def test_rows(request, backend, value):
            if backend == "two":
                request.applymarker(pytest.mark.xfail)
            assert backend == "one"

        @pytest.mark.parametrize("value", [0, 9])
        def test_never(request, backend, value):
            if value:
                request.applymarker(pytest.mark.xfail)
            assert not value
    """
    (result,) = run(workspace, code)
    assert statuses(result) == {"test_rows": "passed", "test_never": "skipped"}


def test_run_jobs__attributes_lines_and_branches_to_functions(workspace: PythonWorkspace) -> None:
    code = """
        import pytest
        from shop import clamp

        AT_IMPORT = clamp(0, 1, 2)

        @pytest.fixture(scope="module")
        def shared():
            return clamp(0, 1, 2)

        def test_low():
            assert clamp(0, 1, 2) == 1

        def test_high():
            assert clamp(3, 1, 2) == 2

        def test_nothing():
            assert AT_IMPORT == 1

        def test_by_fixture(shared):
            assert shared == 1

        def test_by_the_same_fixture(shared):
            assert shared == 1
    """
    (result,) = run(workspace, code)
    lines = {name: sorted(function.reached.lines) for name, function in result.functions.items()}
    assert lines == {
        "test_low": [5, 6],
        "test_high": [5, 7],
        "test_nothing": [],
        "test_by_fixture": [5, 6],
        "test_by_the_same_fixture": [5, 6],
    }
    assert result.functions["test_low"].reached.branches == {(5, 6)}
    assert result.functions["test_high"].reached.branches == {(5, 7)}
    assert result.loaded.lines == {5, 6}


SHELF = """
LIMIT = 2

def fits(books, path=None):
    if len(books) > LIMIT:
        return False
    return path is None or path.read_text() == "x"

class Book:
    def __init__(self, title):
        self.title = title

def both(books):
    return fits(books) and fits(books[:1])

AT_IMPORT = both([lambda: 1])
"""


def calls(workspace: PythonWorkspace, *tests: str) -> list[frozenset[str]]:
    """Return the recorded calls of `fits` and `both` of each test, given as its parameters and body."""
    (workspace.head.root / "shelf.py").write_text(SHELF)
    recorded = (
        TracedMember(path="shelf.py", first=4, last=7),
        TracedMember(path="shelf.py", first=13, last=14),
    )
    start = "import os\nimport shelf\nfrom shelf import Book, both, fits\n\n"
    jobs = [
        TestJob(number=number, code=f"{start}def test_x{test}\n", seconds=10.0, recorded=recorded)
        for number, test in enumerate(tests)
    ]
    results = run_all(workspace, PythonSetting(name="test"), jobs)
    functions = [results[number].functions["test_x"] for number in range(len(tests))]
    assert {one.status for one in functions} == {"passed"}
    return [one.calls for one in functions]


SAME_CALLS = (
    ("(): assert fits(['a'])", "(): assert fits(books=list('a'), path=None)"),
    ("(): fits([Book('a')])", "(): fits([Book(title='a')])"),
    (
        "(tmp_path): (tmp_path / 'a').write_text('x'); fits([], tmp_path / 'a')",
        "(tmp_path): path = tmp_path / 'a'; path.write_text('x'); assert fits([], path)",
    ),
    ("(): both(['a', 'b'])", "(): assert both(['a', 'b']); both(['a', 'b'])"),
)
OTHER_CALLS = (
    ("(): fits(['a'])", "(): fits(['b'])"),
    ("(): fits(['a'])", "(): fits(('a',))"),
    ("(): fits([Book('a')])", "(): book = Book('a'); book.title = 'b'; fits([book])"),
    (
        "(tmp_path): (tmp_path / 'a').write_text('x'); fits([], tmp_path / 'a')",
        "(tmp_path): (tmp_path / 'a').write_text('y'); fits([], tmp_path / 'a')",
    ),
    ("(): fits(['a'])", "(monkeypatch): monkeypatch.setenv('A', 'b'); fits(['a'])"),
    ("(): fits(['a'])", "(monkeypatch): monkeypatch.setattr(shelf, 'LIMIT', 0); fits(['a'])"),
    ("(): fits([object()])", "(): fits([object()])"),
    ("(): fits([lambda: 1])", "(): fits([lambda: 1])"),
    ("(): both(['a'])", "(): fits(['a'])"),
    ("(): fits(['a'])", "(): fits(['a'])\n\nAT_IMPORT = fits(['b'])"),
)


def test_run_jobs__equal_calls_of_members_are_recorded_as_equal(workspace: PythonWorkspace) -> None:
    found = calls(workspace, *(test for pair in SAME_CALLS for test in pair))
    for number, pair in enumerate(SAME_CALLS):
        assert found[2 * number] == found[2 * number + 1] != frozenset(), pair


def test_run_jobs__calls_that_may_differ_are_recorded_as_different(workspace: PythonWorkspace) -> None:
    *found, none = calls(workspace, *(test for pair in OTHER_CALLS for test in pair), "(): Book('a')")
    for number, pair in enumerate(OTHER_CALLS):
        assert found[2 * number], pair
        assert not found[2 * number + 1] <= found[2 * number], pair
    assert none == frozenset()


def test_run_jobs__order_is_that_of_the_file_or_of_the_seed(workspace: PythonWorkspace) -> None:
    code = "seen = []\n" + "".join(f"def test_{n}():\n    seen.append({n})\n" for n in range(8))
    code += "def teardown_module():\n    raise ValueError(str(seen))\n"
    in_order, *shuffled = [
        next(
            f.message
            for f in run(workspace, code, setting=PythonSetting(name="", order_seed=seed))[
                0
            ].functions.values()
            if f.message
        )
        for seed in (None, 1, 2, 1)
    ]
    assert "[0, 1, 2, 3, 4, 5, 6, 7]" in in_order
    assert len({in_order, *shuffled}) == 3
    assert shuffled[0] == shuffled[2]


def test_run_jobs__settings_reach_the_tests(workspace: PythonWorkspace) -> None:
    code = """
        import os, time
        def test_setting():
            assert (os.environ["PYTHONHASHSEED"], time.tzname[0]) == ("7", "JST")
        def test_hash():
            assert hash("x") == int(os.environ["EXPECTED"])
    """
    hashed = subprocess.run(
        [sys.executable, "-c", "print(hash('x'))"],
        env={"PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
    )
    expected = (("EXPECTED", hashed.stdout.decode().strip()),)
    setting = PythonSetting(name="", hash_seed=7, time_zone="JST-9", variables=expected)
    assert set(statuses(run(workspace, code, setting=setting)[0]).values()) == {"passed"}


def test_run_jobs__duckdb_need_not_look_into_control_groups(workspace: PythonWorkspace) -> None:
    code = """
        import os
        def test_limits():
            assert os.environ["SLURM_CPUS_ON_NODE"].isdigit()
            assert os.environ["SLURM_MEM_PER_NODE"].isdigit()
    """
    assert statuses(run(workspace, code)[0]) == {"test_limits": "passed"}


def test_run_jobs__strictness_of_the_project_holds_unless_left_out(workspace: PythonWorkspace) -> None:
    strict = replace(workspace, pytest_ini="[pytest]\nfilterwarnings = error\n")
    code = "import warnings\ndef test_warns():\n    warnings.warn('x')\n"
    assert statuses(run(strict, code)[0]) == {"test_warns": "failed"}
    assert statuses(run(strict, code, setting=PythonSetting(name="", with_ini=False))[0]) == {
        "test_warns": "passed"
    }


def test_run_jobs__a_module_that_does_not_load_says_why(workspace: PythonWorkspace) -> None:
    missing, syntax, raising, leaving = run(
        workspace,
        "import nothing_here\ndef test_x(): pass\n",
        "def test_x(: pass\n",
        "raise ValueError('no')\n",
        "raise SystemExit(0)\n",
    )
    assert "No module named 'nothing_here'" in missing.problem
    assert syntax.problem.startswith("SyntaxError: ")
    assert "ValueError: no" in raising.problem
    assert leaving.problem
    assert not missing.functions


def test_run_jobs__a_fixture_that_is_not_there_is_named(workspace: PythonWorkspace) -> None:
    (result,) = run(workspace, "def test_x(nothing_here):\n    assert nothing_here\n")
    assert result.functions["test_x"].message == "in setup: fixture 'nothing_here' not found"


def test_run_jobs__modules_of_the_bot_are_not_there(workspace: PythonWorkspace) -> None:
    hiding = replace(
        workspace, interpreter=replace(workspace.interpreter, hidden_modules=("testsmith", "openai"))
    )
    code = """
        import importlib.util, sys
        import pytest

        @pytest.mark.parametrize("name", ["testsmith", "openai", "testing", "serve"])
        def test_import(name):
            with pytest.raises(ModuleNotFoundError):
                __import__(name)
            assert importlib.util.find_spec(name) is None

        def test_path():
            assert not [entry for entry in sys.path if entry.endswith("worker")]
    """
    assert set(statuses(run(hiding, code)[0]).values()) == {"passed"}


def test_run_jobs__nothing_of_the_project_is_loaded_before_the_tests(workspace: PythonWorkspace) -> None:
    (workspace.head.root / "code.py").write_text("import os\n\nos._exit(0)\n")  # as pytest loads a `code`
    result = run_all(workspace, PythonSetting(name="x"), [TestJob(number=0, code=GOOD, seconds=20.0)])[0]
    assert result.problem == "the test module ended the test process outside its test functions"


def test_run_jobs__owned_modules_come_from_the_copy_alone(workspace: PythonWorkspace) -> None:
    owning = replace(workspace, owned_modules=frozenset({"shop", "iniconfig_like", "unidiff"}))
    code = """
        import pytest
        import shop
        def test_own():
            assert shop.__file__.endswith("head/shop.py")
        def test_installed_but_owned():
            with pytest.raises(ModuleNotFoundError):
                import unidiff
    """
    assert set(statuses(run(owning, code)[0]).values()) == {"passed"}


def test_run_jobs__each_test_starts_in_an_empty_folder_with_a_clean_environment(
    workspace: PythonWorkspace,
) -> None:
    code = """
        import os, pathlib
        def test_folder():
            assert list(pathlib.Path().iterdir()) == []
            pathlib.Path("left_over").write_text("x")
        def test_environment():
            assert not [name for name in os.environ if "KEY" in name or "TOKEN" in name]
    """
    for result in run(workspace, code, code):
        assert set(statuses(result).values()) == {"passed"}
    assert [
        path.name for path in workspace.scratch.iterdir() if path.name.startswith(("run-", "worker-"))
    ] == []


def test_run_jobs__functions_behind_a_hang_or_crash_are_run_all_the_same(workspace: PythonWorkspace) -> None:
    code = """
        import os, time
        def test_before(): pass
        def test_hangs(): time.sleep(60)
        def test_leaves(): os._exit(0)
        def test_interrupts(): raise KeyboardInterrupt
        def test_stops_itself(): os.kill(os.getpid(), 11)
        def test_after(): pass
    """
    (result,) = run(workspace, code, seconds=1.5)
    assert statuses(result) == {
        "test_before": "passed",
        "test_hangs": "timed out",
        "test_leaves": "crashed",
        "test_interrupts": "crashed",
        "test_stops_itself": "crashed",
        "test_after": "passed",
    }


HOSTILE = {
    "hangs while it loads": "import time\ntime.sleep(60)\ndef test_x(): pass\n",
    "leaves while it loads": "import os\nos._exit(0)\ndef test_x(): pass\n",
    "hangs and ignores signals": """
        import signal, time
        def test_x():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            while True:
                pass
    """,
    "stops itself": "import os, signal\ndef test_x():\n    os.kill(os.getpid(), signal.SIGSTOP)\n",
    "prints a lot": """
        import os, sys
        def test_x(capfd):
            with capfd.disabled():
                for _ in range(100):
                    os.write(1, b"x" * 1_000_000)
                    os.write(2, b"x" * 1_000_000)
    """,
    "writes on all descriptors": """
        import os
        def test_x():
            for number in range(3, 50):
                try:
                    os.write(number, b'{"number": 1, "functions": []}\\n' * 10)
                except OSError:
                    pass
            os._exit(0)
    """,
    "closes its end and goes on": """
        import os, time
        def test_x():
            os.closerange(3, 100)
            time.sleep(60)
    """,
    "floods its pipe": """
        import os
        def test_x():
            for number in range(3, 50):
                try:
                    while True:
                        os.write(number, b"x" * 65536)
                except OSError:
                    pass
    """,
    "kills the harness": "import os\ndef test_x():\n    os.kill(os.getppid(), 9)\n    os._exit(0)\n",
    "forks a lot": """
        import os, time
        def test_x():
            for _ in range(100):
                if os.fork() == 0:
                    time.sleep(60)
                    os._exit(0)
    """,
    "leaves a daemon": """
        import os, time
        def test_x():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(60)
                os._exit(0)
            time.sleep(0.1)
    """,
    "edits pytest": """
        import _pytest.runner, pytest
        def test_x(monkeypatch):
            _pytest.runner.pytest_runtest_makereport = None
            pytest.main = lambda *a, **k: 0
            assert False
    """,
    "takes its rights away": """
        import os, pathlib
        def test_x(tmp_path):
            pathlib.Path("closed").mkdir()
            pathlib.Path("closed/x").touch()
            os.chmod("closed", 0)
    """,
    "is deep": "def test_x():\n    def deep(n): return deep(n + 1)\n    deep(0)\n",
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_run_jobs__a_hostile_module_costs_nobody_else(attack: str, workspace: PythonWorkspace) -> None:
    started = time.monotonic()
    before, _, after = run(workspace, GOOD, HOSTILE[attack], GOOD, seconds=1.0)
    assert statuses(before) == {"test_good": "passed"}
    assert statuses(after) == {"test_good": "passed"}
    assert after.functions["test_good"].reached.lines == {5, 6}
    assert time.monotonic() - started < 30
    assert [
        path.name for path in workspace.scratch.iterdir() if path.name.startswith(("run-", "worker-"))
    ] == []


def test_run_jobs__leaves_no_process_behind(workspace: PythonWorkspace, tmp_path: Path) -> None:
    note = tmp_path / "daemon"
    code = f"""
        import os, pathlib, time
        def test_x():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    pathlib.Path({str(note)!r}).write_text(str(os.getpid()))
                    time.sleep(60)
                os._exit(0)
            while not os.path.exists({str(note)!r}):
                time.sleep(0.01)
    """
    run(workspace, code)
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_run_jobs__cancelling_leaves_no_folder(workspace: PythonWorkspace, tmp_path: Path) -> None:
    note = tmp_path / "child"
    code = f"""
        import os, pathlib, time
        def test_x():
            pathlib.Path({str(note)!r}).write_text(str(os.getpid()))
            time.sleep(60)
    """
    job = TestJob(number=0, code=textwrap.dedent(code), seconds=60)

    async def cancel_halfway() -> None:
        task = asyncio.create_task(run_jobs(workspace, PythonSetting(name=""), [job]))
        await asyncio.to_thread(wait_for_text, note)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_halfway())
    assert [
        path.name for path in workspace.scratch.iterdir() if path.name.startswith(("run-", "worker-"))
    ] == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), signal.SIGCONT)


def test_run_jobs__without_pytest_every_job_has_the_reason(
    workspace: PythonWorkspace, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    bare = replace(workspace.interpreter, path=tmp_path / "bare" / "bin" / "python")
    for result in run(replace(workspace, interpreter=bare), GOOD, GOOD):
        assert "No module named" in result.problem


def test_run_jobs__an_import_tells_whether_a_module_loads(workspace: PythonWorkspace) -> None:
    (workspace.head.root / "slow.py").write_text("import time\ntime.sleep(60)\n")
    (workspace.head.root / "needy.py").write_text("import nothing_here\n")
    jobs = [
        TestJob(number=number, code=module, seconds=1.0, is_import=True)
        for number, module in enumerate(["shop", "needy", "slow"])
    ]
    results = run_all(workspace, PythonSetting(name=""), jobs)
    assert [results[number].problem for number in range(3)] == [
        "",
        "ModuleNotFoundError: No module named 'nothing_here'",
        "it exceeded the time limit",
    ]


@pytest.mark.parametrize(
    ("jobs", "settings", "parallel", "sizes"),
    [
        (0, 5, 2, []),
        (1, 5, 2, [1]),
        (4, 5, 2, [4]),
        (6, 5, 2, [6]),
        (6, 2, 2, [6]),
        (6, 1, 2, [3, 3]),
        (20, 1, 2, [8, 8, 4]),
        (100, 5, 2, [20] * 5),
        (100, 1, 4, [9] * 11 + [1]),
    ],
)
def test_batches_of__keeps_all_processors_busy_with_few_starts(
    jobs: int, settings: int, parallel: int, sizes: list[int]
) -> None:
    asked = [TestJob(number=number, code="", seconds=1) for number in range(jobs)]
    batches = batches_of(asked, settings, parallel)
    assert [len(batch) for batch in batches] == sizes
    assert [job for batch in batches for job in batch] == asked


def test_run_jobs__the_clock_stands_at_another_instant_and_says_so(workspace: PythonWorkspace) -> None:
    code = """
        import datetime
        def test_x():
            assert datetime.datetime.now().isoformat().startswith("2032-02-29T23:30")
    """
    (result,) = run(workspace, code, setting=PythonSetting(name="", instant=1_961_710_200.0))
    assert statuses(result) == {"test_x": "passed"}
    assert result.done == {MOVED_CLOCK}
    assert run(workspace, GOOD)[0].done == frozenset()


def test_run_jobs__each_function_apart_sees_nothing_of_the_others(workspace: PythonWorkspace) -> None:
    code = """
        import os, random, pytest
        seen = []

        @pytest.fixture(scope="module")
        def shared():
            seen.append("fixture")

        @pytest.mark.parametrize("case", [0, 1])
        def test_first(case):
            seen.append(case)
            assert seen == list(range(case + 1))

        def test_second(shared):
            seen.append(os.getpid())
            assert len(seen) == 2

        def test_fails():
            assert seen

        def test_dies():
            os._exit(3)

        class TestClass:
            def test_last(self):
                assert not seen
    """
    (result,) = run(workspace, code, setting=PythonSetting(name="", apart=True))
    assert statuses(result) == {
        "test_first": "passed",
        "test_second": "passed",
        "test_fails": "failed",
        "test_dies": "crashed",
        "TestClass::test_last": "passed",
    }


def test_run_jobs__a_module_that_leaves_files_is_run_again_where_they_are(workspace: PythonWorkspace) -> None:
    code = """
        import os, pathlib, tempfile
        def test_folder(): pathlib.Path("made").mkdir()
        def test_home(): os.mkdir(os.path.expanduser("~/made"))
        def test_temporary(tmp_path): (tmp_path / "made").mkdir()
        def test_tempfile():
            handle, name = tempfile.mkstemp()
            os.close(handle)
    """
    once, twice = (
        run(workspace, code, setting=PythonSetting(name="", twice=times))[0] for times in (False, True)
    )
    assert set(statuses(once).values()) == {"passed"}
    assert statuses(twice) == {
        "test_folder": "failed",
        "test_home": "failed",
        "test_temporary": "passed",
        "test_tempfile": "passed",
    }
    assert "again in the same folder: FileExistsError" in twice.functions["test_folder"].message


def test_run_jobs__what_leaves_nothing_is_not_run_again(workspace: PythonWorkspace, tmp_path: Path) -> None:
    count = tmp_path / "count"
    code = f"def test_x(tmp_path):\n    (tmp_path / 'x').touch()\n    open({str(count)!r}, 'a').write('x')\n"
    run(workspace, code, setting=PythonSetting(name="", twice=True))
    assert count.read_text() == "x"


def test_run_jobs__files_that_a_function_leaves_are_named(workspace: PythonWorkspace) -> None:
    code = """
        import os, pathlib, tempfile
        import pytest

        pathlib.Path("at_import").touch()

        @pytest.fixture(scope="module")
        def log():
            pathlib.Path("module.log").touch()
            yield
            os.unlink("module.log")

        def test_clean(tmp_path, log):
            (tmp_path / "x").touch()
            with tempfile.TemporaryDirectory() as folder:
                pathlib.Path(folder, "y").touch()
            pathlib.Path("z").touch()
            os.unlink("z")

        def test_leaves():
            pathlib.Path("report.txt").write_text("x")
            pathlib.Path("deep/er").mkdir(parents=True)

        def test_beside_the_file():
            pathlib.Path(__file__).with_name("data.json").touch()

        def test_many():
            for number in range(50):
                pathlib.Path(f"{number:02}\\x1b[31m" + "x" * 200).touch()
    """
    (result,) = run(workspace, code)
    left = {name: function.left for name, function in result.functions.items()}
    assert left["test_clean"] == ()
    assert left["test_leaves"] == ("deep", "report.txt")
    assert left["test_beside_the_file"] == ("data.json",)
    assert len(left["test_many"]) == 10
    assert all("\x1b" not in name and len(name) <= 100 for name in left["test_many"])


def test_run_jobs__temporary_files_of_the_code_under_test_are_its_own(workspace: PythonWorkspace) -> None:
    code = "import importlib\n\ndef test_x():\n    importlib.import_module({}).mkdtemp(prefix='left')\n"
    by_other, by_test = run(workspace, code.format("'temp' + 'file'"), code.format("'tempfile'"))
    assert by_other.functions["test_x"].left == ()
    assert [name[:4] for name in by_test.functions["test_x"].left] == ["left"]


def test_run_jobs__tells_which_calls_of_the_module_were_not_made(workspace: PythonWorkspace) -> None:
    code = textwrap.dedent("""
        import pytest
        from shop import clamp

        def helper(ready):
            if ready:
                return print("ready")
            return len("x")

        @pytest.fixture
        def given():
            yield clamp(1, 0, 2)
            int("1")

        def test_plain(given):
            assert clamp(0, 1, 3) == 1 and clamp(9, 1, 3) == 3
            assert given and helper(False), repr(given)
            with pytest.raises(TypeError):
                clamp(None, 0, 1)
            with pytest.raises(TypeError):
                clamp(None, 0, 1)
                divmod(1, 1)

        def test_dormant():
            assert clamp(0, 1, 3) == 1 or print("or")
            print("if") if clamp(0, 1, 3) == 2 else None
            late = lambda: print("lambda")
            assert [item for item in [1] if clamp(item, 0, 2)] and late
            try:
                clamp(0, 1, 3)
            except ValueError:
                import json
    """)
    (result,) = run(workspace, code, setting=PythonSetting(name="test", own_calls=True))
    assert result.problem == ""
    assert statuses(result) == {"test_plain": "passed", "test_dormant": "passed"}
    assert result.idle is not None
    lines = code.split("\n")
    assert [lines[line - 1][column:end] for line, column, last, end in result.idle if line == last] == [
        'print("ready")',
        "assert given and helper(False), repr(given)",  # the call that makes the error
        "repr(given)",
        "divmod(1, 1)",
        'print("or")',
        'print("if")',
        'print("lambda")',
        "import json",
    ]


def test_run_jobs__calls_that_a_test_removes_from_its_file_are_told_too(workspace: PythonWorkspace) -> None:
    code = textwrap.dedent("""
        import pathlib
        from shop import clamp

        def helper():
            return print("dormant")

        def test_it():
            file = pathlib.Path(__file__)
            file.write_text(file.read_text().replace('print("dormant")', "None"))
            assert clamp(0, 1, 3) == 1 and helper
    """)
    (result,) = run(workspace, code, setting=PythonSetting(name="test", own_calls=True))
    assert statuses(result) == {"test_it": "passed"}
    assert result.idle is not None
    assert [code.split("\n")[line - 1][column:end] for line, column, _, end in result.idle] == [
        'print("dormant")'
    ]


def test_run_jobs__what_the_tests_own_expression_raises_is_told(workspace: PythonWorkspace) -> None:
    code = """
        import json
        import pytest
        import shop
        from shop import clamp
        from unittest import mock
        def fail(*_):
            raise KeyError("own")
        class Refuses:
            def __lt__(self, other): fail()
        class LacksName:
            def __lt__(self, other): mock.Mock(spec=[]).missing
        def test_called(): clamp(1, 0, 2)()
        def test_attribute(): assert clamp(1, 0, 2).name == "one"
        def test_builtin(): assert sorted(clamp(1, 0, 2)) == []
        def test_another_error_than_expected():
            with pytest.raises(ValueError):
                clamp(1, 0, 2)[0]
        def test_replaces_a_missing_name(monkeypatch):
            monkeypatch.setattr("shop.uuid.uuid4", lambda: 1)
        def test_replaces_a_missing_attribute(monkeypatch):
            monkeypatch.setattr(shop, "missing", lambda: 1)
        @mock.patch("shop.missing")
        def test_patches_a_missing_name(_): clamp(1, 0, 2)
        def test_patches_a_missing_module():
            with mock.patch("shop.missing.uuid4"):
                clamp(1, 0, 2)
        def test_patches_a_missing_attribute():
            with mock.patch.object(shop, "missing"):
                clamp(1, 0, 2)
        def test_a_stand_in_lacks_a_name(): clamp(LacksName(), 0, 2)
        def test_assertion(): assert clamp(1, 0, 2) == 2
        def test_unknown_argument(): clamp(1, 0, 2, strict=True)
        def test_missing_argument(): clamp(1)
        def test_missing_name():
            with pytest.raises(shop.ClampError):
                clamp(1, 0, 2)
        def test_inside(): clamp("1", 0, 2)
        def test_not_raised():
            with pytest.raises(ValueError):
                clamp(1, 0, 2)
        def test_through_the_project(): clamp(Refuses(), 0, 2)
        def test_passes(): assert clamp(1, 0, 2) == 1
    """
    (result,) = run(workspace, code)
    own = {name for name, function in result.functions.items() if function.raised_by_test}
    assert own == {
        "test_called",
        "test_attribute",
        "test_builtin",
        "test_another_error_than_expected",
        "test_replaces_a_missing_name",
        "test_replaces_a_missing_attribute",
        "test_patches_a_missing_name",
        "test_patches_a_missing_module",
        "test_patches_a_missing_attribute",
    }


def test_run_jobs__the_line_of_the_test_that_failed_is_told(workspace: PythonWorkspace) -> None:
    code = """
        import unittest
        import pytest
        from shop import clamp

        def check(value):
            assert value == 3

        @pytest.fixture
        def broken():
            return clamp("1", 0, 2)

        class TestCase(unittest.TestCase):
            def test_method(self):
                self.assertEqual(clamp(0, 1, 3), 2)

        def test_several_lines():
            assert clamp(0, 1, 3) == 1
            assert clamp(
                9, 1, 3,
            ) == 2  # wrong

        def test_helper():
            check(3)
            check(4)

        def test_in_the_project():
            clamp("1", 0, 2)

        def test_not_raised():
            with pytest.raises(ValueError, match="x"):
                clamp(1, 0, 2)

        @pytest.mark.parametrize("value", [1, 9, 8])
        def test_rows(value):
            assert clamp(value, 1, 3) == value

        def test_long():
            assert clamp(1, 0, 2) == "xxxxxxxxxx" + (
                "LONG"
            )

        def test_setup(broken): pass
        def test_passes(): assert clamp(1, 0, 2) == 1
    """.replace("LONG", "y" * 500)
    (result,) = run(workspace, code)
    long = result.functions["test_long"].failing_line
    assert {name: one.failing_line for name, one in result.functions.items()} == {
        "TestCase::test_method": "self.assertEqual(clamp(0, 1, 3), 2)",
        "test_several_lines": "assert clamp( 9, 1, 3, ) == 2 # wrong",
        "test_helper": "check(4)",
        "test_in_the_project": 'clamp("1", 0, 2)',
        "test_not_raised": 'with pytest.raises(ValueError, match="x"):',
        "test_rows": "assert clamp(value, 1, 3) == value",
        "test_long": long,
        "test_setup": 'return clamp("1", 0, 2)',
        "test_passes": "",
    }
    assert long.startswith('assert clamp(1, 0, 2) == "xxxxxxxxxx" + ( "yyyy')
    assert len(long) == 204


def test_run_jobs__a_failure_for_want_of_a_network_is_told(workspace: PythonWorkspace) -> None:
    code = """
        import socket, urllib.error, urllib.request
        def test_name(): socket.create_connection(("no-such-host.invalid", 80), timeout=2)
        def test_address(): urllib.request.urlopen("http://127.0.0.1:1/", timeout=2)
        def test_behind():
            try:
                urllib.request.urlopen("http://no-such-host.invalid/", timeout=2)
            except urllib.error.URLError as error:
                raise RuntimeError("no answer") from error
        def test_file(): open("/proc/1/mem", "rb").read(1)
        def test_plain(): assert False
        class Odd(Exception):
            @property
            def reason(self): raise ValueError("no reason")
        def test_odd(): raise Odd
    """
    (result,) = run(workspace, code)
    assert {name: function.wants_network for name, function in result.functions.items()} == {
        "test_name": True,
        "test_address": True,
        "test_behind": True,
        "test_file": False,
        "test_plain": False,
        "test_odd": False,
    }


def test_run_jobs__a_test_that_passes_because_the_network_is_refused_is_told(
    workspace: PythonWorkspace,
) -> None:
    code = """
        import os, pytest, socket, tempfile, threading, urllib.error, urllib.request
        def test_name():
            with pytest.raises(OSError):
                socket.create_connection(("example.com", 80), timeout=2)
        def test_address():
            with pytest.raises(OSError):
                urllib.request.urlopen("http://192.0.2.1/", timeout=2)
        def test_in_a_thread():
            def ask(): pytest.raises(OSError, socket.gethostbyname, "example.com")
            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()
        def test_this_machine():
            for name in ("localhost", "127.0.0.1", "", None, socket.gethostname()):
                try:
                    socket.getaddrinfo(name, 80)
                except OSError:
                    pass
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.1", 1), timeout=2)
        def test_no_such_name():
            with pytest.raises(OSError):
                urllib.request.urlopen("http://no-such-host.invalid/", timeout=2)
        def test_replaced(monkeypatch):
            monkeypatch.setattr(socket, "create_connection", lambda *args, **kwargs: None)
            socket.create_connection(("example.com", 80))
        def test_file():
            with socket.socket(socket.AF_UNIX) as one, pytest.raises(OSError):
                one.connect(os.path.join(tempfile.gettempdir(), "none"))
        def test_odd():
            with socket.socket() as one:
                for odd in ((), (None, 1), 7, (b"127.0.0.1", 1)):
                    with pytest.raises((OSError, TypeError)):
                        one.connect(odd)
    """
    (result,) = run(workspace, code)
    assert {name: (one.status, one.wants_network) for name, one in result.functions.items()} == {
        "test_name": ("passed", True),
        "test_address": ("passed", True),
        "test_in_a_thread": ("passed", True),
        "test_this_machine": ("passed", False),
        "test_no_such_name": ("passed", False),
        "test_replaced": ("passed", False),
        "test_file": ("passed", False),
        "test_odd": ("passed", False),
    }


@pytest.mark.parametrize(
    ("setting", "claim"),
    [
        (
            PythonSetting(name="", locale="C"),
            "locale.getpreferredencoding(False).upper() in ('ANSI_X3.4-1968', 'ASCII')",
        ),
        (PythonSetting(name=""), "locale.getpreferredencoding(False).upper() == 'UTF-8'"),
        (PythonSetting(name="", place="a b/\u00e9"), "os.getcwd().endswith('/a b/\\u00e9/work')"),
        (PythonSetting(name="", place="a b/\u00e9"), "str(tmp_path).find('/a b/\\u00e9/') > 0"),
        (PythonSetting(name=""), "len({random.random() for _ in range(3)}) == 3"),
    ],
)
def test_run_jobs__locale_and_folder_are_those_of_the_setting(
    setting: PythonSetting, claim: str, workspace: PythonWorkspace
) -> None:
    code = f"import locale, os, random\ndef test_x(tmp_path):\n    assert {claim}\n"
    (result,) = run(workspace, code, setting=setting)
    assert (statuses(result), result.problem) == ({"test_x": "passed"}, "")


def test_run_jobs__random_numbers_differ_from_test_to_test(
    workspace: PythonWorkspace, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    code = f"import random\ndef test_x():\n    open({str(seen)!r}, 'a').write(f'{{random.random()}} ')\n"
    run(workspace, code, code, code)
    assert len(set(seen.read_text().split())) == 3

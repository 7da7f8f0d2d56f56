from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.execution.answers import JobResult
from bot.execution.harness import Job, Setting, TracedMember, batches_of, run_jobs
from bot.execution.process import ProcessSandbox
from bot.execution.sandbox import Limits
from bot.execution.workers import install_workers
from bot.execution.workspace import Interpreter, ProjectCopy, Workspace, remove_folder

SHOP = """\
import time


def clamp(value, low, high):
    if value < low:
        return low
    return min(value, high)
"""

GOOD = "from shop import clamp\n\ndef test_good():\n    assert clamp(1, 2, 3) == 2\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    root = (tmp_path / "scratch" / "head").resolve()
    root.mkdir(parents=True)
    (root / "shop.py").write_text(SHOP)
    install_workers(root.parent)
    yield Workspace(
        head=ProjectCopy(root=root, source_roots=(root,)),
        base=None,
        interpreter=Interpreter(
            path=Path(sys.executable), version=sys.version_info[:2], hidden_modules=("bot",)
        ),
        scratch=root.parent,
        sandbox=ProcessSandbox(),
        limits=Limits(),
    )
    remove_folder(root.parent)


def run(
    workspace: Workspace, *codes: str, seconds: float = 10.0, setting: Setting | None = None
) -> list[JobResult]:
    traced = TracedMember(path="shop.py", first=4, last=7)
    jobs = [
        Job(
            number=number,
            code=textwrap.dedent(code),
            seconds=10.0 if code == GOOD else seconds,
            traced=traced,
        )
        for number, code in enumerate(codes)
    ]
    results = asyncio.run(run_jobs(workspace, setting or Setting(name="test"), jobs))
    return [results[number] for number in range(len(codes))]


def wait_for_text(file: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (file.exists() and file.read_text()):
        time.sleep(0.01)


def statuses(result: JobResult) -> dict[str, str]:
    return {name: function.status for name, function in result.functions.items()}


def test_run_jobs__tells_how_each_function_ends(workspace: Workspace) -> None:
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


def test_run_jobs__attributes_lines_and_branches_to_functions(workspace: Workspace) -> None:
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


def test_run_jobs__order_is_that_of_the_file_or_of_the_seed(workspace: Workspace) -> None:
    code = "seen = []\n" + "".join(f"def test_{n}():\n    seen.append({n})\n" for n in range(8))
    code += "def teardown_module():\n    raise ValueError(str(seen))\n"
    in_order, *shuffled = [
        next(
            f.message
            for f in run(workspace, code, setting=Setting(name="", order_seed=seed))[0].functions.values()
            if f.message
        )
        for seed in (None, 1, 2, 1)
    ]
    assert "[0, 1, 2, 3, 4, 5, 6, 7]" in in_order
    assert len({in_order, *shuffled}) == 3
    assert shuffled[0] == shuffled[2]


def test_run_jobs__settings_reach_the_tests(workspace: Workspace) -> None:
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
    setting = Setting(name="", hash_seed=7, time_zone="JST-9", variables=expected)
    assert set(statuses(run(workspace, code, setting=setting)[0]).values()) == {"passed"}


def test_run_jobs__strictness_of_the_project_holds_unless_left_out(workspace: Workspace) -> None:
    strict = replace(workspace, pytest_ini="[pytest]\nfilterwarnings = error\n")
    code = "import warnings\ndef test_warns():\n    warnings.warn('x')\n"
    assert statuses(run(strict, code)[0]) == {"test_warns": "failed"}
    assert statuses(run(strict, code, setting=Setting(name="", with_ini=False))[0]) == {
        "test_warns": "passed"
    }


def test_run_jobs__a_module_that_does_not_load_says_why(workspace: Workspace) -> None:
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


def test_run_jobs__a_fixture_that_is_not_there_is_named(workspace: Workspace) -> None:
    (result,) = run(workspace, "def test_x(nothing_here):\n    assert nothing_here\n")
    assert result.functions["test_x"].message == "in setup: fixture 'nothing_here' not found"


def test_run_jobs__modules_of_the_bot_are_not_there(workspace: Workspace) -> None:
    hiding = replace(workspace, interpreter=replace(workspace.interpreter, hidden_modules=("bot", "openai")))
    code = """
        import importlib.util, sys
        import pytest

        @pytest.mark.parametrize("name", ["bot", "openai", "testing", "serve"])
        def test_import(name):
            with pytest.raises(ModuleNotFoundError):
                __import__(name)
            assert importlib.util.find_spec(name) is None

        def test_path():
            assert not [entry for entry in sys.path if entry.endswith("worker")]
    """
    assert set(statuses(run(hiding, code)[0]).values()) == {"passed"}


def test_run_jobs__owned_modules_come_from_the_copy_alone(workspace: Workspace) -> None:
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


def test_run_jobs__each_test_starts_in_an_empty_folder_with_a_clean_environment(workspace: Workspace) -> None:
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
    assert [path.name for path in workspace.scratch.iterdir() if path.name.startswith("run-")] == []


def test_run_jobs__functions_behind_a_hang_or_crash_are_run_all_the_same(workspace: Workspace) -> None:
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
def test_run_jobs__a_hostile_module_costs_nobody_else(attack: str, workspace: Workspace) -> None:
    started = time.monotonic()
    before, _, after = run(workspace, GOOD, HOSTILE[attack], GOOD, seconds=1.0)
    assert statuses(before) == {"test_good": "passed"}
    assert statuses(after) == {"test_good": "passed"}
    assert after.functions["test_good"].reached.lines == {5, 6}
    assert time.monotonic() - started < 30
    assert [path.name for path in workspace.scratch.iterdir() if path.name.startswith("run-")] == []


def test_run_jobs__leaves_no_process_behind(workspace: Workspace, tmp_path: Path) -> None:
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


def test_run_jobs__cancelling_leaves_no_folder(workspace: Workspace, tmp_path: Path) -> None:
    note = tmp_path / "child"
    code = f"""
        import os, pathlib, time
        def test_x():
            pathlib.Path({str(note)!r}).write_text(str(os.getpid()))
            time.sleep(60)
    """
    job = Job(number=0, code=textwrap.dedent(code), seconds=60)

    async def cancel_halfway() -> None:
        task = asyncio.create_task(run_jobs(workspace, Setting(name=""), [job]))
        await asyncio.to_thread(wait_for_text, note)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_halfway())
    assert [path.name for path in workspace.scratch.iterdir() if path.name.startswith("run-")] == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), signal.SIGCONT)


def test_run_jobs__without_pytest_every_job_has_the_reason(workspace: Workspace, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    bare = replace(workspace.interpreter, path=tmp_path / "bare" / "bin" / "python")
    for result in run(replace(workspace, interpreter=bare), GOOD, GOOD):
        assert "No module named" in result.problem


def test_run_jobs__an_import_tells_whether_a_module_loads(workspace: Workspace) -> None:
    (workspace.head.root / "slow.py").write_text("import time\ntime.sleep(60)\n")
    (workspace.head.root / "needy.py").write_text("import nothing_here\n")
    jobs = [
        Job(number=number, code=module, seconds=1.0, is_import=True)
        for number, module in enumerate(["shop", "needy", "slow"])
    ]
    results = asyncio.run(run_jobs(workspace, Setting(name=""), jobs))
    assert [results[number].problem for number in range(3)] == [
        "",
        "ModuleNotFoundError: No module named 'nothing_here'",
        "it ran into the time limit",
    ]


@pytest.mark.parametrize(
    ("jobs", "settings", "parallel", "sizes"),
    [(0, 5, 2, []), (1, 5, 2, [1]), (4, 5, 2, [4]), (100, 5, 2, [20] * 5), (100, 1, 4, [9] * 11 + [1])],
)
def test_batches_of__keeps_all_processors_busy(
    jobs: int, settings: int, parallel: int, sizes: list[int]
) -> None:
    asked = [Job(number=number, code="", seconds=1) for number in range(jobs)]
    batches = batches_of(asked, settings, parallel)
    assert [len(batch) for batch in batches] == sizes
    assert [job for batch in batches for job in batch] == asked

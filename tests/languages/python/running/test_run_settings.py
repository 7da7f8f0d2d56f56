from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.workspaces import CountingProgress, function_member, small_workspace
from testsmith.languages.judge import Conflicts
from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.languages.python.running.workspace import Interpreter, PythonWorkspace
from testsmith.languages.python.test_files.test_modules import test_functions as names_of_tests
from testsmith.languages.results import FunctionProof, Proof
from testsmith.model import Candidate, Origin
from testsmith.settings import VerificationSettings
from testsmith.verification.evidence import RunSubject, gather_evidence
from testsmith.verification.gate import judge

SHOP = """\
def price(amount):
    return amount * 2
"""

OWN_TESTS = """\
import builtins
import shop

def test_price():
    builtins.left_by_own_tests = True
    assert shop.price(2) == 4
"""

FLAKY = {
    "shuffled with seed": """
        seen = []
        def test_a(): seen.append("a")
        def test_b(): seen.append("b")
        def test_c(): seen.append("c")
        def test_x():
            seen.append("x")
            assert seen in (["x"], ["a", "b", "c", "x"])
    """,
    "failed in 1 of 5 runs, with hash seed 2, each function": """
        seen = []
        def test_a(): seen.append(1)
        def test_b(): seen.append(1)
        def test_c(): seen.append(1)
        def test_d(): seen.append(1)
        def test_x(): assert seen or len(seen)
    """,
    "passed only in 1 of 5 runs, with hash seed 2, each function": (
        "seen = []\n"
        + "".join(f"def test_{name}(): seen.append(1)\n" for name in "abcdefghijklmnopqrs")
        + "def test_x():\n    assert not seen\n"
    ),
    "hash seed": """
        def test_x():
            assert hash("a") == HASH
    """,
    "clock at 2032-02-29": """
        import datetime
        def test_x():
            assert datetime.date.today().year < 2031
    """,
    "time zone UTC+9": """
        import datetime
        def test_x():
            assert datetime.datetime.fromtimestamp(0).hour in (0, 5)
    """,
    "locale C": """
        def test_x(tmp_path):
            (tmp_path / "x").write_text("na\\u00efve")
            assert (tmp_path / "x").read_bytes() == b"na\\xc3\\xafve"
    """,
    "another working folder": """
        import os
        def test_x():
            assert " " not in os.getcwd()
    """,
    "two runs in one folder": """
        import pathlib
        def test_x():
            pathlib.Path("made").mkdir()
    """,
    "and without the project's pytest settings": """
        import warnings
        def test_x():
            warnings.warn("old", DeprecationWarning)
    """,
}

HONEST = """
    import asyncio, datetime, json, locale, os, pickle, re, sqlite3, subprocess, sys, threading, time
    import pytest
    from shop import price

    @pytest.fixture
    def zone(monkeypatch):
        monkeypatch.setenv("TZ", "JST-9")
        time.tzset()
        yield
        monkeypatch.undo()
        time.tzset()

    def test_arithmetic():
        start = datetime.datetime(2024, 2, 28, 12, tzinfo=datetime.timezone.utc)
        assert (start + datetime.timedelta(days=1)).isoformat() == "2024-02-29T12:00:00+00:00"
        assert datetime.datetime.now() - datetime.datetime.now() < datetime.timedelta(seconds=60)
        assert datetime.date.today() <= datetime.datetime.now().date()
        assert isinstance(pickle.loads(pickle.dumps(datetime.datetime.now())), datetime.datetime)

    def test_frozen(monkeypatch):
        real = datetime.datetime
        class Frozen(real):
            @classmethod
            def now(cls, tz=None):
                return real(2020, 1, 1, tzinfo=tz)
        monkeypatch.setattr(datetime, "datetime", Frozen)
        monkeypatch.setattr(time, "time", lambda: 1577836800.0)
        assert datetime.datetime.now() == real(2020, 1, 1)
        assert time.time() == 1577836800.0

    def test_zone(zone):
        assert time.localtime(0).tm_hour == 9

    def test_files(tmp_path):
        (tmp_path / "x.json").write_text(json.dumps({"a": 1}), encoding="utf-8")
        assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"a": 1}

    def test_file_age(tmp_path):
        (tmp_path / "x").touch()
        assert abs(time.time() - os.path.getmtime(tmp_path / "x")) < 600
        os.utime(tmp_path / "x", (10, 20))
        assert (tmp_path / "x").stat().st_mtime == 20

    def test_folder(tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        open("here", "w").close()
        assert os.listdir() == ["here"]
        assert os.path.basename(os.getcwd()) == tmp_path.name

    def test_number():
        assert format(1234567.5, ",.2f") == "1,234,567.50"
        assert locale.atof("1.5") == 1.5

    def test_set():
        assert sorted({"b", "a", "c"}) == ["a", "b", "c"]

    def test_process():
        command = [sys.executable, "-c", "import shop; print(shop.price(3))"]
        assert subprocess.run(command, capture_output=True).stdout.strip() == b"6"

    def test_task():
        async def twice():
            await asyncio.sleep(0.001)
            return price(1)
        assert asyncio.run(twice()) == 2

    def test_thread():
        seen = []
        thread = threading.Thread(target=lambda: seen.append(price(2)))
        thread.start()
        thread.join()
        assert seen == [4]

    def test_database():
        with sqlite3.connect(":memory:") as base:
            assert base.execute("select 1").fetchone() == (1,)

    def test_printed(capsys):
        print("na\\u00efve")
        assert capsys.readouterr().out == "na\\u00efve\\n"

    @pytest.mark.parametrize("value", [1, 2, 3])
    def test_rows(value):
        assert price(value) == 2 * value

    def test_timing():
        start = time.perf_counter()
        time.sleep(0.001)
        assert time.perf_counter() > start and time.monotonic() > 0
"""

SERVED = """
    import _thread
    from shop import price

    ask, answered = _thread.allocate_lock(), _thread.allocate_lock()
    ask.acquire()
    answered.acquire()

    def serve():
        while True:
            ask.acquire()
            answered.release()

    _thread.start_new_thread(serve, ())

    def test_served():
        ask.release()
        answered.acquire()
        assert price(1) == 2
"""
"""A module with a thread that threading does not know, as those of native code."""

PROJECT = {
    "shop.py": SHOP,
    "tests/test_shop.py": OWN_TESTS,
    "pyproject.toml": "[tool.pytest.ini_options]\nfilterwarnings = ['error::DeprecationWarning']\n",
}


def evidence(
    folder: Path,
    codes: Mapping[str, str],
    project: Mapping[str, str] = PROJECT,
    other_python: Path | None = None,
    seconds: float = 30,
) -> dict[str, dict[str, FunctionProof]]:
    """Run candidates in one workspace; return what is known of each one's functions."""
    return {
        name: {function.name: function for function in proof.functions}
        for name, proof in proofs(folder, codes, project, other_python, seconds).items()
    }


def proofs(
    folder: Path,
    codes: Mapping[str, str],
    project: Mapping[str, str] = PROJECT,
    other_python: Path | None = None,
    seconds: float = 30,
) -> dict[str, Proof]:
    """Run candidates in one workspace; return the proof of each."""
    member = function_member(SHOP, "price")
    subjects = [
        RunSubject(
            member=member,
            candidate=Candidate(member=member.id, code=textwrap.dedent(code), origin=Origin.MODEL),
            test_path="tests/test_shop.py",
        )
        for code in codes.values()
    ]

    async def scenario() -> tuple[Proof, ...]:
        async with small_workspace(folder, project) as opened:
            workspace = opened if other_python is None else with_other(opened, other_python)
            settings = VerificationSettings(test_seconds=seconds)
            return await gather_evidence(
                subjects, PythonRunner(workspace=workspace), names_of_tests, settings, CountingProgress()
            )

    return dict(zip(codes, asyncio.run(scenario()), strict=True))


def with_other(workspace: PythonWorkspace, path: Path) -> PythonWorkspace:
    """Return a workspace with another interpreter, which says of itself that it is of Python 3.8."""
    interpreter = Interpreter(path=path, version=(3, 8), borrowed_folders=workspace.interpreter.packages)
    return replace(workspace, other=replace(workspace, interpreter=interpreter))


def hash_under_the_first_seed() -> str:
    environment = {"PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", "print(hash('a'))"]
    return subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode().strip()


@pytest.mark.slow
def test_gather_evidence__the_reason_names_the_setting_that_a_flaky_test_fails_under(tmp_path: Path) -> None:
    codes = {words: code.replace("HASH", hash_under_the_first_seed()) for words, code in FLAKY.items()}
    reasons = {
        words: {cut.function: cut.reason for cut in judge(proof, Conflicts(), {}, PYTHON).cuts}["test_x"]
        for words, proof in proofs(tmp_path, codes).items()
    }
    assert {words: reason for words, reason in reasons.items() if words not in reason} == {}
    assert {reason.partition(":")[0] for reason in reasons.values()} == {"is flaky"}


def test_gather_evidence__a_test_that_fails_only_next_to_the_own_tests_is_not_called_flaky(
    tmp_path: Path,
) -> None:
    code = """
        import builtins
        def test_x():
            assert not hasattr(builtins, "left_by_own_tests"), "left"
    """
    (proof,) = proofs(tmp_path, {"x": code}).values()
    (cut,) = judge(proof, Conflicts(), {}, PYTHON).cuts
    assert cut.reason == (
        "passes by itself, but fails next to the project's tests, "
        "with hash seed 3 and shuffled with seed 2: AssertionError: left"
    )


def test_gather_evidence__a_test_that_fails_on_the_other_interpreter_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "bin-of-other"
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    code = "import sys\ndef test_x():\n    assert 'bin-of-other' not in sys.executable\n"
    (functions,) = evidence(tmp_path, {"x": code}, {"shop.py": SHOP}, folder / "python").values()
    function = functions["test_x"]
    assert [run.settings[-1] for run in function.head if run.message] == ["Python 3.8"]


def test_gather_evidence__files_that_were_left_and_a_network_that_was_missing_are_known(
    tmp_path: Path,
) -> None:
    network = "import socket\ndef test_x():\n    socket.create_connection(('127.0.0.1', 1), timeout=2)\n"
    leaving = (
        "def test_x():\n    open('report.txt', 'w').close()\ndef test_y(tmp_path):\n    assert tmp_path\n"
    )
    found = evidence(tmp_path, {"network": network, "leaving": leaving}, {"shop.py": SHOP})
    assert found["network"]["test_x"].wants_network
    assert found["network"]["test_x"].passes == 0
    assert {name: function.left for name, function in found["leaving"].items()} == {
        "test_x": ("report.txt",),
        "test_y": (),
    }


def test_gather_evidence__a_project_that_cannot_load_without_an_encoding_is_run_with_one(
    tmp_path: Path,
) -> None:
    shop = "TEXT = open(__file__.replace('.py', '.txt')).read()\n" + SHOP
    project = {"shop.py": shop, "shop.txt": "na\u00efve"}
    code = "import shop\ndef test_x():\n    assert shop.price(1) == 2\n"
    (functions,) = evidence(tmp_path, {"x": code}, project).values()
    assert functions["test_x"].passes == 5
    assert not any("locale" in "".join(run.settings) for run in functions["test_x"].head)


def test_gather_evidence__honest_tests_pass_every_run(tmp_path: Path) -> None:
    (functions,) = evidence(tmp_path, {"honest": HONEST}).values()
    failures = {
        (name, *run.settings): run.message
        for name, function in functions.items()
        for run in function.head
        if run.message
    }
    assert failures == {}
    assert {function.passes for function in functions.values()} == {5}
    assert {function.left for function in functions.values()} == {()}


@pytest.mark.parametrize("count", [1, 3])
def test_gather_evidence__tests_whose_module_has_a_thread_of_native_code_pass_every_run(
    tmp_path: Path, count: int
) -> None:
    module, _, test = SERVED.partition("    def test_served")
    tests = [f"    def test_served_{number}{test}" for number in range(count)]
    codes = {"served": module + "\n".join(tests)}
    (functions,) = evidence(tmp_path, codes, {"shop.py": SHOP}, seconds=3).values()
    assert [one.passes for one in functions.values()] == [5] * count
    words = [word for run in functions["test_served_0"].head for word in run.settings]
    assert ("each function in its own process" in words) is (count == 1)

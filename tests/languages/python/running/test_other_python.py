from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.trees import MemoryTree
from fakes.workspaces import small_workspace
from testsmith.execution.jobs import PASSED, TestJob
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.python_version import (
    FoundInterpreter,
    OtherPythonOrder,
    allowed,
    interpreters_in,
    requires_python,
    with_other_python,
)
from testsmith.languages.python.running.run_settings import PythonSetting
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.settings import SandboxChoice, VerificationSettings

VERSION = (sys.version_info[0], sys.version_info[1])
NAME = f"python{VERSION[0]}.{VERSION[1]}"


def order(folder: Path, requires: str = ">=3.9") -> OtherPythonOrder:
    return OtherPythonOrder(environment={"PATH": str(folder)}, requires=requires, modules=["shop"])


def found_in(
    tmp_path: Path, wanted: OtherPythonOrder, head: Mapping[str, str] | None = None
) -> tuple[PythonWorkspace, str]:
    """Look for another interpreter than one of Python 3.8; return the workspace, and how a test ends."""

    async def scenario() -> tuple[PythonWorkspace, str]:
        async with small_workspace(tmp_path, head or {"shop.py": "def one():\n    return 1\n"}) as opened:
            old = replace(opened, interpreter=replace(opened.interpreter, version=(3, 8)))
            workspace = await with_other_python(old, wanted)
            code = (
                "import sys\nfrom shop import one\n"
                "def test_x():\n    assert one() == 1 and 'bin-of-other' in sys.executable\n"
            )
            job = TestJob(number=0, code=code, seconds=20)
            results = await run_jobs(workspace, PythonSetting(name="", other_python=True), [job])
            return workspace, results[0].functions["test_x"].status

    return asyncio.run(scenario())


def test_with_other_python__runs_tests_on_the_one_that_the_project_allows(tmp_path: Path) -> None:
    folder = tmp_path / "bin-of-other"
    folder.mkdir()
    (folder / NAME).symlink_to(sys.executable)
    workspace, status = found_in(tmp_path, order(folder, f"=={VERSION[0]}.{VERSION[1]}.*"))
    assert workspace.other is not None
    assert workspace.other.interpreter.version == VERSION
    assert workspace.other.interpreter.path == folder / NAME
    assert status == PASSED
    assert workspace.notes == ()


def test_with_other_python__one_that_cannot_be_used_is_told_of_and_the_run_is_on_the_main_one(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3.10").symlink_to(sys.executable)
    workspace, status = found_in(tmp_path, order(folder, "==3.10.*"))
    assert workspace.other is None
    assert status != PASSED
    assert "Python 3.10" in workspace.notes[0]
    assert "its version differs from its name" in workspace.notes[0]


def test_with_other_python__a_project_that_does_not_load_there_is_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "bin-of-other"
    folder.mkdir()
    (folder / NAME).symlink_to(sys.executable)
    head = {
        "shop.py": "import sys\nif 'other' in sys.executable:\n    raise ImportError('too new')\none = int\n"
    }
    workspace, _ = found_in(tmp_path, order(folder, f"=={VERSION[0]}.{VERSION[1]}.*"), head)
    assert workspace.other is None
    assert "ImportError: too new" in workspace.notes[0]


def test_with_other_python__holds_under_all_layers_of_the_sandbox(tmp_path: Path) -> None:
    """Both interpreters work in the same folders, under the same users."""

    async def scenario() -> tuple[PythonWorkspace, list[str]]:
        async with small_workspace(tmp_path, {"shop.py": "def one():\n    return 1\n"}) as opened:
            sandbox = await build_sandbox(SandboxChoice.BEST_EFFORT, opened.interpreter.path)
            old = replace(opened.interpreter, version=(3, 8))
            workspace = await with_other_python(
                replace(opened, interpreter=old, sandbox=sandbox),
                order(folder_of_programs(), f"=={VERSION[0]}.{VERSION[1]}.*"),
            )
            job = TestJob(
                number=0, code="from shop import one\ndef test_x():\n    assert one() == 1\n", seconds=20
            )
            settings = [PythonSetting(name="", other_python=other) for other in (True, False, True)]
            results = [await run_jobs(workspace, setting, [job]) for setting in settings]
            return workspace, [result[0].functions["test_x"].status for result in results]

    workspace, statuses = asyncio.run(scenario())
    assert (workspace.notes, workspace.other is not None) == ((), True)
    assert statuses == [PASSED] * 3


@pytest.mark.parametrize(("runs", "is_found"), [(4, False), (5, True)])
def test_broadened__only_if_a_run_would_use_another_interpreter(
    tmp_path: Path, runs: int, is_found: bool
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / NAME).symlink_to(sys.executable)

    async def scenario() -> bool:
        async with small_workspace(tmp_path, {"shop.py": ""}) as opened:
            runner = PythonRunner(
                workspace=replace(opened, interpreter=replace(opened.interpreter, version=(3, 8))),
                settings=VerificationSettings(runs=runs),
                requires=f"=={VERSION[0]}.{VERSION[1]}.*",
                environment={"PATH": str(tmp_path / "bin")},
            )
            return (await runner.broadened([])).workspace.other is not None

    assert asyncio.run(scenario()) is is_found


def test_broadened__the_process_that_tried_the_other_interpreter_takes_its_run(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / NAME).symlink_to(sys.executable)

    async def workers() -> list[int]:
        async with small_workspace(tmp_path, {"shop.py": ""}) as opened:
            runner = PythonRunner(
                workspace=replace(opened, interpreter=replace(opened.interpreter, version=(3, 8))),
                requires=f"=={VERSION[0]}.{VERSION[1]}.*",
                environment={"PATH": str(tmp_path / "bin")},
            )
            counts = [len(list(opened.scratch.glob("worker-*")))]
            runner = await runner.broadened([])
            counts.append(len(list(opened.scratch.glob("worker-*"))))
            (setting,) = [one for one in runner.head_settings(5) if one.other_python]
            job = TestJob(number=0, code="def test_x():\n    pass\n", seconds=20)
            results = await runner.run(setting, [job])
            assert results[0].functions["test_x"].status == PASSED
            return [*counts, len(list(opened.scratch.glob("worker-*")))]

    assert asyncio.run(workers()) == [1, 2, 2]


def folder_of_programs() -> Path:
    """Return the folder of this interpreter itself, which no link of a test's own leads to."""
    return Path(sys.executable).resolve().parent


def test_with_other_python__a_project_that_does_not_say_what_it_allows_has_none(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / NAME).symlink_to(sys.executable)
    workspace, _ = found_in(tmp_path, order(folder, ""))
    assert (workspace.other, workspace.notes) == (None, ())


def test_interpreters_in__are_programs_in_order_of_age(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, names in ((first, ("python3.12", "python3.9")), (second, ("python3.12", "python3.10"))):
        folder.mkdir()
        for name in names:
            (folder / name).symlink_to(sys.executable)
    (first / "python3.11").write_text("#!/bin/sh\nexec python\n")
    (first / "python3.13").mkdir()
    (first / "python3.8").symlink_to(sys.executable)
    found = interpreters_in([first, Path("relative"), second, tmp_path / "nothing"])
    assert [(one.version, one.path) for one in found] == [
        ((3, 9), first / "python3.9"),
        ((3, 10), second / "python3.10"),
        ((3, 12), first / "python3.12"),
    ]


@pytest.mark.parametrize(
    ("requires", "minors"),
    [
        (">=3.11", [11, 12]),
        (">=3.11.4,<3.12", [11]),
        ("~=3.10", [10, 11, 12]),
        ("!=3.11.*,>=3", [10, 12]),
        ("", []),
        ("  ", []),
        ("whatever", []),
    ],
)
def test_allowed__is_what_the_project_says(requires: str, minors: list[int]) -> None:
    found = [FoundInterpreter(path=Path("/x"), version=(3, minor)) for minor in (10, 11, 12)]
    assert [one.version[1] for one in allowed(found, requires)] == minors


@pytest.mark.parametrize(
    ("files", "requires"),
    [
        ({"pyproject.toml": "[project]\nrequires-python = '>=3.10'\n"}, ">=3.10"),
        ({"setup.cfg": "[options]\npython_requires = >=3.9\n"}, ">=3.9"),
        ({"pyproject.toml": "[tool.x]\n", "setup.cfg": "[options]\npython_requires = >=3.9\n"}, ">=3.9"),
        ({"pyproject.toml": "[project\n", "setup.cfg": "no section\n"}, ""),
        ({"pyproject.toml": "[project]\nrequires-python = 3\n"}, ""),
        ({"pyproject.toml": "project = 1\n"}, ""),
        ({}, ""),
    ],
)
def test_requires_python__is_read_where_the_project_says_it(files: dict[str, str], requires: str) -> None:
    assert requires_python(MemoryTree(files), "") == requires
    assert (
        requires_python(MemoryTree({f"part/{name}": text for name, text in files.items()}), "part")
        == requires
    )

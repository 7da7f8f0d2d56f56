from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from fakes.workspaces import small_workspace
from testsmith.execution.jobs import PASSED, TestJob
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.run_settings import PLAIN
from testsmith.languages.python.running.workspace import PythonWorkspace

_LONG = "VALUE = 1\n" + "".join(f"LINE_{number} = {number}\n" for number in range(12_000))
_FILES = {
    "src/shop/__init__.py": "",
    "src/shop/long.py": _LONG,
    "src/shop/broken.py": "def (",
    "src/shop/own/__init__.py": "",
    "src/shop/own/__pycache__/kept.txt": "of the project",
    "tests/conftest.py": "",
    "tests/test_long.py": "def test_nothing(): ...\n",
    "tests/helpers.py": "",
}
_IMPORTS = """
import importlib.machinery

def test_value(monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("it is compiled")

    if {is_compiled}:
        monkeypatch.setattr(importlib.machinery.SourceFileLoader, "source_to_code", refuse)
    from shop import long
    assert long.VALUE == {value}
"""


def _in_workspace(
    folder: Path, files: dict[str, str], scenario: Callable[[PythonWorkspace], Awaitable[None]]
) -> None:
    async def run() -> None:
        async with small_workspace(folder, files, files) as workspace:
            await scenario(workspace)

    asyncio.run(run())


async def _status(workspace: PythonWorkspace, value: int, *, is_compiled: bool) -> str:
    code = _IMPORTS.format(value=value, is_compiled=is_compiled)
    results = await run_jobs(workspace, PLAIN, [TestJob(number=0, code=code, seconds=20)])
    return results[0].functions["test_value"].status


def test_compile_sources__a_run_imports_what_is_compiled_unless_the_file_changed(tmp_path: Path) -> None:
    async def scenario(workspace: PythonWorkspace) -> None:
        assert await _status(workspace, 1, is_compiled=True) == PASSED
        place = workspace.head.root / "src/shop/long.py"
        times = place.stat()
        place.write_text(_LONG.replace("VALUE = 1", "VALUE = 2"))
        os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert await _status(workspace, 2, is_compiled=False) == PASSED

    _in_workspace(tmp_path, _FILES, scenario)


def test_compile_sources__of_head_and_base_without_tests(tmp_path: Path) -> None:
    async def scenario(workspace: PythonWorkspace) -> None:
        assert workspace.base is not None
        version = "{}{}".format(*workspace.interpreter.version)
        for copy in (workspace.head, workspace.base):
            found = {path.relative_to(copy.root).as_posix() for path in copy.root.rglob("__pycache__/*")}
            assert found == {
                f"src/shop/__pycache__/__init__.cpython-{version}.pyc",
                f"src/shop/__pycache__/long.cpython-{version}.pyc",
                f"tests/__pycache__/helpers.cpython-{version}.pyc",
                "src/shop/own/__pycache__/kept.txt",
            }

    _in_workspace(tmp_path, _FILES, scenario)


@pytest.mark.parametrize("text", ["VALUE = 1\n", _LONG * 12])
def test_compile_sources__nothing_if_the_sources_are_short_or_a_file_is_too_long(
    tmp_path: Path, text: str
) -> None:
    async def scenario(workspace: PythonWorkspace) -> None:
        assert not list(workspace.head.root.rglob("*.pyc"))

    _in_workspace(tmp_path, {"shop.py": text}, scenario)

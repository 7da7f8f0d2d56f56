from __future__ import annotations

import asyncio
import errno
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from fakes.git_repository import GitRepository
from fakes.trees import MemoryTree
from fakes.workspaces import always, small_workspace
from testsmith.execution.jobs import PASSED, JobResult, TestJob
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.sandbox.linux.plan import Layer
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.shell import OWN_PYTHON
from testsmith.execution.workspace import CannotPrepare, WorkspaceOrder
from testsmith.git.repository import Repository
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.run_settings import PythonSetting
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.settings import SandboxChoice, VerificationSettings


async def look(folder: Path, head: dict[str, str], base: dict[str, str] | None = None) -> PythonWorkspace:
    async with small_workspace(folder, head, base) as workspace:
        return workspace


async def run_one(workspace: PythonWorkspace, code: str, *, on_base: bool = False) -> JobResult:
    setting = PythonSetting(name="", on_base=on_base)
    return (await run_jobs(workspace, setting, [TestJob(number=0, code=code, seconds=10)]))[0]


def test_open_workspace__copies_head_and_base_and_removes_them(tmp_path: Path) -> None:
    async def scenario() -> Path:
        files = {"src/a.py": "new"}, {"src/a.py": "old"}
        own = VerificationSettings(python=OWN_PYTHON)
        async with small_workspace(tmp_path, *files, settings=own) as workspace:
            assert workspace.base is not None
            assert [root.name for root in workspace.head.source_roots] == ["head", "src"]
            assert (workspace.head.root / "src/a.py").read_text() == "new"
            assert (workspace.base.root / "src/a.py").read_text() == "old"
            assert workspace.scratch.stat().st_mode & 0o777 == 0o700
            assert workspace.interpreter.version == sys.version_info[:2]
            assert "testsmith" in workspace.interpreter.hidden_modules
            return workspace.scratch

    assert not asyncio.run(scenario()).exists()


def test_open_workspace__removes_everything_when_what_it_serves_fails(tmp_path: Path) -> None:
    seen: list[Path] = []

    async def scenario() -> None:
        async with small_workspace(tmp_path, {"a.py": ""}) as workspace:
            seen.append(workspace.scratch)
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        asyncio.run(scenario())
    assert not seen[0].exists()


def test_open_workspace__knows_the_modules_of_both_sides(tmp_path: Path) -> None:
    workspace = asyncio.run(look(tmp_path, {"shop/__init__.py": "", "new.py": ""}, {"old.py": ""}))
    assert workspace.owned_modules == {"shop", "new", "old"}


SERVER = """
import socket

def test_x():
    with socket.create_server(("localhost", 0)) as server:
        with socket.create_connection(server.getsockname(), timeout=20):
            server.accept()[0].close()
"""
KERNEL = """
import os, pathlib, pytest

def test_x():
    assert pathlib.Path("/proc/meminfo").read_text()
    for path in ("/proc/self/maps", b"/proc/self/cgroup", pathlib.Path("/proc/self/fd"), "/sys/fs/cgroup"):
        assert not os.path.exists(path)
        for read in (open, os.listdir, os.stat):
            with pytest.raises(FileNotFoundError, match="No such file or directory: ./"):
                read(os.fsdecode(path))
    with pytest.raises(PermissionError):
        open(f"/proc/{os.getpid()}/stat")
    assert os.stat in os.supports_dir_fd
"""


@pytest.mark.parametrize("code", [SERVER, KERNEL])
def test_open_workspace__tests_talk_to_their_own_server_and_find_nothing_about_processes(
    tmp_path: Path, code: str
) -> None:
    async def scenario() -> JobResult:
        async with small_workspace(tmp_path, {"a.py": ""}) as opened:
            sandbox = await build_sandbox(SandboxChoice.BEST_EFFORT, opened.interpreter.path)
            layers = " ".join(sandbox.layers())
            if Layer.SECCOMP not in layers or Layer.LANDLOCK not in layers:
                pytest.skip("NOT SHOWN: what the sandbox refuses, since it lacks layers")
            return await run_one(replace(opened, sandbox=sandbox), code)

    function = asyncio.run(scenario()).functions["test_x"]
    assert function.status == PASSED, function


def test_open_workspace__a_module_new_on_head_is_absent_on_base(tmp_path: Path) -> None:
    async def scenario() -> tuple[JobResult, JobResult]:
        async with small_workspace(tmp_path, {"new.py": "x = 1"}, {"old.py": ""}) as workspace:
            code = "import new\ndef test_x():\n    assert new.x == 1\n"
            return await run_one(workspace, code), await run_one(workspace, code, on_base=True)

    head, base = asyncio.run(scenario())
    assert head.functions["test_x"].status == "passed"
    assert "No module named 'new'" in base.problem


def test_open_workspace__keeps_the_projects_strictness(tmp_path: Path) -> None:
    ini = "[pytest]\naddopts = --no-such-option\nfilterwarnings = error\n"
    workspace = asyncio.run(look(tmp_path, {"a.py": "", "pytest.ini": ini}))
    assert workspace.pytest_ini.startswith("[pytest]\nfilterwarnings = error\nmarkers =\n")
    assert "addopts" not in workspace.pytest_ini
    assert workspace.notes == ()


def test_open_workspace__does_without_settings_that_the_interpreter_cannot_use(tmp_path: Path) -> None:
    ini = "[pytest]\nfilterwarnings = a:b:c:d:e:f:g\n"
    workspace = asyncio.run(look(tmp_path, {"a.py": "", "pytest.ini": ini}))
    assert workspace.pytest_ini == "[pytest]\n"
    assert "cannot use the project's pytest settings" in workspace.notes[0]


def order_for(folder: Path) -> WorkspaceOrder:
    made = GitRepository.create(folder)
    made.commit({"a.py": ""})
    repository = Repository.open(folder)
    return WorkspaceOrder(
        repository=repository,
        head=repository.working_tree(),
        base=None,
        settings=VerificationSettings(),
        build_sandbox=always(ProcessSandbox()),
    )


def test_open_workspace__tells_what_was_left_out(tmp_path: Path) -> None:
    order = replace(order_for(tmp_path), head=MemoryTree(files={"a.py": ""}, links={"out": "/etc/passwd"}))

    async def scenario() -> PythonWorkspace:
        async with open_workspace(order) as workspace:
            return workspace

    notes = asyncio.run(scenario()).notes
    assert notes == ("not copied, because too large, too deep or linked outside the project: 'out'",)


@pytest.mark.parametrize(
    ("program", "message"), [("bare", "Run again with --install"), ("false", "could not be used")]
)
def test_open_workspace__an_interpreter_without_pytest_is_told(
    program: str, message: str, tmp_path: Path
) -> None:
    home = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = home / "bin/python" if program == "bare" else Path("/bin/false")
    order = order_for(tmp_path / "project")
    settings = replace(order.settings, python=python)

    async def scenario() -> None:
        async with open_workspace(replace(order, settings=settings)):
            pytest.fail("there is nothing to run tests with")

    with pytest.raises(CannotPrepare, match=message):
        asyncio.run(scenario())


def test_open_workspace__an_editable_installation_does_not_reach_the_persons_tree(tmp_path: Path) -> None:
    home = tmp_path / "project" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", str(home)], check=True)
    (site,) = home.glob("lib/python*/site-packages")
    (site / "editable.pth").write_text(
        f"{tmp_path / 'project' / 'src'}\n{Path(pytest.__file__).parents[1]}\n"
    )
    order = order_for(tmp_path / "project")
    package = tmp_path / "project" / "src" / "loose"
    package.mkdir(parents=True)
    (package / "unseen.py").write_text("")
    order = replace(order, head=MemoryTree(files={"src/loose/seen.py": ""}))

    async def scenario() -> JobResult:
        async with open_workspace(order) as workspace:
            assert workspace.interpreter.path == home / "bin" / "python"
            code = "import pytest\nimport loose.seen\ndef test_x():\n    with pytest.raises(ImportError):\n"
            return await run_one(workspace, code + "        import loose.unseen\n")

    result = asyncio.run(scenario())
    assert (result.problem, result.functions["test_x"].status) == ("", "passed")


def test_open_workspace__an_environment_that_came_with_a_branch_is_not_used(tmp_path: Path) -> None:
    """It may lead anywhere, for example by a `home` that only Python or only the bot reads."""
    base = tmp_path / "project" / ".venv" / "fake"
    (base / "lib" / "python3.13").mkdir(parents=True)
    (base / "lib" / "python3.13" / "os.py").write_text("")
    (base / "include").symlink_to(tmp_path)
    program = tmp_path / "project" / ".venv" / "bin" / "python"
    program.parent.mkdir()
    program.symlink_to(Path(sys.executable).resolve())
    settings = f"HOME = {Path(sys.executable).resolve().parent}\nhome = .venv/fake/bin\n"
    (tmp_path / "project" / ".venv" / "pyvenv.cfg").write_text(settings)
    order = order_for(tmp_path / "project")

    async def scenario() -> PythonWorkspace:
        async with open_workspace(order) as workspace:
            return workspace

    workspace = asyncio.run(scenario())
    assert workspace.interpreter.path == Path(sys.executable)
    assert workspace.notes[-1].startswith("the project's .venv is not used, because git tracks it")


@pytest.mark.parametrize(("file", "named"), [("pytest.py", "pytest"), ("_pytest/__init__.py", "_pytest")])
def test_open_workspace__the_project_hides_pytest(file: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(CannotPrepare, match=f"The project's own module `{named}` hides pytest"):
        asyncio.run(look(tmp_path, {file: "raise SystemExit(0)\n", "a.py": ""}))


class _FullDisk(MemoryTree):
    """A tree in whose copying the disk is full."""

    def entries(self) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_open_workspace__no_room_for_the_copy(tmp_path: Path) -> None:
    order = order_for(tmp_path / "project")

    async def scenario() -> None:
        async with open_workspace(replace(order, head=_FullDisk({}))):
            pytest.fail("there is nothing to run tests in")

    with pytest.raises(CannotPrepare, match=r"copy .* \(No space left on device\)\. Free disk space"):
        asyncio.run(scenario())


def test_open_workspace__uses_the_environment_of_the_opened_folder(tmp_path: Path) -> None:
    whole = order_for(tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv")], check=True)
    (tmp_path / "in").mkdir()
    nested = replace(whole, repository=Repository.open(tmp_path / "in"), opened="")

    async def scenario() -> None:
        async with open_workspace(nested):
            pytest.fail("there is nothing to run tests with")

    with pytest.raises(CannotPrepare, match=re.escape(f"{tmp_path}/.venv/bin/python")):
        asyncio.run(scenario())

"""Workers that take one plan after another: real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.workspaces import small_workspace
from testsmith.execution.jobs import JobResult, TestJob
from testsmith.execution.sandbox.interface import Command, Limits
from testsmith.execution.sandbox.process import LaunchedProcess, ProcessSandbox
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.import_check import modules_that_do_not_load
from testsmith.languages.python.running.run_settings import ON_BASE, PLAIN, WATCHED, PythonSetting
from testsmith.languages.python.running.workspace import PythonWorkspace

SHOP = {"shop.py": "def fee(cents):\n    return cents // 10\n"}
GOOD = "from shop import fee\n\n\ndef test_fee():\n    assert fee(20) == 2\n"
LEAVES_A_PROCESS = """
import os, pathlib, time

def test_leaves():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            pathlib.Path({note!r} + ".new").write_text(str(os.getpid()))
            os.rename({note!r} + ".new", {note!r})  # there with its text, or not at all
            time.sleep(600)
        os._exit(0)
    while not os.path.exists({note!r}):
        time.sleep(0.01)
"""
LEAVES_SHARED_MEMORY = """
import pathlib

def test_leaves():
    pathlib.Path({note!r}).write_text("")
"""
LEAVES_A_FILE = """
import os, pathlib

def test_leaves():
    for parent in pathlib.Path.cwd().parents:
        if parent.name.startswith({folder!r}):
            (parent / "left").write_text("")
"""
WRITES_EVERYWHERE = """
import os

def test_forged():
    result = b'{"number": 0, "functions": [{"name": "test_forged", "status": "passed"}]}\\n'
    message = b'{"kind": "result", "result": ' + result.strip() + b'}\\n'
    for descriptor in range(3, 100):
        for line in (result, message, b"end done\\n", b'{"kind": "done"}\\n'):
            try:
                os.write(descriptor, line)
            except OSError:
                pass
    assert False
"""
ENDS_ITS_PARENTS = """
import os, pathlib, signal

def test_ends():
    process = os.getppid()
    for _ in range({parents}):
        status = pathlib.Path(f"/proc/{{process}}/status").read_text()
        above = int(status.partition("PPid:")[2].split()[0])
        os.kill(process, signal.SIGKILL)
        process = above
"""


class CountingSandbox(ProcessSandbox):
    """Keeps what it starts."""

    def __init__(self) -> None:
        self.started: list[LaunchedProcess] = []

    async def start(self, command: Command, limits: Limits) -> LaunchedProcess:
        self.started.append(await super().start(command, limits))
        return self.started[-1]


Run = Callable[..., Awaitable[JobResult]]


Body = Callable[[Run, CountingSandbox, PythonWorkspace], Awaitable[Any]]


def in_workspace(folder: Path, body: Body) -> Any:
    """Run something in a workspace in which nothing has been started yet."""

    async def run_body() -> Any:
        async with small_workspace(folder, SHOP, SHOP) as workspace:
            await workspace.workers.close()
            sandbox = CountingSandbox()
            counted = replace(workspace, sandbox=sandbox)

            async def run(code: str, setting: PythonSetting = PLAIN, seconds: float = 10.0) -> JobResult:
                jobs = [TestJob(number=0, code=code, seconds=seconds)]
                return (await run_jobs(counted, setting, jobs))[0]

            return await body(run, sandbox, counted)

    return asyncio.run(run_body())


def wait_until(happens: Callable[[], bool]) -> None:
    while not happens():
        time.sleep(0.01)


def statuses(result: JobResult) -> dict[str, str]:
    return {name: function.status for name, function in result.functions.items()}


def worker_folders(workspace: PythonWorkspace) -> list[Path]:
    return [path for path in workspace.scratch.iterdir() if path.name.startswith("worker-")]


def test_run_jobs__a_worker_takes_the_plans_of_equal_processes(tmp_path: Path) -> None:
    async def body(run: Run, sandbox: CountingSandbox, _: PythonWorkspace) -> list[int]:
        counts = []
        for setting in (PLAIN, WATCHED, PLAIN, ON_BASE, PythonSetting(name="other", hash_seed=9), PLAIN):
            assert statuses(await run(GOOD, setting)) == {"test_fee": "passed"}
            counts.append(len(sandbox.started))
        return counts

    assert in_workspace(tmp_path, body) == [1, 1, 1, 2, 3, 3]


def test_run_jobs__the_worker_that_tried_the_interpreter_loads_the_project_and_runs_tests(
    tmp_path: Path,
) -> None:
    async def workers() -> int:
        async with small_workspace(tmp_path, SHOP) as workspace:
            assert await modules_that_do_not_load(workspace, ["shop"]) == {}
            (result,) = (
                await run_jobs(workspace, PLAIN, [TestJob(number=0, code=GOOD, seconds=10.0)])
            ).values()
            assert statuses(result) == {"test_fee": "passed"}
            return len(worker_folders(workspace))

    assert asyncio.run(workers()) == 1


def test_run_jobs__plans_at_the_same_time_have_workers_of_their_own(tmp_path: Path) -> None:
    async def body(run: Run, sandbox: CountingSandbox, _: PythonWorkspace) -> int:
        results = await asyncio.gather(run(GOOD), run(GOOD))
        assert [statuses(one) for one in results] == [{"test_fee": "passed"}] * 2
        return len(sandbox.started)

    assert in_workspace(tmp_path, body) == 2


def test_run_jobs__what_a_plan_leaves_is_gone_before_the_next(tmp_path: Path) -> None:
    note = tmp_path / "note"

    async def body(run: Run, sandbox: CountingSandbox, workspace: PythonWorkspace) -> int:
        assert statuses(await run(LEAVES_A_PROCESS.format(note=str(note)))) == {"test_leaves": "passed"}
        with pytest.raises(ProcessLookupError):
            os.kill(int(note.read_text()), 0)
        (folder,) = worker_folders(workspace)
        assert list(folder.iterdir()) == []
        assert statuses(await run(GOOD)) == {"test_fee": "passed"}
        return len(sandbox.started)

    assert in_workspace(tmp_path, body) == 1


def test_run_jobs__a_worker_that_cannot_clean_up_takes_no_other_plan(tmp_path: Path) -> None:
    async def body(run: Run, sandbox: CountingSandbox, workspace: PythonWorkspace) -> int:
        assert statuses(await run(LEAVES_A_FILE.format(folder="worker-"))) == {"test_leaves": "passed"}
        assert worker_folders(workspace) == []
        assert statuses(await run(GOOD)) == {"test_fee": "passed"}
        return len(sandbox.started)

    assert in_workspace(tmp_path, body) == 2


def test_run_jobs__what_is_left_in_shared_memory_is_the_sandboxs_to_clear(tmp_path: Path) -> None:
    note = Path("/dev/shm") / f"{os.getpid()}-left"  # noqa: S108 - removed below

    async def body(run: Run, sandbox: CountingSandbox, _: PythonWorkspace) -> int:
        assert statuses(await run(LEAVES_SHARED_MEMORY.format(note=str(note)))) == {"test_leaves": "passed"}
        note.unlink()
        await run(GOOD)
        return len(sandbox.started)

    assert in_workspace(tmp_path, body) == 2


def test_run_jobs__a_test_cannot_send_results(tmp_path: Path) -> None:
    async def body(run: Run, _: CountingSandbox, __: PythonWorkspace) -> dict[str, str]:
        return statuses(await run(WRITES_EVERYWHERE))

    assert "passed" not in in_workspace(tmp_path, body).values()


@pytest.mark.parametrize("parents", [1, 2, 3])
def test_run_jobs__a_test_that_ends_what_started_it_costs_itself(tmp_path: Path, parents: int) -> None:
    async def body(run: Run, _: CountingSandbox, __: PythonWorkspace) -> dict[str, str]:
        ended = await run(ENDS_ITS_PARENTS.format(parents=parents))
        assert statuses(ended).get("test_ends") != "passed"
        return statuses(await run(GOOD))

    assert in_workspace(tmp_path, body) == {"test_fee": "passed"}


def test_run_jobs__a_worker_that_ended_while_it_waited_is_replaced(tmp_path: Path) -> None:
    async def body(run: Run, sandbox: CountingSandbox, _: PythonWorkspace) -> int:
        await run(GOOD)
        (worker,) = sandbox.started
        os.kill(worker._launcher, signal.SIGTERM)
        await asyncio.to_thread(wait_until, lambda: worker.has_ended)
        assert statuses(await run(GOOD)) == {"test_fee": "passed"}
        return len(sandbox.started)

    assert in_workspace(tmp_path, body) == 2


def test_run_jobs__a_plan_that_is_canceled_ends_its_worker(tmp_path: Path) -> None:
    note = tmp_path / "note"
    code = LEAVES_A_PROCESS.format(note=str(note)) + "    time.sleep(600)\n"

    async def body(run: Run, _: CountingSandbox, workspace: PythonWorkspace) -> None:
        task = asyncio.ensure_future(run(code, PLAIN, 600.0))
        await asyncio.to_thread(wait_until, note.exists)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert worker_folders(workspace) == []
        with pytest.raises(ProcessLookupError):
            os.kill(int(note.read_text()), 0)

    in_workspace(tmp_path, body)


def test_close__ends_those_that_wait(tmp_path: Path) -> None:
    async def body(run: Run, sandbox: CountingSandbox, workspace: PythonWorkspace) -> None:
        await asyncio.gather(run(GOOD), run(GOOD, ON_BASE))
        await workspace.workers.close()
        assert all(one.has_ended for one in sandbox.started)
        assert worker_folders(workspace) == []

    in_workspace(tmp_path, body)

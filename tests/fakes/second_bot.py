"""A bot of its own, as another user or with fewer rights: runs commands, one JSON line each.

Run as `python second_bot.py RIGHTS`, where RIGHTS is `all` or `docker`. The test process holds the other end
of its standard streams; see `fakes/attack_site.py`.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from testsmith.execution.jobs import TestJob
from testsmith.execution.sandbox.interface import CannotRun, Command, Limits, Sandbox
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.sandbox.layers import offer
from testsmith.execution.sandbox.linux import kernel
from testsmith.execution.workspace import CannotPrepare, WorkspaceOrder
from testsmith.git.repository import Repository
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.install.installer import InstallOrder, install_project
from testsmith.languages.python.running.python_version import (
    OtherPythonOrder,
    requires_python,
    with_other_python,
)
from testsmith.languages.python.running.run_settings import PythonSetting
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.settings import SandboxChoice, VerificationSettings

sys.path.insert(0, str(Path(__file__).parents[1]))
from fakes.git_repository import GitRepository
from fakes.trees import MemoryTree
from fakes.workspaces import always

# What Docker leaves to root by default: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP,
# NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP.
DOCKER = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)


watched: list[str] = []
"""Folders: whatever the bot itself opens in one of them is told."""

opened: list[str] = []
"""What it has opened there."""


def main(rights: str) -> None:
    if rights == "docker":
        give_up_all_but(DOCKER)
    kernel.forbid_inspection()
    sys.addaudithook(note_opened)
    sandboxes: dict[tuple[str, int | None], Sandbox] = {}
    for line in sys.stdin:
        print(json.dumps(answer(sandboxes, json.loads(line))), flush=True)  # noqa: T201 - this is its answer


def note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if not watched or event not in {"open", "os.listdir", "os.scandir", "os.chmod", "os.chown"}:
        return
    if isinstance(arguments[0], (str, bytes, os.PathLike)):
        place = os.path.realpath(os.fsdecode(arguments[0]))
        opened.extend(place for folder in watched if place.startswith(folder))


def give_up_all_but(kept: tuple[int, ...]) -> None:
    for number in set(kernel.CAPABILITIES) - set(kept):
        try:
            kernel.prctl(kernel.PR_CAPBSET_DROP, number)
        except OSError:
            break  # the kernel knows no more of them
    kernel.keep_only_capabilities(sum(1 << number for number in kept))


def answer(sandboxes: dict[tuple[str, int | None], Sandbox], asked: dict[str, Any]) -> dict[str, Any]:
    if "spawn" in asked:
        process = subprocess.Popen(
            asked["spawn"],
            stdout=subprocess.DEVNULL,  # else it would be waited for where the bot itself is gone
            env=asked["variables"],
            cwd="/",
            start_new_session=True,
        )
        return {"pid": process.pid}
    try:
        if "install" in asked:
            return asyncio.run(install(sandboxes, asked))
        if "review" in asked:
            return asyncio.run(review(sandboxes, asked))
        return asyncio.run(run(sandboxes, asked))
    except (CannotRun, CannotPrepare) as error:
        return {"error": str(error)}


async def sandbox_for(
    sandboxes: dict[tuple[str, int | None], Sandbox], choice: str, version: int | None, interpreter: str
) -> Sandbox:
    key = (choice, version)
    if key not in sandboxes:
        offered = offer() if version is None else replace(offer(), landlock=version)
        sandboxes[key] = await build_sandbox(SandboxChoice(choice), Path(interpreter), offered=offered)
    return sandboxes[key]


async def install(sandboxes: dict[tuple[str, int | None], Sandbox], asked: dict[str, Any]) -> dict[str, Any]:
    order = InstallOrder(
        sandbox=await sandbox_for(sandboxes, asked["sandbox"], None, sys.executable),
        interpreter=Path(sys.executable),
        tree=MemoryTree(asked["install"]),
        project="",
        version="1.2",
        scratch=Path(asked["scratch"]),
        environment=asked["variables"],
        seconds=asked["seconds"],
    )
    installed = await install_project(order)
    return {"interpreter": str(installed.interpreter), "notes": installed.notes}


async def review(sandboxes: dict[tuple[str, int | None], Sandbox], asked: dict[str, Any]) -> dict[str, Any]:
    """Install a project, look for another Python, and load a module; tell all that comes of it."""
    os.environ["HOME"] = asked["scratch"]
    made = GitRepository.create(Path(asked["scratch"], "project"))
    made.commit(asked["review"])
    project = Repository.open(made.folder)
    order = WorkspaceOrder(
        repository=project,
        head=project.working_tree(),
        base=None,
        settings=VerificationSettings(install=True, install_seconds=asked["seconds"]),
        build_sandbox=always(await sandbox_for(sandboxes, asked["sandbox"], None, sys.executable)),
        environment=asked["variables"],
    )
    watched[:], opened[:] = asked["watched"], []
    told: dict[str, Any] = {"error": "", "notes": (), "problem": ""}
    try:
        async with open_workspace(order) as workspace:
            requires = requires_python(order.head, "")
            others = OtherPythonOrder(environment={}, requires=requires, modules=[asked["module"]])
            on_both = await with_other_python(workspace, others)
            load = TestJob(number=0, code=asked["module"], seconds=20, is_import=True)
            results = await run_jobs(on_both, PythonSetting(name="head"), [load])
            told |= {"notes": on_both.notes, "problem": results[0].problem}
    except (CannotRun, CannotPrepare) as error:
        told["error"] = str(error)
    watched.clear()
    return {**told, "opened": opened}


async def run(sandboxes: dict[tuple[str, int | None], Sandbox], asked: dict[str, Any]) -> dict[str, Any]:
    sandbox = await sandbox_for(sandboxes, asked["sandbox"], asked["landlock"], asked["argv"][0])
    command = Command(
        argv=tuple(asked["argv"]),
        folder=Path(asked["folder"]),
        readable=tuple(map(Path, asked["readable"])),
        variables=asked["variables"],
        network=asked["network"],
        loopback=asked["loopback"],
        working_folder=Path(asked["working_folder"]) if asked["working_folder"] else None,
    )
    outcome = await sandbox.run(command, Limits(**asked["limits"]))
    printed = {name: base64.b64encode(getattr(outcome, name)).decode() for name in ("stdout", "stderr")}
    return asdict(outcome) | printed


if __name__ == "__main__":
    main(sys.argv[1])

"""Whether the project's modules can be loaded at all, told before anything is spent on their members."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Sequence

from bot.execution.harness import Job, Setting, batches_of, run_jobs
from bot.execution.sandbox import CannotRun
from bot.execution.workspace import Workspace

_SETTING = Setting(name="loading")
_SECONDS = 20.0
_MISSING = re.compile(r"ModuleNotFoundError: No module named '(?P<name>(?P<top>\w+)[\w.]*)'.*", re.DOTALL)


def could_not_import(module: str, problem: str, owned: Collection[str], *, installs: bool) -> str:
    """Return that a module could not be imported, why, and what to do about it.

    Args:
        module: Its dotted name.
        problem: What `modules_that_do_not_load` says of it.
        owned: The project's own top-level modules, which no installation brings.
        installs: Whether the project was installed.
    """
    missing = _MISSING.fullmatch(problem)
    if missing is None or missing["top"] in owned:
        return f"could not import {module} ({problem})."
    advice = (
        "It was not installed with the project: name it among the project's dependencies, or install it with"
        " --setup-command."
        if installs
        else "Run again with --install."
    )
    return f"could not import {module} (no module named '{missing['name']}'). {advice}"


async def modules_that_do_not_load(workspace: Workspace, modules: Iterable[str]) -> dict[str, str]:
    """Import modules of head, each in a process of its own; return the reason of each that does not load.

    Args:
        workspace: Where they are imported.
        modules: Dotted names.
    """
    names = sorted(set(modules))
    jobs = [Job(number=at, code=name, seconds=_SECONDS, is_import=True) for at, name in enumerate(names)]
    batches = batches_of(jobs, 1, workspace.parallel)
    slots = asyncio.Semaphore(workspace.parallel)

    async def reasons(batch: Sequence[Job]) -> dict[str, str]:
        async with slots:
            try:
                results = await run_jobs(workspace, _SETTING, batch)
            except CannotRun as error:
                return {job.code: str(error) for job in batch}
        return {names[at]: result.problem for at, result in results.items() if result.problem}

    found = await asyncio.gather(*map(reasons, batches))
    return {name: reason for part in found for name, reason in part.items()}

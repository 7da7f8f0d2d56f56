"""Run test binaries and the go command in the sandbox, one after the other."""

from __future__ import annotations

from dataclasses import replace

from testsmith.execution import steps
from testsmith.execution.sandbox.interface import Limits
from testsmith.execution.steps import Outcome, Plan
from testsmith.languages.go.running.workspace import GoWorkspace

_MIB = 1024**2


def go_limits(limits: Limits, *, builds: bool = False) -> Limits:
    """Return limits that suit Go, which reserves address space; builds write large binaries."""
    limits = replace(limits, reserves_memory=True, open_files=4096)
    if not builds:
        return limits
    return replace(limits, file_bytes=1024 * _MIB, disk_bytes=8 * 1024 * _MIB, memory_bytes=4 * 1024 * _MIB)


async def run_steps(workspace: GoWorkspace, plan: Plan, *, builds: bool = False) -> Outcome:
    """Run a plan in one sandboxed process.

    Raises:
        CannotRun: The sandbox could not start it.
    """
    return await steps.run_steps(workspace, plan, go_limits(workspace.limits, builds=builds))

"""How a sandbox is built: ask what there is, choose, try, and only then use."""

from __future__ import annotations

from pathlib import Path

from testsmith.execution.isolation.choice import CannotIsolate, Offer, choose, offer, require_all, weaken
from testsmith.execution.isolation.isolated import IsolatedSandbox
from testsmith.execution.isolation.trial import try_out
from testsmith.execution.process import ProcessSandbox
from testsmith.execution.sandbox import CannotRun, Sandbox
from testsmith.settings import SandboxChoice


async def build_sandbox(choice: SandboxChoice, interpreter: Path, *, offered: Offer | None = None) -> Sandbox:
    """Return a sandbox that has proven, by a trial run of an interpreter, that its layers hold.

    Args:
        choice: How much isolation is owed.
        interpreter: The Python that will run inside.
        offered: What the machine offers; asked of it where None.

    Raises:
        CannotIsolate: `strict` is asked for, and a layer cannot be had; or a layer was applied and does not
            hold. The message names it.
        CannotRun: The interpreter does not run, whatever the layers.
    """
    if choice is SandboxChoice.OFF:
        return ProcessSandbox()
    offered = offered or offer()
    isolation = choose(offered)
    while True:
        sandbox = IsolatedSandbox(isolation, interpreter)
        trouble = await try_out(sandbox, isolation, interpreter)
        if trouble is None:
            break
        if trouble.was_applied:  # a tree must not be able to switch a layer off
            raise CannotIsolate(
                f"Nothing of the project was run, because {interpreter} is not held by {trouble.layer}:"
                f" {trouble.reason}. Name another interpreter with --python, or use --sandbox off if you"
                " trust the project and all that is installed for it."
            )
        weaker = weaken(isolation, offered, trouble)
        if weaker is None:
            raise CannotRun(f"{interpreter} cannot be run in the sandbox: {trouble.reason}.")
        isolation = weaker
    if choice is SandboxChoice.STRICT:
        require_all(isolation)
    return sandbox


async def for_interpreter(sandbox: Sandbox, interpreter: Path) -> Sandbox:
    """Return a sandbox like another for another interpreter.

    Raises:
        CannotRun: The interpreter does not run under the same layers.
    """
    return await sandbox.for_interpreter(interpreter) if isinstance(sandbox, IsolatedSandbox) else sandbox

"""A test module, run as `python -m unittest` does it: in an empty folder, the source roots on the path."""

from __future__ import annotations

import os
from dataclasses import replace

from testsmith.execution.sandbox import Command, shown
from testsmith.execution.threads import in_thread
from testsmith.execution.workers import process_variables
from testsmith.execution.workspace import Workspace, remove_folder

_SECONDS_TO_START = 20.0
_MOST_SHOWN = 300
_PROGRAM = """\
import pathlib, runpy, sys
pathlib.Path("test_suggested.py").write_bytes(sys.stdin.buffer.read())
sys.argv = ["python -m unittest", "test_suggested"]
runpy.run_module("unittest", run_name="__main__", alter_sys=True)
"""


async def trouble_under_unittest(workspace: Workspace, code: str, seconds: float) -> str:
    """Return why the tests of a module do not all pass under `python -m unittest`; empty if they do.

    Args:
        workspace: Where they are run, on head.
        code: The module.
        seconds: The time limit.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    folder = workspace.new_folder("unittest")
    command = Command(
        argv=(str(workspace.interpreter.path), "-c", _PROGRAM),
        folder=folder,
        readable=(workspace.head.root, *workspace.readable),
        variables={
            **process_variables(workspace.interpreter.path, folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, workspace.head.source_roots)),
        },
        stdin=code.encode(),
    )
    try:
        outcome = await workspace.sandbox.run(
            command, replace(workspace.limits, seconds=_SECONDS_TO_START + seconds)
        )
    finally:
        await in_thread(remove_folder, folder)
    if outcome.exit_code == 0 and b"\nRan 0 tests" not in outcome.stderr:
        return ""
    if outcome.timed_out:
        return "it takes too long"
    last = " ".join(shown(outcome.stderr, _MOST_SHOWN).splitlines()[-1:])
    return outcome.exceeded or last or "it ends early"

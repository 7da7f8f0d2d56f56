"""Trial run that verifies that an isolation is effective and an interpreter works under it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testsmith.execution.sandbox.allowed_paths import interpreter_folders
from testsmith.execution.sandbox.interface import CannotRun, Command, Limits, Sandbox, read_lines, shown
from testsmith.execution.sandbox.layers import Isolation, Trouble
from testsmith.execution.sandbox.linux.plan import Layer
from testsmith.execution.sandbox.process import LayerRefused
from testsmith.execution.tempdirs import ScratchFolder

_TARGET = Path(__file__).parent / "self_test_target.py"
_LIMITS = Limits(seconds=30.0)
_MOST_WORDS = 500


async def try_out(sandbox: Sandbox, isolation: Isolation, interpreter: Path) -> Trouble | None:
    """Run a program that tries what the layers forbid; return what went wrong, if anything."""
    with ScratchFolder() as scratch:
        try:
            outcome = await sandbox.run(_command(interpreter, scratch.path), _LIMITS)
        except LayerRefused as error:
            return Trouble(layer=Layer(error.layer), reason=error.reason)
        except CannotRun as error:
            return Trouble(layer=None, reason=str(error).rstrip("."))
    doubts: list[Trouble | None] = []
    read_lines(outcome.stdout, lambda data: doubts.append(_doubt(isolation, data, interpreter)))
    if not doubts:
        said = shown(outcome.stderr, _MOST_WORDS)
        return Trouble(layer=None, reason=said or f"it ended with {outcome.exit_code}")
    return doubts[-1]  # ignore what an environment prints at startup


def _command(interpreter: Path, folder: Path) -> Command:
    inside = folder / "trial"
    inside.mkdir()
    argv = (str(interpreter), "-I", "-c", _TARGET.read_text(encoding="utf-8"))
    return Command(argv=argv, folder=inside)


def _doubt(isolation: Isolation, data: Mapping[str, Any], interpreter: Path) -> Trouble | None:
    """Return what a trial could do although a layer forbids it, or could not do although it must."""
    could = {
        Layer.OWN_UID: isolation.own_uid and (os.geteuid() in data["uids"] or len(data["groups"]) > 1),
        Layer.LANDLOCK: isolation.landlock and data["reads_proc"],
        Layer.SECCOMP: isolation.seccomp and data["has_sockets"],
        Layer.RLIMITS: isolation.rlimits and data["file_bytes"] > _LIMITS.file_bytes,
    }
    for layer, does_not_hold in could.items():
        if does_not_hold:
            return Trouble(layer=layer, reason="it was applied, and does not hold", was_applied=True)
    needed = interpreter_folders(interpreter)
    for path in map(Path, data["unreadable"]):
        if path.exists() and any(path.is_relative_to(folder) for folder in needed):
            return Trouble(layer=None, reason=f"the sandbox's user cannot read {path}")
    return None

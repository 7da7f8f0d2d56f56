"""Trial run that verifies that an isolation is effective and an interpreter works under it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from testsmith.decode import decode_lines
from testsmith.execution.sandbox.allowed_paths import interpreter_folders
from testsmith.execution.sandbox.interface import CannotRun, Command, Limits, Sandbox, shown
from testsmith.execution.sandbox.layers import Isolation, Trouble
from testsmith.execution.sandbox.linux.plan import Layer
from testsmith.execution.sandbox.process import LayerRefused
from testsmith.execution.tempdirs import ScratchFolder

_TARGET = Path(__file__).parent / "self_test_target.py"
_LIMITS = Limits(seconds=30.0)
_MOST_WORDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """What `self_test_target.py` prints."""

    uids: tuple[int, ...]
    groups: tuple[int, ...]
    reads_proc: bool
    has_sockets: bool
    file_bytes: int
    unreadable: tuple[str, ...]


async def try_out(sandbox: Sandbox, isolation: Isolation, interpreter: Path) -> Trouble | None:
    """Run a program that tries what the layers forbid; return what went wrong, if anything."""
    with ScratchFolder() as scratch:
        try:
            outcome = await sandbox.run(_command(interpreter, scratch.path), _LIMITS)
        except LayerRefused as error:
            return Trouble(layer=Layer(error.layer), reason=error.reason)
        except CannotRun as error:
            return Trouble(layer=None, reason=str(error).rstrip("."))
    trials, _ = decode_lines(_Trial, outcome.stdout)
    if not trials:
        said = shown(outcome.stderr, _MOST_WORDS)
        return Trouble(layer=None, reason=said or f"it ended with {outcome.exit_code}")
    return _doubt(isolation, trials[-1], interpreter)  # ignore what an environment prints at startup


def _command(interpreter: Path, folder: Path) -> Command:
    inside = folder / "trial"
    inside.mkdir()
    argv = (str(interpreter), "-I", "-c", _TARGET.read_text(encoding="utf-8"))
    return Command(argv=argv, folder=inside)


def _doubt(isolation: Isolation, trial: _Trial, interpreter: Path) -> Trouble | None:
    """Return what a trial could do although a layer forbids it, or could not do although it must."""
    could = {
        Layer.OWN_UID: isolation.own_uid and (os.geteuid() in trial.uids or len(trial.groups) > 1),
        Layer.LANDLOCK: isolation.landlock and trial.reads_proc,
        Layer.SECCOMP: isolation.seccomp and trial.has_sockets,
        Layer.RLIMITS: isolation.rlimits and trial.file_bytes > _LIMITS.file_bytes,
    }
    for layer, does_not_hold in could.items():
        if does_not_hold:
            return Trouble(layer=layer, reason="it was applied but has no effect", was_applied=True)
    needed = interpreter_folders(interpreter)
    for path in map(Path, trial.unreadable):
        if path.exists() and any(path.is_relative_to(folder) for folder in needed):
            return Trouble(layer=None, reason=f"the sandbox's user cannot read {path}")
    return None

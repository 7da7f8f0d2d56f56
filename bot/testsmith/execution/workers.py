"""How the programs of `worker/` are started inside the sandbox."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from compileall import compile_dir
from pathlib import Path
from py_compile import PycInvalidationMode

from testsmith.execution.sandbox import Command
from testsmith.execution.workspace import ProjectCopy, Workspace

_SOURCE = Path(__file__).parent / "worker"


def install_workers(scratch: Path) -> Path:
    """Copy the programs into a scratch folder, so that no folder of the bot is on the tests' import path.

    They are compiled there once, for the processes of a run, which may not keep what they compile; an
    interpreter of another version takes the sources.
    """
    folder = scratch / "worker"
    shutil.copytree(_SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    compile_dir(folder, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    return folder


def worker_command(  # noqa: PLR0913 - all of it makes one process
    workspace: Workspace,
    name: str,
    *,
    copy: ProjectCopy,
    folder: Path,
    stdin: bytes,
    variables: Mapping[str, str],
) -> Command:
    """Return the command that runs one program of `worker/`.

    Args:
        workspace: Where it runs.
        name: The program's module name.
        copy: The copy of the project that it reads.
        folder: Its working folder, see `Workspace.new_folder`.
        stdin: What it reads.
        variables: What is particular about its environment.
    """
    program = workspace.scratch / "worker" / "start.py"
    return Command(
        argv=(str(workspace.interpreter.path), "-s", str(program), name),
        folder=folder,
        readable=(copy.root, program.parent, *workspace.readable),
        variables={
            **process_variables(workspace.interpreter.path, folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **variables,
        },
        stdin=stdin,
    )


def process_variables(interpreter: Path, folder: Path) -> dict[str, str]:
    """Return the whole environment of a process: nothing of the bot's own is inherited."""
    programs = (str(interpreter.parent), "/usr/local/bin", "/usr/bin", "/bin")
    return {
        "PATH": os.pathsep.join(dict.fromkeys(programs)),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        # An interpreter built as a shared library may find it by this variable alone.
        "LD_LIBRARY_PATH": str(interpreter.resolve().parent.parent / "lib"),
        "TZ": "UTC",
    }

"""Compile the project's sources once, for all processes that import them.

Processes in the sandbox cannot keep bytecode: without this, each compiles every module that it imports. The
compiled files are in the copies of head and base. Python checks each against a hash of its source, so a
file that a run changes is compiled again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from testsmith.execution.sandbox.interface import CannotRun, Command
from testsmith.execution.workspace import ProjectCopy, remove_folder
from testsmith.languages.python.running.harness import process_variables
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.tasks import gather, in_thread

_LEAST_SOURCE_BYTES = 200_000
"""Sources that are smaller together are not worth a process of their own."""

_MOST_SOURCE_BYTES = 40 * 1024**2
_MOST_FILE_BYTES = 1024**2
_MOST_COMPILED_BYTES = 16 * 1024**2
"""Maximum size of one compiled file."""

_SECONDS = 60.0
_COMPILED = "__pycache__"

_PROGRAM = """\
import importlib.util, pathlib, py_compile, sys, warnings
warnings.simplefilter("ignore")
root, target = map(pathlib.Path, sys.argv[1:])
checked = py_compile.PycInvalidationMode.CHECKED_HASH
for name in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\\0"):
    place = str(target / importlib.util.cache_from_source(name))
    try:
        py_compile.compile(str(root / name), place, doraise=True, invalidation_mode=checked)
    except (py_compile.PyCompileError, OSError, ValueError, RecursionError, MemoryError):
        pass
"""


async def compile_sources(workspace: PythonWorkspace) -> None:
    """Compile the sources of head and base, as far as the time limit allows; tests are left out.

    The process that compiles runs none of the project's code, nor any installed package.
    """
    copies = [copy for copy in (workspace.head, workspace.base) if copy is not None]
    await gather(*(_compile(workspace, copy) for copy in copies))


async def _compile(workspace: PythonWorkspace, copy: ProjectCopy) -> None:
    paths = await in_thread(lambda: list(_sources(workspace, copy)))
    if not paths:
        return
    folder = workspace.new_folder("compile")
    interpreter = workspace.interpreter.path
    command = Command(
        argv=(str(interpreter), "-I", "-S", "-c", _PROGRAM, str(copy.root), str(folder)),
        folder=folder,
        readable=(copy.root, *workspace.readable),
        variables=process_variables(interpreter, folder),
        stdin="\0".join(paths).encode("utf-8", "surrogateescape"),
    )
    try:
        await workspace.sandbox.run(command, replace(workspace.limits, seconds=_SECONDS))
        await in_thread(_bring, workspace, copy, folder, paths)
    except (CannotRun, OSError):  # the processes compile what they import themselves
        return
    finally:
        await in_thread(remove_folder, folder)


def _sources(workspace: PythonWorkspace, copy: ProjectCopy) -> Iterator[str]:
    """Yield the paths to compile, relative to the root; none if they are small."""
    found = dict(_files(workspace, copy.root))
    size = sum(found.values())
    if _LEAST_SOURCE_BYTES <= size <= _MOST_SOURCE_BYTES:
        yield from found


def _files(workspace: PythonWorkspace, root: Path) -> Iterator[tuple[str, int]]:
    """Yield the source files that are not tests, with their sizes; links are not followed."""
    for folder, folders, files in os.walk(root):
        if _COMPILED in folders or _COMPILED in files:  # the project has compiled files of its own
            files.clear()
        folders[:] = sorted(name for name in folders if name != _COMPILED and not name.startswith("."))
        for name in sorted(files):
            place = Path(folder, name)
            path = place.relative_to(root).as_posix()
            is_of_tests = name == "conftest.py" or workspace.test_file_names.is_test_module(path)
            if name.endswith(".py") and not is_of_tests and not place.is_symlink():
                size = place.stat().st_size
                if size <= _MOST_FILE_BYTES:
                    yield path, size


def _bring(workspace: PythonWorkspace, copy: ProjectCopy, folder: Path, paths: Sequence[str]) -> None:
    """Copy the compiled files into the copy of the project.

    Raises:
        OSError: There is not enough space.
    """
    tag = "cpython-{}{}".format(*workspace.interpreter.version)
    home = Path(os.path.realpath(folder))
    for path in paths:
        place = Path(path)
        name = f"{place.stem}.{tag}.pyc"
        compiled = home / place.parent / _COMPILED / name
        is_own = os.path.realpath(compiled) == str(compiled) and compiled.is_file()
        if is_own and compiled.stat().st_size <= _MOST_COMPILED_BYTES:
            target = copy.root / place.parent / _COMPILED
            target.mkdir(exist_ok=True)
            (target / name).write_bytes(compiled.read_bytes())

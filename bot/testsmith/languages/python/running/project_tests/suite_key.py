"""Key of a cached baseline: everything that the results of the project's tests depend on."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from testsmith import __version__
from testsmith.execution.tempdirs import is_in_scratch
from testsmith.languages.python.running.interpreter import installed_folders
from testsmith.languages.python.running.workspace import Interpreter, PythonWorkspace
from testsmith.model import Member
from testsmith.storage.keys import MeasurementParts, measurement_key


def suite_key(workspace: PythonWorkspace, members: Iterable[Member]) -> str:
    """Return the cache key of a baseline; reads every file of head."""
    interpreter = workspace.interpreter
    places = [_lasting(path, workspace) for path in (interpreter.path, interpreter.path.resolve())]
    return measurement_key(
        MeasurementParts(
            files=_digest(workspace.head.root),
            spans=tuple((member.path, member.line, member.end_line) for member in members),
            interpreter=f"{places[0]} {places[1]} {interpreter.version}",
            distributions=tuple(sorted(set(_distributions(interpreter)))),
            layers=workspace.sandbox.layers(),
            version=__version__,
            command=repr((workspace.test_command, workspace.test_folder)),
        )
    )


def _lasting(path: Path, workspace: PythonWorkspace) -> Path:
    """Replace this run's temporary folder in a path, because it differs between runs."""
    return path.relative_to(workspace.scratch) if path.is_relative_to(workspace.scratch) else path


def _digest(root: Path) -> str:
    """Return a digest of the paths, modes and contents of all files below a folder."""
    whole = hashlib.sha256()
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted([*files, *(one for one in folders if (Path(folder) / one).is_symlink())]):
            place = Path(folder) / name
            path = os.fsencode(place.relative_to(root))
            whole.update(b"%d:%s %s\n" % (len(path), path, _content(place)))
    return whole.hexdigest()


def _content(place: Path) -> bytes:
    if place.is_symlink():
        return b"link " + os.fsencode(place.readlink())
    with place.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest().encode()
    return b"%o %s" % (place.stat().st_mode & 0o111, digest)


def _distributions(interpreter: Interpreter) -> Iterator[str]:
    """Yield the names of installed distributions. The sources of editable installations are not included."""
    homes = {interpreter.path.parent.parent}
    if not is_in_scratch(interpreter.path.parent):  # an installed package cannot have chosen it
        homes.add(interpreter.path.resolve().parent.parent)
    for folder in itertools.chain.from_iterable(map(installed_folders, homes)):
        yield from (place.name for place in folder.glob("*.dist-info"))

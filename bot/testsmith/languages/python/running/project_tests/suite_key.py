"""Key of a cached baseline: everything that the results of the project's tests depend on."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from testsmith import __version__
from testsmith.execution.project_copy import files_digest
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
            files=files_digest(workspace.head.root),
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


def _distributions(interpreter: Interpreter) -> Iterator[str]:
    """Yield the names of installed distributions. The sources of editable installations are not included."""
    homes = {interpreter.path.parent.parent}
    if not is_in_scratch(interpreter.path.parent):  # an installed package cannot have chosen it
        homes.add(interpreter.path.resolve().parent.parent)
    for folder in itertools.chain.from_iterable(map(installed_folders, homes)):
        yield from (place.name for place in folder.glob("*.dist-info"))

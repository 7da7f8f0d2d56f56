"""Format test files by the formatter that a project has installed; see `worker/format.cjs`."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace

from testsmith.decode import decode_lines
from testsmith.execution.sandbox.interface import Command
from testsmith.execution.workspace import remove_folder
from testsmith.languages.tests import UnformattedModule
from testsmith.languages.typescript.running.frameworks import folders_around
from testsmith.languages.typescript.running.workspace import (
    PACKAGES,
    TypeScriptWorkspace,
    node_limits,
    node_variables,
)
from testsmith.tasks import in_thread

_FORMATTERS = ("@biomejs/biome", "prettier", "eslint")
_SECONDS = 60.0
_MOST_OUTPUT_BYTES = 64 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Formatted:
    number: int
    text: str


async def formatted(workspace: TypeScriptWorkspace, modules: Sequence[UnformattedModule]) -> list[str]:
    """Return test files as the project's formatter writes them, all in one process; as they are without one.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    texts = [one.code for one in modules]
    root = workspace.head.root
    if not await in_thread(_has_formatter, workspace, modules):
        return texts
    folder = workspace.new_folder("formatting")
    files = [{"path": str(root / one.test_path), "text": one.code} for one in modules]
    command = Command(
        argv=(str(workspace.toolchain.program), str(workspace.worker / "format.cjs")),
        folder=folder,
        working_folder=root,
        readable=(root, workspace.worker, *workspace.toolchain.readable, *workspace.readable),
        variables=node_variables(workspace.toolchain, folder),
        stdin=json.dumps({"root": str(root), "files": files}).encode(),
    )
    limits = node_limits(workspace.limits)
    limits = replace(limits, seconds=_SECONDS, output_bytes=_MOST_OUTPUT_BYTES)
    try:
        done = await workspace.sandbox.run(command, limits)
    finally:
        await in_thread(remove_folder, folder)
    for one in decode_lines(_Formatted, done.stdout)[0]:
        if one.number in range(len(texts)):
            texts[one.number] = one.text
    return texts


def _has_formatter(workspace: TypeScriptWorkspace, modules: Sequence[UnformattedModule]) -> bool:
    folders = {posixpath.dirname(one.test_path) for one in modules}
    places = {place for folder in folders for place in folders_around(workspace.head.root, folder)}
    return any((place / PACKAGES / name).is_dir() for place in places for name in _FORMATTERS)

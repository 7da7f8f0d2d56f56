"""Find the project that a file belongs to: a repository may have several, each in a folder of its own."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from testsmith.languages.source import SourceTree

_METADATA = re.compile(rb"^\[metadata\]", re.MULTILINE)


def project_of(tree: SourceTree, path: str, opened: str) -> str:
    """Return the nearest folder above a file that declares a project; see `SourceReader.project_of`."""
    inside = f"{opened}/" if opened else ""
    folder = path.rpartition("/")[0]
    while folder.startswith(inside) and folder:
        if declares_project(tree, folder):
            return folder
        folder = folder.rpartition("/")[0]
    return opened


def declares_project(tree: SourceTree, folder: str) -> bool:
    """Return whether a folder has a project that can be installed.

    A package is not one: `setup.py` in it configures its build as a part of the project.
    """
    prefix = f"{folder}/" if folder else ""
    if tree.read(f"{prefix}__init__.py") is not None:
        return False
    document = pyproject(tree, folder)
    tool = document.get("tool")
    return (
        "project" in document
        or (isinstance(tool, dict) and "poetry" in tool)
        or tree.read(f"{prefix}setup.py") is not None
        or _METADATA.search(tree.read(f"{prefix}setup.cfg") or b"") is not None
    )


def pyproject(tree: SourceTree, folder: str) -> dict[str, Any]:
    """Return the content of a folder's pyproject.toml; nothing if it is missing or invalid."""
    data = tree.read(f"{folder}/pyproject.toml" if folder else "pyproject.toml")
    try:
        return tomllib.loads((data or b"").decode("utf-8", "replace"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}

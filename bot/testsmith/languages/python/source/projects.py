"""Find the project that a file belongs to: a repository may have several, each in a folder of its own."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, takewhile
from pathlib import PurePosixPath
from typing import Any

from testsmith.languages.source import SourceTree, nearest_folder

_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
_NOT_PROJECTS = frozenset({"test", "tests", "testing", "docs", "doc", "example", "examples", "benchmarks"})
_MOST_FOLDERS = 3
_TEST_FILE = re.compile(r"(?:.*/)?(?:tests?/.*|test_[^/]*|[^/]*_test)\.py")
_MOST_FILES_OF_MEMBER = 5_000
"""Files of a workspace's member among which tests are looked for."""

_METADATA = re.compile(rb"^\[metadata\]", re.MULTILINE)
_NAME = re.compile(
    rb"^\[metadata\][ \t]*\r?\n(?:[^\[\n].*+\n|\n)*?name[ \t]*+[=:][ \t]*+([\w.-]++)[ \t]*+\r?$", re.MULTILINE
)
_SETUP = re.compile(rb"\bsetup\s*\(")

_MOST_TOML_BYTES = 64 * 1024
_LONG_KEY = re.compile(rb"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*"|'[^'\n]*')[ \t]*+\.[ \t]*+){32}""")
"""The time to parse a key is quadratic in its parts."""


def project_of(tree: SourceTree, path: str, opened: str) -> str:
    """Return the nearest folder above a file that declares a project; see `SourceReader.project_of`.

    A member of a uv workspace that has no tests belongs to the workspace's project, which has them.
    """
    project = nearest_folder(
        path, opened, lambda folder: _may_hold_project(folder) and declares_project(tree, folder)
    )
    if project == opened or _has_tests(tree, project):
        return project
    workspace = nearest_folder(project, opened, lambda folder: _has_member(tree, folder, project))
    return workspace if _has_member(tree, workspace, project) else project


def parts_of(tree: SourceTree, project: str) -> tuple[str, ...]:
    """Return the folders of the members of a project's uv workspace that have no tests, innermost first."""
    if not _patterns(tree, project, "members"):
        return ()
    others = (folder for folder in project_folders(tree) if folder != project)
    parts = [folder for folder in others if project_of(tree, f"{folder}/any.py", project) == project]
    return tuple(sorted(parts, key=len, reverse=True))


def _has_member(tree: SourceTree, folder: str, project: str) -> bool:
    """Return whether a folder's project is a uv workspace of which another project is a member."""
    place = PurePosixPath("/", project.removeprefix(f"{folder}/" if folder else ""))
    is_member, is_excluded = (
        any(place.match(f"/{one}") for one in _patterns(tree, folder, key)) for key in ("members", "exclude")
    )
    return is_member and not is_excluded and declares_project(tree, folder)


def _patterns(tree: SourceTree, folder: str, key: str) -> list[str]:
    """Return the patterns in a list of a folder's uv workspace."""
    table: object = pyproject(tree, folder)
    for name in ("tool", "uv", "workspace", key):
        table = table.get(name) if isinstance(table, dict) else None
    return [one for one in table if isinstance(one, str)] if isinstance(table, list) else []


def _has_tests(tree: SourceTree, project: str) -> bool:
    prefix, paths = f"{project}/", tree.paths()
    there = takewhile(lambda path: path.startswith(prefix), islice(paths, bisect_left(paths, prefix), None))
    return any(
        _TEST_FILE.fullmatch(path.removeprefix(prefix)) for path in islice(there, _MOST_FILES_OF_MEMBER)
    )


def project_folders(tree: SourceTree) -> Iterator[str]:
    """Yield the folders that declare a project, without tests, examples, and hidden or deep folders."""
    there = {path.rpartition("/")[0] for path in tree.paths() if path.rpartition("/")[2] in _FILES}
    for folder in sorted(there):
        if _may_hold_project(folder) and declares_project(tree, folder):
            yield folder


def _may_hold_project(folder: str) -> bool:
    parts = folder.lower().split("/") if folder else []
    is_plain = _NOT_PROJECTS.isdisjoint(parts) and not any(part.startswith((".", "_")) for part in parts)
    return is_plain and len(parts) <= _MOST_FOLDERS


def project_name(tree: SourceTree, folder: str) -> str:
    """Return the name under which a project in a folder is installed; empty if its files do not say."""
    document = pyproject(tree, folder)
    tool = document.get("tool")
    tables = (document.get("project"), tool.get("poetry") if isinstance(tool, dict) else None)
    names = [table.get("name") for table in tables if isinstance(table, dict)]
    in_ini = _NAME.search(tree.read(f"{folder}/setup.cfg" if folder else "setup.cfg") or b"")
    names.append(in_ini[1].decode("utf-8", "replace") if in_ini else "")
    return next((name for name in names if isinstance(name, str)), "")


def declares_project(tree: SourceTree, folder: str) -> bool:
    """Return whether a folder has a project that can be installed.

    A package is not one: `setup.py` in it configures its build as a part of the project. Nor is a folder with
    a file of this name that does not call `setup`.
    """
    prefix = f"{folder}/" if folder else ""
    if tree.read(f"{prefix}__init__.py") is not None:
        return False
    document = pyproject(tree, folder)
    tool = document.get("tool")
    return (
        "project" in document
        or (isinstance(tool, dict) and "poetry" in tool)
        or _SETUP.search(tree.read(f"{prefix}setup.py") or b"") is not None
        or _METADATA.search(tree.read(f"{prefix}setup.cfg") or b"") is not None
    )


def pyproject(tree: SourceTree, folder: str) -> dict[str, Any]:
    """Return the content of a folder's pyproject.toml; nothing if it is missing or invalid."""
    return read_toml(tree.read(f"{folder}/pyproject.toml" if folder else "pyproject.toml") or b"")


@lru_cache(maxsize=512)
def read_toml(data: bytes) -> dict[str, Any]:
    """Return the content of an untrusted TOML file, shared between callers; nothing if it is unusable."""
    if len(data) > _MOST_TOML_BYTES or _LONG_KEY.search(data):
        return {}
    try:
        return tomllib.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):  # ValueError: invalid, or a number with too many digits
        return {}

"""Read the versions that the lock files of Poetry and PDM pin.

uv reads its own lock file. These two have no command that could install them here, so their versions are
constraints of the installation. Sources: https://python-poetry.org/docs/basic-usage/#installing-dependencies,
https://pdm-project.org/en/latest/usage/lockfile/
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from testsmith.languages.python.running.install.requirements import is_name, normal
from testsmith.languages.source import SourceTree

LOCK_FILES = ("poetry.lock", "pdm.lock")

_MOST_BYTES = 4 * 1024 * 1024
_MOST_PACKAGES = 5_000
_PACKAGE = re.compile(r"^\[\[package\]\][ \t]*$", re.MULTILINE)
_TABLE = re.compile(r"^\[", re.MULTILINE)
_SOURCE = re.compile(r"^\[package\.source\]", re.MULTILINE)
_KEY = re.compile(r'^(name|version)[ \t]*=[ \t]*"([^"\n]{1,200})"', re.MULTILINE)
_ADDRESS = re.compile(r"^(?:git|url|path)[ \t]*=", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """Versions that a lock file pins.

    Attributes:
        file: Path of the lock file.
        pins: One `name==version` per package, sorted by name. Packages that are not from the package index
            are left out, and those with several versions for different platforms or Pythons.
    """

    file: str
    pins: tuple[str, ...]


def read_lock_file(tree: SourceTree, folders: Sequence[str]) -> Locked | None:
    """Return the versions of the lock file in the first of some folders that has one; None if none has.

    Args:
        tree: The project's files.
        folders: Folders to look in, in this order, each empty or with `/` at its end.
    """
    for path in (f"{folder}{name}" for folder in folders for name in LOCK_FILES):
        content = tree.read(path)
        if content is not None and len(content) <= _MOST_BYTES:
            return Locked(file=path, pins=_pins(content.decode("utf-8", "replace")))
    return None


def _pins(text: str) -> tuple[str, ...]:
    versions: defaultdict[str, set[str]] = defaultdict(set)
    for name, version in _packages(text):
        versions[name].add(version)
    return tuple(f"{name}=={min(found)}" for name, found in sorted(versions.items()) if len(found) == 1)


def _packages(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and version of each package from the package index."""
    for part in _PACKAGE.split(text.replace("\r\n", "\n"), _MOST_PACKAGES)[1:]:
        own = _TABLE.split(part, 1)[0]
        keys = dict(_KEY.findall(own))
        name, version = keys.get("name", ""), keys.get("version", "")
        is_elsewhere = _ADDRESS.search(own) or _SOURCE.search(part)
        if not is_elsewhere and is_name(name) and _is_version(version):
            yield normal(name), version


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True

"""Keep installed environments between runs, so that only the first run of a project installs it.

An environment is copied into the cache folder after it was installed, and copied back by later runs: tests
never run in the cached one. It is as untrusted as the project, so its links are copied, never followed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import testsmith
from testsmith.execution.workspace import ENVIRONMENT_SECONDS, remove_folder, remove_old_environments
from testsmith.git.trees import RepositoryTree

_MOST_BYTES = 65_536
_PARTS = ("environment", "project")
_NOTES, _PLACE = "notes.json", "place.txt"
_WITH_PATHS = (
    "bin/*",
    "lib/python3*/site-packages/*.pth",
    "lib/python3*/site-packages/__editable__*.py",
    "lib/python3*/site-packages/*.dist-info/direct_url.json",
)
"""Files that contain the path of the environment or of the project that was installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedEnvironment:
    """One environment in the cache folder.

    Attributes:
        folder: Its folder, named after everything that decides what is installed; it may not exist.
    """

    folder: Path

    def restore(self, place: Path) -> tuple[str, ...] | None:
        """Copy it to where it is used.

        Args:
            place: Folder of the new installation.

        Returns:
            The notes of its installation; None if it is not kept, or too old.
        """
        try:
            if time.time() - self.folder.stat().st_mtime > ENVIRONMENT_SECONDS:
                return None
            notes = json.loads((self.folder / _NOTES).read_text(encoding="utf-8"))
            old = (self.folder / _PLACE).read_text(encoding="utf-8")
            for part in _PARTS:
                shutil.copytree(self.folder / part, place / part, symlinks=True)
            _move_paths(place / "environment", old, str(place))
        except (OSError, ValueError, RecursionError):
            remove_folder(place)
            return None
        return tuple(notes)

    def keep(self, place: Path, notes: Iterable[str]) -> None:
        """Copy an installation into the cache folder, if there is space, and remove old ones.

        A project with compiled modules is not kept: they may be compiled from any of its files.
        """
        if _has_compiled_modules(place):
            return
        with suppress(OSError, RecursionError):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder.parent))
            try:
                for part in _PARTS:
                    shutil.copytree(place / part, new / part, symlinks=True)
                (new / _NOTES).write_text(json.dumps(list(notes)), encoding="utf-8")
                (new / _PLACE).write_text(str(place), encoding="utf-8")
                remove_folder(self.folder)
                new.rename(self.folder)
            finally:
                remove_folder(new)
            remove_old_environments(self.folder.parent)


def key_of(tree: RepositoryTree, parts: Mapping[str, object]) -> str:
    """Return the key of an environment.

    Python files in folders count by their path only, so that an edit of the code does not install anything.

    Args:
        tree: The files that are installed.
        parts: Everything else that decides what is installed.
    """
    machine = (testsmith.__version__, sys.platform, platform.machine())
    digest = hashlib.sha256(repr((machine, sorted(parts.items()))).encode())
    for entry in tree.entries():
        digest.update(f"{entry.path}\0{entry.mode}\0".encode(errors="surrogateescape"))
        if "/" not in entry.path or not entry.path.endswith((".py", ".pyi")):
            content = tree.read(entry.path)
            digest.update(f"{entry.size}".encode() if content is None else hashlib.sha256(content).digest())
    return digest.hexdigest()[:32]


def _has_compiled_modules(place: Path) -> bool:
    """Return whether the project's own build wrote compiled modules, in its folder or the environment."""
    records = place.glob("environment/lib/python3*/site-packages/*.dist-info/direct_url.json")
    recorded = (file.with_name("RECORD") for file in records)
    return any(name.endswith(".so") for _, _, names in os.walk(place / "project") for name in names) or any(
        record.is_symlink() or ".so," in record.read_text(encoding="utf-8", errors="replace")
        for record in recorded
        if record.is_file()
    )


def _move_paths(environment: Path, old: str, new: str) -> None:
    """Replace the old place in the files of an environment that contain it."""
    for file in _files_with_paths(environment):
        text = file.read_bytes()
        if old.encode() in text:
            file.write_bytes(text.replace(old.encode(), new.encode()))


def _files_with_paths(environment: Path) -> Iterator[Path]:
    for pattern in _WITH_PATHS:
        for file in environment.glob(pattern):
            if file.resolve() == file and file.is_file() and file.stat().st_size <= _MOST_BYTES:
                yield file

"""The project's test files of Go: where they are, and the test functions in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from testsmith.execution.workspace import ProjectCopy
from testsmith.languages.go.running.test_names import test_lines
from testsmith.languages.go.running.workspace import folder_of, module_folder, module_path, within

TEST_FILE = "_test.go"
_MOST_SOURCE = 1_000_000
_NO_PACKAGES = frozenset({"vendor", "testdata"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GoTest:
    """A test function of the project.

    Attributes:
        path: Its file, relative to the Git root.
        name: Its name.
        text: Its text.
    """

    path: str
    name: str
    text: str

    @property
    def id(self) -> str:
        """Its id in baselines."""
        return f"{self.path}::{self.name}"

    @property
    def package(self) -> str:
        """Folder of its package."""
        return folder_of(self.path)


def own_tests_of(copy: ProjectCopy, package: str) -> list[GoTest]:
    """Return the test functions of a package."""
    found = []
    for path in test_files_in(copy, package):
        text = text_at(copy.root / path)
        lines = text.splitlines()
        for name, span in test_lines(text).items():
            found.append(GoTest(path=path, name=name, text="\n".join(lines[span.start - 1 : span.stop - 1])))
    return found


def test_files_in(copy: ProjectCopy, package: str) -> list[str]:
    """Return the paths of the test files of a package."""
    folder = copy.root / package
    names = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
    return [f"{package}/{name}".lstrip("/") for name in names if name.endswith(TEST_FILE)]


def text_at(place: Path) -> str:
    """Return the start of a file; empty if it cannot be read."""
    try:
        with place.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(_MOST_SOURCE)
    except OSError:
        return ""


def test_packages(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the folders with test files, and the texts of these."""
    for place, folders, files in os.walk(root):
        folders[:] = sorted(one for one in folders if one not in _NO_PACKAGES and one[0] not in "._")
        names = [name for name in sorted(files) if name.endswith(TEST_FILE)]
        if names:
            folder = os.path.relpath(place, root)
            yield ("" if folder == "." else folder), [text_at(Path(place, name)) for name in names]


def import_path(copy: ProjectCopy, folder: str) -> str:
    """Return the import path of a package; empty if it is in no module."""
    module = module_folder(copy.root, folder)
    return (
        "" if module is None else "/".join(filter(None, (module_path(copy, module), within(folder, module))))
    )

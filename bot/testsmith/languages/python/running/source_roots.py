"""What Python imports of a copy: its source roots, the modules in them, and ignored files of its packages."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from testsmith.execution.project_copy import ignored_files, within_limits
from testsmith.git.repository import Repository

_IMPORTED_SUFFIXES = (".py", ".so", ".pyd")


def source_roots(folder: Path, project: str) -> tuple[Path, ...]:
    """Return the folders of a copy to put on the import path: the project's folder and its `src/`, if any."""
    home = folder / project
    return (home, home / "src") if (home / "src").is_dir() else (home,)


def top_level_modules(roots: Iterable[Path]) -> frozenset[str]:
    """Return the modules and packages in source roots, except names of the standard library."""
    names = {name for root in roots if root.is_dir() for name in _modules_in(root)}
    return frozenset(names - sys.stdlib_module_names)


def _modules_in(root: Path) -> Iterator[str]:
    for place in root.iterdir():
        if place.suffix == ".py" and place.stem.isidentifier():
            yield place.stem
        elif (place / "__init__.py").is_file():
            yield place.name


def ignored_imports(repository: Repository, project: str) -> tuple[str, ...]:
    """Return the ignored files in the working tree that the project's packages may need to be imported.

    Returns:
        Sorted paths relative to the git root, within the limits.
    """
    roots = source_roots(repository.root, project)
    packages = sorted(str(place.relative_to(repository.root)) for place in _packages(roots))
    return ignored_files(repository, packages, _IMPORTED_SUFFIXES)


def _packages(roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        if root.is_dir():
            yield from (place for place in root.iterdir() if (place / "__init__.py").is_file())


def imported_files(folder: Path, packages: Iterable[str]) -> tuple[str, ...]:
    """Return the importable files of some packages in a folder, without following links.

    Returns:
        Sorted paths relative to the folder, within the limits.
    """
    found = [
        str(Path(place, name).relative_to(folder))
        for package in packages
        if not (folder / package).is_symlink()
        for place, _, names in os.walk(folder / package)
        for name in names
    ]
    return within_limits(folder, found, _IMPORTED_SUFFIXES)

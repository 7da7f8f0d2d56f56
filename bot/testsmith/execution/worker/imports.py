"""What the tests may import, and from where: as for the reviewer, who has the project and not the bot."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


def arrange(
    roots: Sequence[str],
    hidden: Sequence[str],
    owned: Sequence[str],
    refused: Sequence[str],
    borrowed: Sequence[str] = (),
) -> None:
    """Arrange this interpreter's imports.

    Args:
        roots: Folders that go first, as with PYTHONPATH.
        hidden: Top-level modules that are not found anywhere else.
        owned: Top-level modules that come from the roots or not at all, whatever is installed.
        refused: Folders that are taken off the path, but for what belongs to the interpreter.
        borrowed: Folders that go last, as what another interpreter has installed.
    """
    sys.path += [entry for entry in borrowed if entry not in sys.path]
    sys.path[:] = [entry for entry in sys.path if not _is_within(entry, refused)]
    for entry in sys.path:
        _hide(entry, frozenset(hidden))
    sys.path[:0] = roots
    os.environ["PYTHONPATH"] = os.pathsep.join([*roots, *borrowed])  # for processes that a test starts
    _forget_modules(refused)
    # First of all finders, since those of editable installations stand before the path or behind it.
    sys.meta_path.insert(0, _RootsFinder(list(roots), frozenset(owned)))
    importlib.invalidate_caches()


def _is_within(entry: str, folders: Sequence[str]) -> bool:
    """Tell whether an entry lies in a folder and is nothing that is installed there, as in a `.venv`."""
    real = Path(entry).resolve()
    inside = any(Path(folder) in (real, *real.parents) for folder in folders)
    installed = not {"site-packages", "dist-packages"}.isdisjoint(real.parts)
    return inside and not installed and Path(os.__file__).parent not in (real, *real.parents)


def _forget_modules(folders: Sequence[str]) -> None:
    """Forget what a `.pth` file has loaded from the person's own tree."""
    for name, module in list(sys.modules.items()):
        if _is_within(getattr(module, "__file__", None) or "", folders):
            del sys.modules[name]


def _hide(entry: str, hidden: frozenset[str]) -> None:
    finder = pkgutil.get_importer(entry)
    if finder is not None and hidden:
        sys.path_importer_cache[entry] = _HidingFinder(finder, hidden)


class _HidingFinder:
    """One folder of the import path, without some of its modules: they are not found, rather than refused."""

    def __init__(self, finder: Any, hidden: frozenset[str]) -> None:
        self._finder = finder
        self._hidden = hidden

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find a module of the folder, unless it is hidden."""
        if fullname in self._hidden:
            return None
        spec: ModuleSpec | None = self._finder.find_spec(fullname, target)
        return spec

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)


class _RootsFinder:
    """Finds the project's own top-level modules in the copy and nowhere else."""

    def __init__(self, roots: list[str], owned: frozenset[str]) -> None:
        self._roots = roots
        self._owned = owned

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a top-level module in the roots; a namespace package is left to the other finders."""
        if path is not None or "." in fullname:
            return None
        spec = PathFinder.find_spec(fullname, self._roots, target)
        if spec is None and fullname in self._owned:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return spec if spec is not None and spec.loader is not None else None

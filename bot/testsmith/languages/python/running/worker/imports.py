"""Set up what the tests can import, and from where: the same as for a reviewer without the bot."""

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
    """Set up imports in this interpreter.

    Args:
        roots: Folders placed first, as with PYTHONPATH.
        hidden: Top-level modules that cannot be found anywhere else.
        owned: Top-level modules that are only found in the roots, even if installed.
        refused: Folders removed from the path, except parts of the interpreter.
        borrowed: Folders placed last, for example another interpreter's site-packages.
    """
    sys.path += [entry for entry in borrowed if entry not in sys.path]
    sys.path[:] = [entry for entry in sys.path if not _is_within(entry, refused)]
    for entry in sys.path:
        _hide(entry, frozenset(hidden))
    sys.path[:0] = roots
    os.environ["PYTHONPATH"] = os.pathsep.join([*roots, *borrowed])  # for processes started by tests
    _forget_modules(refused)
    # Before all other finders, because those of editable installations may come before or after the path.
    sys.meta_path.insert(0, _RootsFinder(list(roots), frozenset(owned)))
    importlib.invalidate_caches()


def _is_within(entry: str, folders: Sequence[str]) -> bool:
    """Return whether an entry is in a folder and not an installation in it, for example a `.venv`."""
    real = Path(entry).resolve()
    inside = any(Path(folder) in (real, *real.parents) for folder in folders)
    installed = not {"site-packages", "dist-packages"}.isdisjoint(real.parts)
    return inside and not installed and Path(os.__file__).parent not in (real, *real.parents)


def _forget_modules(folders: Sequence[str]) -> None:
    """Remove modules from the user's own tree that a `.pth` file has loaded."""
    for name, module in list(sys.modules.items()):
        if _is_within(getattr(module, "__file__", None) or "", folders):
            del sys.modules[name]


def _hide(entry: str, hidden: frozenset[str]) -> None:
    finder = pkgutil.get_importer(entry)
    if finder is not None and hidden:
        sys.path_importer_cache[entry] = _HidingFinder(finder, hidden)


class _HidingFinder:
    """A folder of the import path without hidden modules, which look like they do not exist."""

    def __init__(self, finder: Any, hidden: frozenset[str]) -> None:
        self._finder = finder
        self._hidden = hidden

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find a module in the folder unless it is hidden."""
        if fullname in self._hidden:
            return None
        spec: ModuleSpec | None = self._finder.find_spec(fullname, target)
        return spec

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)


class _RootsFinder:
    """Finds the project's own top-level modules only in the copy."""

    def __init__(self, roots: list[str], owned: frozenset[str]) -> None:
        self._roots = roots
        self._owned = owned

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a top-level module in the roots; namespace packages are left to other finders."""
        if path is not None or "." in fullname:
            return None
        spec = PathFinder.find_spec(fullname, self._roots, target)
        if spec is None and fullname in self._owned:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return spec if spec is not None and spec.loader is not None else None

"""Which module a file is, and which package it belongs to, seen from the project's source roots."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A file as an importable module.

    Attributes:
        name: The dotted name, as `shop.cart`.
        path: The file, relative to the git root.
    """

    name: str
    path: str

    @property
    def is_package(self) -> bool:
        """Whether it is a package's `__init__.py`."""
        return self.path.endswith("__init__.py")

    @property
    def package(self) -> str:
        """The package that relative imports start from, `""` for a top-level module."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def is_public(self) -> bool:
        """Whether no part of its name begins with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))


@dataclass(frozen=True, slots=True)
class SourceRoots:
    """The folders that imports start from, innermost first, relative to the git root, `""` for the root."""

    folders: tuple[str, ...]

    @classmethod
    def of(cls, project: str, paths: Collection[str]) -> SourceRoots:
        """Return a project's source roots: its folder, and `src/` in it where that is no package itself."""
        source = f"{project}/src" if project else "src"
        is_package = f"{source}/__init__.py" in paths
        return cls((project,) if is_package else (source, project))

    def module(self, path: str) -> Module | None:
        """Return the module that a file is; None where no import statement can name it."""
        for folder in self.folders:
            prefix = f"{folder}/" if folder else ""
            if path.startswith(prefix):
                name = _dotted(path.removeprefix(prefix))
                return Module(name=name, path=path) if name else None
        return None

    def package_files(self, paths: Iterable[str]) -> dict[str, list[Module]]:
        """Return the modules of each top-level package, or top-level module, by its name."""
        found: dict[str, list[Module]] = {}
        for path in paths:
            module = self.module(path) if path.endswith(".py") else None
            if module is not None:
                found.setdefault(top_level(module.name), []).append(module)
        return found


def top_level(name: str) -> str:
    """Return the first part of a dotted name."""
    return name.partition(".")[0]


def _dotted(path: str) -> str:
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if all(map(_is_importable, parts)) else ""


def _is_importable(part: str) -> bool:
    is_name = part.isidentifier() and not keyword.iskeyword(part)
    # An import statement's names are normalised so: it would look for another file.
    return is_name and unicodedata.normalize("NFKC", part) == part

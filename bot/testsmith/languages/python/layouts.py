"""How a project arranges its test files: which path a source file's tests have. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

SOURCE_FOLDERS = frozenset({"src", "lib"})
"""Folders that hold a project's packages and are none themselves."""


class Anchor(IntEnum):
    """What a test folder's place is told from; the likelier first."""

    HOME = 0
    """The folder of the source's project, which holds `src/` or the package."""
    PROJECT = 1
    """The folder of the whole project, where that is another."""
    PACKAGE = 2
    """The source's top-level package."""
    BESIDE = 3
    """The source's own folder."""


class Mirror(IntEnum):
    """What of the source's package shows in a test file's path; the likelier first."""

    FLAT = 0
    """Nothing: `tests/test_cart.py`."""
    INNER = 1
    """Folders for all but the top-level package: `tests/inner/test_cart.py`."""
    FULL = 2
    """Folders for the whole package: `tests/shop/inner/test_cart.py`."""
    JOINED = 3
    """The file's name: `tests/test_inner_cart.py`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source file, as test paths see it.

    Attributes:
        path: Relative to the git root, as all paths here.
        home: The folder of its project.
        root: The folder that its imports start from.
        project: The folder of the whole project.
        package: The parts of its package's name.
        name: The last part of its module's name, of an `__init__.py` the package's.
    """

    path: str
    home: str
    root: str
    project: str
    package: tuple[str, ...]
    name: str

    @property
    def module(self) -> str:
        """Its dotted name."""
        return ".".join((*self.package, self.name))

    @property
    def plain_name(self) -> str:
        """Its name as a test file's name says it: without leading underscores."""
        return self.name.strip("_") or self.name

    @property
    def joined_names(self) -> tuple[str, ...]:
        """Its name with those of its packages before it, without the top-level one and with it."""
        parts = [*(part.strip("_") for part in self.package), self.plain_name]
        return "_".join(parts[1:] or parts), "_".join(parts)

    @property
    def test_names(self) -> tuple[str, ...]:
        """What the name of a test file of its own may say, each once."""
        return tuple(dict.fromkeys((self.plain_name, *self.joined_names)))

    def base(self, anchor: Anchor) -> str:
        """Return the folder that an anchor means for it."""
        match anchor:
            case Anchor.HOME:
                return self.home
            case Anchor.PROJECT:
                return self.project
            case Anchor.PACKAGE:
                return joined(self.root, *self.package[:1])
            case Anchor.BESIDE:
                return folder_of(self.path)

    def mirrored(self, mirror: Mirror) -> tuple[str, ...]:
        """Return the folders of its package that a mirror shows."""
        match mirror:
            case Mirror.FULL:
                return self.package
            case Mirror.INNER:
                return self.package[1:]
            case _:
                return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One way to arrange test files.

    Attributes:
        anchor: What its folder's place is told from.
        folder: The test folder, relative to that, as `tests`.
        mirror: What of the package shows.
        is_suffix: Whether files are named `cart_test.py` rather than `test_cart.py`.
    """

    anchor: Anchor = Anchor.HOME
    folder: str = "tests"
    mirror: Mirror = Mirror.FULL
    is_suffix: bool = False

    def path(self, source: Source) -> str:
        """Return where a source's tests stand."""
        name = source.joined_names[0] if self.mirror is Mirror.JOINED else source.plain_name
        return joined(self.folder_for(source), self.file_name(name))

    def folder_for(self, source: Source) -> str:
        """Return the folder of a source's tests."""
        return joined(source.base(self.anchor), self.folder, *source.mirrored(self.mirror))

    def file_name(self, name: str) -> str:
        """Return a test file's name."""
        return f"{name}_test.py" if self.is_suffix else f"test_{name}.py"


def layouts_of(source: Source, test_path: str) -> Iterator[Layout]:
    """Yield every layout in which a source's tests stand at this path."""
    folder, _, file_name = test_path.rpartition("/")
    for anchor in Anchor:
        inner = below(source.base(anchor), folder)
        if inner is None or (anchor is Anchor.PROJECT and source.project == source.home):
            continue
        for mirror in Mirror if anchor is not Anchor.BESIDE else (Mirror.FLAT,):
            tail = source.mirrored(mirror)
            parts = tuple(inner.split("/")) if inner else ()
            if parts[len(parts) - len(tail) :] == tail:
                found = Layout(
                    anchor=anchor,
                    folder="/".join(parts[: len(parts) - len(tail)]),
                    mirror=mirror,
                    is_suffix=not file_name.startswith("test_"),
                )
                if found.path(source) == test_path and (found.folder or anchor is Anchor.BESIDE):
                    yield found


def folder_of(path: str) -> str:
    """Return a path's folder, `""` for the git root."""
    return path.rpartition("/")[0]


def joined(*parts: str) -> str:
    """Return the path that these parts make, empty ones left out."""
    return "/".join(part for part in parts if part)


def below(folder: str, path: str) -> str | None:
    """Return a path relative to a folder it lies in, `""` for the folder itself; None for any other."""
    if path == folder:
        return ""
    prefix = f"{folder}/" if folder else ""
    return path.removeprefix(prefix) if path.startswith(prefix) else None

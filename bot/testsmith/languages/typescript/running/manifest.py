"""What `package.json` says. Untrusted: what is malformed counts as missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from testsmith.decode import IF_VALID, Malformed, OrElse, at, decode

MANIFEST = "package.json"
MOST_MANIFEST_BYTES = 2_000_000

_Versions = Annotated[dict[str, Annotated[str, IF_VALID]], OrElse({})]
_Text = Annotated[str, OrElse("")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageManifest:
    """What a `package.json` says.

    Attributes:
        name: Name of the package; empty if it has none.
        version: Its version.
        scripts: Commands by name.
        dependencies: Versions of packages by name.
        dev_dependencies: Versions of packages that are needed for development.
        node: Range of the versions of Node that it works with.
        volta: Version of Node that Volta uses.
        manager: Package manager with its version, for example `pnpm@9.1.0`.
        jest: Settings of jest; None if there are none.
        mocha: Settings of mocha; None if there are none.
        source: Module that it is built from, as some bundlers call it.
        module: Its entry as an ES module.
        main: Its entry.
        exports: Its entries by subpath.
        imports: What its own names for modules, which begin with `#`, mean.
        workspaces: Patterns of the folders of its workspaces, as they are written; None if it has none.
    """

    name: _Text = ""
    version: _Text = ""
    scripts: _Versions = field(default_factory=dict)
    dependencies: _Versions = field(default_factory=dict)
    dev_dependencies: Annotated[_Versions, at("devDependencies")] = field(default_factory=dict)
    node: Annotated[str, at("engines", "node"), OrElse("")] = ""
    volta: Annotated[str, at("volta", "node"), OrElse("")] = ""
    manager: Annotated[str, at("packageManager"), OrElse("")] = ""
    jest: Any = None
    mocha: Any = None
    source: _Text = ""
    module: _Text = ""
    main: _Text = ""
    exports: Any = None
    imports: Any = None
    workspaces: Any = None

    @property
    def needs_packages(self) -> bool:
        """Whether it needs any packages."""
        return bool(self.dependencies or self.dev_dependencies)

    def depends_on(self, name: str) -> bool:
        """Return whether it needs a package."""
        return name in self.dependencies or name in self.dev_dependencies


def manifest_in(data: bytes | None) -> PackageManifest | None:
    """Return what a `package.json` says; None if there is none or it is malformed."""
    if data is None:
        return None
    try:
        return decode(PackageManifest, data.removeprefix(b"\xef\xbb\xbf"), most_bytes=MOST_MANIFEST_BYTES)
    except Malformed:
        return None


def read_file(root: Path) -> Callable[[str], bytes | None]:
    """Return a function that reads the start of a file below a folder; None if it cannot be read."""

    def read(path: str) -> bytes | None:
        try:
            with (root / path).open("rb") as opened:
                return opened.read(MOST_MANIFEST_BYTES)
        except OSError:
            return None

    return read


def packages_around(read: Callable[[str], bytes | None], path: str) -> Iterator[tuple[str, PackageManifest]]:
    """Yield the folders around a file that have a manifest, nearest first, with it.

    Args:
        read: Returns a file's content by its path, None if there is none.
        path: Path of the file; it may not exist.
    """
    for folder in PurePosixPath(path).parents:
        name = "" if str(folder) == "." else str(folder)
        found = manifest_in(read(f"{name}/{MANIFEST}".lstrip("/")))
        if found is not None:
            yield name, found


def pinned_node(
    read: Callable[[str], bytes | None], folder: str, manifest: PackageManifest
) -> dict[str, str]:
    """Return the versions of Node that a package asks for, by where: exact ones first."""
    found: Mapping[str, str] = {
        **{name: _first_line(read(f"{folder}/{name}".lstrip("/"))) for name in (".nvmrc", ".node-version")},
        f"volta in {MANIFEST}": manifest.volta,
        f"engines in {MANIFEST}": manifest.node,
    }
    return {place: version for place, version in found.items() if version}


def _first_line(data: bytes | None) -> str:
    lines = (data or b"")[:1000].decode("utf-8", "replace").split()
    return lines[0] if lines else ""

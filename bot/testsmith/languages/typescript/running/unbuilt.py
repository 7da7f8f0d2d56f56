"""What to do if tests import a file that a build makes, because nothing is built here."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

from testsmith.languages.typescript.running.manifest import packages_around, read_file

LACKING = re.compile(
    r"""(?:Cannot find (?:package|module)|Failed to resolve import|Failed to load url) ['"]?"""
    r"""(?P<name>[^\s'"]+)"""
)
"""Names what is imported and not there."""

_MADE = frozenset({"build", "cjs", "compiled", "dist", "es", "esm", "lib", "out", "umd"})
"""Folders that builds make."""

_SOURCES = {".js": ".ts", ".mjs": ".mts", ".cjs": ".cts", ".jsx": ".tsx"}
_SCRIPTS = ("build", "compile", "prepare", "pretest", "prepublish", "prepublishOnly")
"""Scripts that build, the likeliest first."""


def advice_to_build(words: str, root: Path, test_path: str) -> str:
    """Return why a test file cannot be loaded and what helps, if it is for want of a build; empty if not.

    Args:
        words: What a framework says about it.
        root: Root of a copy of the project.
        test_path: The test file, relative to the root.
    """
    found = LACKING.search(words)
    if found is None or not found["name"].startswith((".", "/")):
        return ""
    parts = posixpath.normpath(posixpath.join("/", test_path, "..", found["name"])).split("/")
    return _by_build(parts, root, test_path) or _by_loader(parts, root)


def _by_build(parts: Sequence[str], root: Path, test_path: str) -> str:
    ignored = (read_file(root)(".gitignore") or b"").decode("utf-8", "replace").split()
    made = _MADE.union(line.strip("/").removesuffix(".js") for line in ignored) - {""}
    at = next((at for at, part in enumerate(parts) if part.removesuffix(".js") in made), None)
    if at is None:
        return ""
    packages = list(packages_around(read_file(root), test_path))
    if any((root / folder / parts[at]).exists() for folder, _ in packages):
        return ""
    builds = ((folder, one) for folder, manifest in packages for one in _SCRIPTS if one in manifest.scripts)
    folder, script = next(builds, ("", ""))
    command = f"cd {folder} && npm run {script}" if folder else f"npm run {script}"
    return script and (
        f"it imports {posixpath.join(*parts[at:])}, which is not in git, and nothing is built here. Run "
        f"`{command}` in the checkout first. That is the same for head and base: only tests that import "
        f"sources see the change"
    )


def _by_loader(parts: Sequence[str], root: Path) -> str:
    for place in (posixpath.join(*parts[at:]) for at in range(1, len(parts))):
        stem, ending = posixpath.splitext(place)
        source = f"{stem}{_SOURCES.get(ending, '')}"
        if ending in _SOURCES and (root / source).is_file():
            return (
                f"it imports {place}, which a compiler makes of {source}, and nothing is built here. Tests "
                f"of such sources need a loader in the script `test`, for example `--import tsx`"
            )
    return ""

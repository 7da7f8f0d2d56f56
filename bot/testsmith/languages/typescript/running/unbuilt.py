"""What to do if tests import a file that a build makes: nothing is built here."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath

from testsmith.languages.typescript.running.manifest import packages_around, read_file

LACKING = re.compile(
    r"""(?:Cannot find (?:package|module)|Failed to resolve import|Failed to load url) ['"]?"""
    r"""(?P<name>[^\s'"]+)"""
)
"""Names what is imported and not there."""

_MADE = frozenset({"build", "cjs", "compiled", "dist", "es", "esm", "lib", "out", "umd"})
"""Folders that builds make."""

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
    parts = () if found is None else PurePosixPath(found["name"]).parts
    at = next((at for at, part in enumerate(parts) if part in _MADE), None)
    if at is None or parts[0] not in {"/", ".", ".."}:
        return ""
    file = posixpath.join(*parts[at:])
    for folder, manifest in packages_around(read_file(root), test_path):
        script = next((one for one in _SCRIPTS if one in manifest.scripts), None)
        if (root / folder / parts[at]).exists():
            return ""
        if script is not None:
            command = f"cd {folder} && npm run {script}" if folder else f"npm run {script}"
            return (
                f"it imports {file}, which is not in git. Run `{command}` in the checkout before TestSmith, "
                f"which builds nothing but uses what is built there"
            )
    return ""

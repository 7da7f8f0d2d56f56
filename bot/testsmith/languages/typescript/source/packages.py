"""The files of a package: what is a module, and what is a test."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

ENDINGS = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
"""Endings of modules."""

_DECLARATIONS = re.compile(r"\.d\.([^./]+\.)?[cm]?ts$")
_TEST = re.compile(r"(?:.*[._-])?(?:test|spec)\.[cm]?[jt]sx?|test-.+\.[cm]?[jt]sx?")
_TEST_FOLDERS = frozenset({"__tests__", "__mocks__", "test", "tests"})


def is_module(path: str) -> bool:
    """Return whether a file is a module with code that runs, not only with declarations of types."""
    return path.endswith(ENDINGS) and _DECLARATIONS.search(path) is None


def is_test(path: str) -> bool:
    """Return whether a module is a test or supports tests: by its name, or by a folder of tests above it."""
    one = PurePosixPath(path)
    if not is_module(path):
        return False
    return _TEST.fullmatch(one.name) is not None or not _TEST_FOLDERS.isdisjoint(one.parts[:-1])

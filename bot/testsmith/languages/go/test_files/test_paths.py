"""Where the tests of a Go file are, and which package they are in."""

from __future__ import annotations

from collections import Counter

from testsmith.languages.go.source.packages import Packages

_MOST_FOLDERS = 30
"""Maximum number of folders of a module that are looked at for its habits."""


def test_path_of(path: str) -> str:
    """Return the path of the tests of a file: next to it, with `_test` before its ending."""
    return f"{path.removesuffix('.go')}_test.go"


def package_of_tests(packages: Packages, folder: str, test_path: str) -> str:
    """Return the package of a test file: as it says, or as other tests do, first those in its folder.

    Without any, tests are in the package itself.
    """
    there = packages.file(test_path)
    if there is not None and there.package:
        return there.package
    sources = packages.sources(folder)
    own = Counter(file.package for file in sources).most_common(1)
    name = own[0][0] if own else "main"
    if name == "main":
        return name
    kinds = _kinds(packages, folder)
    if not kinds:
        module = packages.module_root(folder)
        for other in packages.test_folders(module)[:_MOST_FOLDERS]:
            kinds += _kinds(packages, other)
    return f"{name}_test" if kinds[True] > kinds[False] else name


def _kinds(packages: Packages, folder: str) -> Counter[bool]:
    """Count the test files in a folder by whether they are in a package of their own."""
    return Counter(file.package.endswith("_test") for file in packages.tests(folder))

"""How tests of TypeScript are run."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from testsmith.execution.runner import TestRunner
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.languages.source import SourceTree
from testsmith.languages.toolchain import ProjectFacts, Toolchain

_SUPPORT_FOLDERS = frozenset({"__mocks__", "__fixtures__", "fixtures"})
"""Folders of files that tests use."""


def _open(order: WorkspaceOrder) -> AbstractAsyncContextManager[TestRunner]:
    from testsmith.languages.typescript.language import TYPESCRIPT
    from testsmith.languages.typescript.running.runner import open_runner

    return open_runner(order, TYPESCRIPT.tests)


def _facts(tree: SourceTree) -> ProjectFacts:
    """Return what the files of a repository say about its packages."""
    from testsmith.languages.typescript.running.manifest import MANIFEST, packages_around, pinned_node
    from testsmith.languages.typescript.running.test_commands import test_command
    from testsmith.languages.typescript.source.packages import Modules

    paths = [path for path in tree.paths() if "node_modules" not in path.split("/")]
    packages = sorted(posixpath.dirname(path) for path in paths if posixpath.basename(path) == MANIFEST)
    if not packages:
        return ProjectFacts()
    wanted = [pinned_node(tree.read, folder, one) for folder, one in packages_around(tree.read, MANIFEST)]
    version = next((version for one in wanted for version in one.values()), "")
    tests = [path for path in paths if _has_tests(tree, path)]
    framework = test_command(tree.read, Modules(tree).names_in, tests[0]).framework if tests else ""
    return ProjectFacts(
        package_manager=_package_manager(paths, packages),
        version=f"Node {version}" if version else "",
        tests=f"{framework}, {len(tests)} test file{'' if len(tests) == 1 else 's'}" if tests else "",
        projects=tuple(folder for folder in packages if folder),
        is_project="" in packages,
    )


def _package_manager(paths: Sequence[str], packages: Sequence[str]) -> str:
    """Return what installs the root's package, or else those in folders, with the file that says so."""
    from testsmith.languages.typescript.running.install.packages import LOCKS
    from testsmith.languages.typescript.running.manifest import MANIFEST

    homes = [""] if "" in packages else sorted(packages, key=lambda folder: folder.count("/"))
    candidates = (posixpath.join(folder, name) for folder in ("", *homes) for name in LOCKS)
    known = set(paths)
    lock = next((path for path in candidates if path in known), "")
    if not lock:
        return f"npm ({posixpath.join(homes[0], MANIFEST)})"
    return f"{LOCKS[posixpath.basename(lock)]} ({lock})"


def _has_tests(tree: SourceTree, path: str) -> bool:
    """Return whether a file is a test by its name, or one with tests in a folder of tests."""
    from testsmith.languages.typescript.running.project_tests.own_files import HAS_TESTS
    from testsmith.languages.typescript.source.packages import is_named_as_test, is_run

    if not is_run(path):
        return False
    if is_named_as_test(path):
        return True
    if not _SUPPORT_FOLDERS.isdisjoint(path.split("/")):
        return False
    return HAS_TESTS.search((tree.read(path) or b"").decode("utf-8", "replace")) is not None


TYPESCRIPT_TOOLCHAIN = Toolchain(open=_open, facts=_facts)

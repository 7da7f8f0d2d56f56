"""How tests of TypeScript are run."""

from __future__ import annotations

import posixpath
from contextlib import AbstractAsyncContextManager

from testsmith.execution.runner import TestRunner
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.languages.source import SourceTree
from testsmith.languages.toolchain import ProjectFacts, Toolchain

_MANAGERS = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "Yarn",
    "npm-shrinkwrap.json": "npm",
    "package-lock.json": "npm",
}


def _open(order: WorkspaceOrder) -> AbstractAsyncContextManager[TestRunner]:
    from testsmith.languages.typescript.language import TYPESCRIPT
    from testsmith.languages.typescript.running.runner import open_runner

    return open_runner(order, TYPESCRIPT.tests)


def _facts(tree: SourceTree) -> ProjectFacts:
    """Return what the files of a repository say about its packages."""
    from testsmith.languages.typescript.running.manifest import MANIFEST, packages_around, pinned_node
    from testsmith.languages.typescript.running.test_commands import test_command
    from testsmith.languages.typescript.source.packages import is_test

    paths = [path for path in tree.paths() if "node_modules" not in path.split("/")]
    packages = sorted(posixpath.dirname(path) for path in paths if posixpath.basename(path) == MANIFEST)
    if not packages:
        return ProjectFacts()
    lock = next((name for name in _MANAGERS if name in paths), "")
    wanted = [pinned_node(tree.read, folder, one) for folder, one in packages_around(tree.read, MANIFEST)]
    version = next((version for one in wanted for version in one.values()), "")
    tests = sum(map(is_test, paths))
    command = test_command(
        tree.read, lambda folder: [] if folder else [one for one in paths if "/" not in one], MANIFEST
    )
    return ProjectFacts(
        package_manager=f"{_MANAGERS[lock]} ({lock})" if lock else "npm",
        version=f"Node {version}" if version else "",
        tests=f"{command.framework}, {tests} test file{'' if tests == 1 else 's'}" if tests else "",
        projects=tuple(folder for folder in packages if folder),
        is_project="" in packages,
    )


TYPESCRIPT_TOOLCHAIN = Toolchain(open=_open, facts=_facts)

"""How tests of Go are run."""

from __future__ import annotations

import posixpath
import re
from contextlib import AbstractAsyncContextManager

from testsmith.execution.runner import TestRunner
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.languages.source import SourceTree
from testsmith.languages.toolchain import ProjectFacts, Toolchain

_GO_VERSION = re.compile(rb"^go[ \t]+(\d+\.[\d.]+)", re.MULTILINE)


def _open(order: WorkspaceOrder) -> AbstractAsyncContextManager[TestRunner]:
    from testsmith.languages.go.language import GO
    from testsmith.languages.go.running.runner import open_runner

    return open_runner(order, GO.tests)


def _facts(tree: SourceTree) -> ProjectFacts:
    """Return what the files of a repository say about its modules."""
    from testsmith.languages.go.source.packages import is_ignored, is_test

    modules = sorted(posixpath.dirname(path) for path in tree.paths() if posixpath.basename(path) == "go.mod")
    tests = sum(is_test(path) and not is_ignored(path) for path in tree.paths())
    version = _GO_VERSION.search(tree.read(posixpath.join(modules[0], "go.mod")) or b"") if modules else None
    return ProjectFacts(
        package_manager="go.mod" if modules else "",
        version="" if version is None else f"Go {version[1].decode('utf-8', 'replace')}",
        tests=f"go test, {tests} test file{'' if tests == 1 else 's'}" if tests else "",
        projects=tuple(folder for folder in modules if folder and not is_ignored(f"{folder}/go.mod")),
        is_project="" in modules,
    )


GO_TOOLCHAIN = Toolchain(open=_open, facts=_facts)

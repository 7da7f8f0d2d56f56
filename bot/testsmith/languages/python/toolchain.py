"""How tests of Python are run."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from testsmith.execution.runner import TestRunner
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.languages.source import SourceTree
from testsmith.languages.toolchain import Engine, ProjectFacts, Toolchain


def _open(order: WorkspaceOrder) -> AbstractAsyncContextManager[TestRunner]:
    from testsmith.languages.python.running.runner import open_runner

    return open_runner(order)


def _engine(runner: TestRunner, seed: int) -> Engine:
    from testsmith.languages.python.explorer.generator import OfflineGenerator
    from testsmith.languages.python.running.workspace import PythonWorkspace

    workspace = runner.workspace
    if not isinstance(workspace, PythonWorkspace):
        raise TypeError("it is not a workspace of Python")
    return OfflineGenerator(workspace, seed)


def _facts(tree: SourceTree) -> ProjectFacts:
    from testsmith.languages.python.running.project_facts import project_facts

    return project_facts(tree)


PYTHON_TOOLCHAIN = Toolchain(open=_open, engine=_engine, facts=_facts)

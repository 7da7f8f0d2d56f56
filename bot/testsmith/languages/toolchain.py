"""How tests of a language are run: the part of a language that starts processes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from testsmith.execution.runner import TestRunner
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.generation.interface import Observer, TestGenerator
from testsmith.languages.source import SourceTree


class Engine(TestGenerator, Observer, Protocol):
    """Generates tests without a model, by running members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFacts:
    """What the files of a repository say about it, in words for people; a fact is empty if it is unknown.

    Attributes:
        package_manager: For example `uv (uv.lock)`.
        version: Version of the language, for example `Python >=3.10`.
        tests: Framework and number of test files, for example `pytest (tox.ini), 12 test files`.
        projects: Folders with projects of their own, besides the root.
        is_project: Whether the root is a project that can be installed.
    """

    package_manager: str = ""
    version: str = ""
    tests: str = ""
    projects: tuple[str, ...] = ()
    is_project: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """What runs tests of one language.

    Attributes:
        open: Yields a runner in a new workspace, which is removed at the end. It raises `CannotPrepare`,
            `CannotIsolate` or `CannotRun` if the project cannot be run, and `UsageFailure` for a bad setting.
        engine: Returns the generator that needs no model, for a seed of its random inputs; None if the
            language has none.
        facts: Returns what the files of a repository say about it.
    """

    open: Callable[[WorkspaceOrder], AbstractAsyncContextManager[TestRunner]]
    engine: Callable[[TestRunner, int], Engine] | None = None
    facts: Callable[[SourceTree], ProjectFacts] = lambda _: ProjectFacts()

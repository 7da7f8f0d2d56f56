"""How tests of a language are run: the part of a language that starts processes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from testsmith.execution.runner import TestRunner
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.generation.interface import Observer, TestGenerator


class Engine(TestGenerator, Observer, Protocol):
    """Generates tests without a model, by running members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """What runs tests of one language.

    Attributes:
        open: Yields a runner in a new workspace, which is removed at the end. It raises `CannotPrepare`,
            `CannotIsolate` or `CannotRun` if the project cannot be run, and `UsageFailure` for a bad setting.
        engine: Returns the generator that needs no model, for a seed of its random inputs; None if the
            language has none.
    """

    open: Callable[[WorkspaceOrder], AbstractAsyncContextManager[TestRunner]]
    engine: Callable[[TestRunner, int], Engine] | None = None

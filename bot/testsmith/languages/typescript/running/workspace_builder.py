"""Create the workspace of TypeScript: copies of head and base, a Node, and installed packages.

Everything is in one private folder, which is always removed at the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from testsmith.execution.downloads import DownloadOrder
from testsmith.execution.project_copy import bring_ignored_files, ignored_files, left_out_note, write_copy
from testsmith.execution.sandbox.interface import Command, Limits, Sandbox
from testsmith.execution.shell import OWN_PYTHON, last_words
from testsmith.execution.steps import install_worker
from testsmith.execution.tempdirs import ScratchFolder, remove_abandoned
from testsmith.execution.workspace import CannotPrepare, NotInstalled, ProjectCopy, WorkspaceOrder, copying
from testsmith.git.trees import RepositoryTree
from testsmith.languages.typescript.running.install.node_choice import (
    ON_PATH,
    WHEEL_VERSION,
    fits,
    install_node,
    named_node,
    node_on_path,
    numbers_of,
)
from testsmith.languages.typescript.running.install.packages import (
    PackageOrder,
    install_packages,
    link_packages,
    package_folders,
    package_orders,
)
from testsmith.languages.typescript.running.manifest import packages_around, pinned_node
from testsmith.languages.typescript.running.workspace import (
    NodeToolchain,
    TypeScriptWorkspace,
    install_scripts,
    node_limits,
    node_variables,
)
from testsmith.tasks import in_thread

_SECONDS_TO_ASK = 30.0
_GENERATED = (".js", ".mjs", ".cjs", ".ts", ".json")
_OLDEST = (20, 16)


@asynccontextmanager
async def open_workspace(order: WorkspaceOrder) -> AsyncIterator[TypeScriptWorkspace]:
    """Yield a workspace and remove it at the end.

    Raises:
        CannotIsolate: The required sandbox is not available here.
        CannotPrepare: No available Node runs the project, or space is short.
        NotInstalled: Node or the project's packages are missing, and installing was not asked for.
        UsageFailure: The Node given by the user does not exist.
        CannotRun: The sandbox could not start a process.
    """
    await in_thread(remove_abandoned)
    chosen = _chosen(order)
    sandbox = await order.build_sandbox(OWN_PYTHON)
    with ScratchFolder() as scratch:
        downloads = DownloadOrder(
            sandbox=sandbox,
            scratch=scratch.path,
            environment=order.environment,
            seconds=order.settings.install_seconds,
            kept=order.environments,
        )
        toolchain = chosen or await install_node(downloads)
        with copying():
            workspace = await in_thread(_lay_out, order, sandbox, scratch.path, toolchain)
        workspace = await _with_fitting_version(order, downloads, workspace)
        yield await _with_packages(order, downloads, workspace)


def _chosen(order: WorkspaceOrder) -> NodeToolchain | None:
    """Return the toolchain that is there; None if one has to be installed."""
    if order.settings.node is not None:
        return named_node(order.settings.node)
    found = node_on_path(order.environment)
    if found is not None or order.settings.installs:
        return found
    raise NotInstalled(
        "Node is not installed. Run again with --install, or name the folder of an installed Node with "
        "--node."
    )


def _lay_out(
    order: WorkspaceOrder, sandbox: Sandbox, scratch: Path, toolchain: NodeToolchain
) -> TypeScriptWorkspace:
    install_worker(scratch)
    install_scripts(scratch)
    every = ignored_files(order.repository, [order.repository.project or "."], _GENERATED)
    ignored = [path for path in every if "node_modules" not in path.split("/")]
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
    return TypeScriptWorkspace(
        head=head,
        base=base,
        scratch=scratch,
        sandbox=sandbox,
        limits=Limits(memory_bytes=order.settings.memory_bytes),
        parallel=order.settings.parallel,
        notes=(note,) if note else (),
        toolchain=toolchain,
    )


async def _with_fitting_version(
    order: WorkspaceOrder, downloads: DownloadOrder, workspace: TypeScriptWorkspace
) -> TypeScriptWorkspace:
    """Ask Node for its version; if it is not the one that the project wants, install another one if that is.

    Raises:
        CannotPrepare: It does not run, or is too old and cannot be replaced.
    """
    wanted = await in_thread(_wanted, order)
    workspace = await _with_version(workspace)
    found = workspace.toolchain
    missed = {place: text for place, text in wanted.items() if fits(found.version, text) is False}
    may_install = order.settings.installs and found.origin == ON_PATH
    is_better = sum(fits(WHEEL_VERSION, text) is False for text in wanted.values()) < len(missed)
    if may_install and (is_better or numbers_of(found.version) < _OLDEST):
        return await _with_version(replace(workspace, toolchain=await install_node(downloads)))
    if numbers_of(found.version) < _OLDEST:
        raise CannotPrepare(
            f"{found.origin} is Node {found.version}, but TestSmith needs Node {_OLDEST[0]}.{_OLDEST[1]} or "
            f"newer. Name a newer Node with --node."
        )
    notes = tuple(
        f"{place} asks for Node {text}, but {found.origin} is Node {found.version}; --node names another one"
        for place, text in missed.items()
    )
    return replace(workspace, notes=(*workspace.notes, *notes))


def _wanted(order: WorkspaceOrder) -> dict[str, str]:
    """Return the versions of Node that the project asks for, by where."""
    place = f"{order.repository.project}/package.json".lstrip("/")
    found: dict[str, str] = {}
    for folder, manifest in packages_around(order.head.read, place):
        found = {**pinned_node(order.head.read, folder, manifest), **found}
    return found


async def _with_version(workspace: TypeScriptWorkspace) -> TypeScriptWorkspace:
    """Ask Node for its version.

    Raises:
        CannotPrepare: It does not run.
    """
    toolchain = workspace.toolchain
    folder = workspace.new_folder("version")
    command = Command(
        argv=(str(toolchain.program), "--version"),
        folder=folder,
        readable=toolchain.readable,
        variables=node_variables(toolchain, folder),
    )
    limits = replace(node_limits(workspace.limits), seconds=_SECONDS_TO_ASK)
    done = await workspace.sandbox.run(command, limits)
    found = numbers_of(done.stdout.decode("utf-8", "replace"))
    if done.exit_code != 0 or not found:
        raise CannotPrepare(
            f"{toolchain.program} could not be run ({last_words(done, 'install-seconds')}). Name another "
            f"Node with --node."
        )
    return replace(workspace, toolchain=replace(toolchain, version=".".join(map(str, found))))


async def _with_packages(
    order: WorkspaceOrder, downloads: DownloadOrder, workspace: TypeScriptWorkspace
) -> TypeScriptWorkspace:
    """Link the project's packages into the copies: installed ones, or else those of the user.

    Raises:
        NotInstalled: There are none, and installing them was not asked for.
    """
    own = order.repository.root
    folders = [] if order.settings.installs else await in_thread(list, package_folders(own))
    made: dict[str, tuple[Path | None, str]] = {}
    trees = [(order.head, workspace.head), *([(order.base, workspace.base)] if order.base else [])]
    readable: list[Path] = []
    notes: list[str] = []
    for tree, copy in trees:
        packages = await in_thread(package_orders, tree, order.repository.project)
        if copy is None or not packages:
            continue
        if not order.settings.installs:
            if not folders:
                raise NotInstalled("The packages of the project are not installed. Run again with --install.")
            await in_thread(link_packages, own, folders, copy.root)
            readable += folders
            continue
        for one in packages:
            if one.digest not in made:
                made[one.digest] = await install_packages(downloads, workspace.toolchain, one)
            place, failed = made[one.digest]
            if place is None:
                notes.append(f"packages could not be installed{_of(one)}: {failed}")
                continue
            await in_thread(link_packages, place, package_folders(place), copy.root / one.folder)
            readable.append(place)
    return replace(
        workspace,
        notes=tuple(dict.fromkeys((*workspace.notes, *notes))),
        readable=tuple(dict.fromkeys((*workspace.readable, *readable))),
    )


def _of(packages: PackageOrder) -> str:
    return f" in {packages.folder}" if packages.folder else ""

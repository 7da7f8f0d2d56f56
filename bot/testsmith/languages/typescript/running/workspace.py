"""What a workspace needs to run Node: a toolchain, installed packages, and the variables of its programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from testsmith.execution.sandbox.interface import Limits
from testsmith.execution.workspace import Workspace

PACKAGES = "node_modules"
_OF_THE_SYSTEM = (Path("/"), Path("/usr"), Path("/usr/local"))
_MIB = 1024**2
_WORKER = Path(__file__).parent / "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeToolchain:
    """An installed Node.

    Attributes:
        program: The `node` command.
        version: For example `24.19.0`; empty until it has been run.
        origin: Where the choice came from, for example `--node`.
    """

    program: Path
    version: str = ""
    origin: str = ""

    @property
    def root(self) -> Path:
        """The folder that it was installed to."""
        return self.program.parent.parent

    @property
    def readable(self) -> tuple[Path, ...]:
        """The folders that it needs besides those of the system, which every process may read."""
        return () if self.root in _OF_THE_SYSTEM else (self.root,)

    @property
    def major(self) -> int:
        """The first number of its version; 0 if that is unknown."""
        first = self.version.partition(".")[0]
        return int(first) if first.isdecimal() else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeScriptWorkspace(Workspace):
    """A workspace that runs Node.

    Attributes:
        toolchain: Runs the tests.
    """

    toolchain: NodeToolchain

    @property
    def worker(self) -> Path:
        """The folder of our own scripts."""
        return self.scratch / "scripts"


def install_scripts(scratch: Path) -> None:
    """Copy our own scripts into a scratch folder, where the sandbox may read them."""
    folder = scratch / "scripts"
    folder.mkdir()
    for script in _WORKER.iterdir():
        if script.suffix in {".cjs", ".mjs"}:
            (folder / script.name).write_bytes(script.read_bytes())


def node_limits(limits: Limits) -> Limits:
    """Return limits that suit Node, which reserves address space and opens many files."""
    return replace(limits, reserves_memory=True, open_files=4096, file_bytes=256 * _MIB)


def node_variables(
    toolchain: NodeToolchain, folder: Path, others: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the complete environment of a program of Node in the sandbox, without a network.

    Its home is the folder for temporary files, so that what it leaves there is noticed, too.

    Args:
        toolchain: The toolchain.
        folder: Folder that it may write to.
        others: Further variables, which take precedence.
    """
    return {
        "PATH": f"{toolchain.program.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder / "tmp"),
        "TMPDIR": str(folder / "tmp"),
        "XDG_DATA_HOME": str(folder / "data"),  # vitest keeps a token there
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "CI": "true",  # no new snapshots, no questions
        "NO_COLOR": "1",
        "NODE_DISABLE_COMPILE_CACHE": "1",
        **(others or {}),
    }

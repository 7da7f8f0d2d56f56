"""What a workspace needs to run Go: a toolchain, its caches and the variables of its programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from testsmith.execution.workspace import ProjectCopy, Workspace

MOST_MODULE_BYTES = 1_000_000
GO_MOD = "go.mod"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoToolchain:
    """An installed Go.

    Attributes:
        root: Its folder, GOROOT.
        version: For example `1.27.3`; empty until it has been run.
        origin: Where the choice came from, for example `--go`.
    """

    root: Path
    version: str = ""
    origin: str = ""

    @property
    def program(self) -> Path:
        """The `go` command."""
        return self.root / "bin" / "go"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoWorkspace(Workspace):
    """A workspace that runs Go.

    Attributes:
        toolchain: Compiles the tests.
        modules: Downloaded modules, GOMODCACHE; None if nothing was downloaded.
    """

    toolchain: GoToolchain
    modules: Path | None = None

    @property
    def build_folder(self) -> Path:
        """The folder that builds write to, with the build cache. No code of the project ever runs there."""
        return self.scratch / "build"


def build_variables(toolchain: GoToolchain, folder: Path, modules: Path | None) -> dict[str, str]:
    """Return the complete environment of the `go` command in the sandbox, without a network.

    Args:
        toolchain: The toolchain.
        folder: Folder that it may write to.
        modules: Downloaded modules; None for none.
    """
    return {
        "PATH": f"{toolchain.root / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "GOROOT": str(toolchain.root),
        "GOPATH": str(folder / "gopath"),
        "GOCACHE": str(folder / "cache"),
        "GOMODCACHE": str(modules or folder / "modules"),
        "GOENV": "off",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "GOFLAGS": "-buildvcs=false",
        "GO111MODULE": "on",
        "CGO_ENABLED": "0",
    }


def test_variables(toolchain: GoToolchain, folder: Path) -> dict[str, str]:
    """Return the environment of a test binary, which needs no toolchain; the time zones are Go's own.

    Its home is the folder for temporary files, so that what it leaves there is noticed, too.
    """
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder / "tmp"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "GOROOT": str(toolchain.root),
        "TZ": "UTC",
    }


def module_folder(root: Path, folder: str) -> str | None:
    """Return the folder of the module that a folder belongs to, relative to the root of a copy.

    Args:
        root: Root of the copy.
        folder: The folder, relative to it; it may not exist.

    Returns:
        The nearest folder with a `go.mod`; None if there is none.
    """
    place = PurePosixPath(folder)
    for one in (place, *place.parents):
        if (root / one / GO_MOD).is_file():
            return "" if str(one) == "." else str(one)
    return None


def module_path(copy: ProjectCopy, folder: str) -> str:
    """Return the path that a module declares in its `go.mod`; empty if it cannot be read."""
    try:
        with (copy.root / folder / GO_MOD).open(encoding="utf-8", errors="replace") as opened:
            text = opened.read(MOST_MODULE_BYTES)
    except OSError:
        return ""
    lines = (line.partition("//")[0].split() for line in text.splitlines())
    return next((words[1].strip('"`') for words in lines if len(words) > 1 and words[0] == "module"), "")


def folder_of(path: str) -> str:
    """Return the folder of a file, empty for the root; an id of a test is a file for this."""
    return path.partition("::")[0].rpartition("/")[0]


def within(path: str, folder: str) -> str:
    """Return a path relative to a folder that contains it; both are relative to the same root."""
    return path if not folder else path.removeprefix(folder).removeprefix("/")

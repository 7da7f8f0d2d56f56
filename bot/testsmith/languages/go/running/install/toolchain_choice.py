"""Choose the Go that compiles the tests: `--go`, the one on PATH, or one that is installed for the run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from testsmith.languages.go.running.workspace import GO_MOD, MOST_MODULE_BYTES, GoToolchain
from testsmith.languages.source import SourceTree
from testsmith.model import UsageFailure

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
_MOST_MODULES = 100

ON_PATH = "the go on PATH"

Version = tuple[int, ...]
"""Numbers of a version, for example `(1, 27, 3)`."""


def named_toolchain(named: Path) -> GoToolchain:
    """Return the toolchain that the user named: its `go` command, or its folder.

    Raises:
        UsageFailure: Go was not found.
    """
    program = named.absolute() / "bin" / "go" if named.is_dir() else named.absolute()
    found = _toolchain_of(program, "--go")
    if found is None:
        raise UsageFailure(f"No Go toolchain: {named}. Name the folder of an installed Go with --go.")
    return found


def toolchain_on_path(environment: Mapping[str, str]) -> GoToolchain | None:
    """Return the toolchain of the `go` command on PATH; None if there is none, or it only starts another."""
    program = shutil.which("go", path=environment.get("PATH", ""))
    return None if program is None else _toolchain_of(Path(program), ON_PATH)


def _toolchain_of(program: Path, origin: str) -> GoToolchain | None:
    if not program.is_file():
        return None
    root = program.resolve().parent.parent
    is_complete = (root / "bin" / "go").is_file() and (root / "pkg" / "tool").is_dir()
    return GoToolchain(root=root, origin=origin) if is_complete else None


def required_version(tree: SourceTree, project: str) -> str:
    """Return the newest version that the `go` lines of a project's modules require; empty if none does.

    Args:
        tree: Files of head.
        project: The project's folder, relative to the Git root. Modules below it count, and the one it is in.
    """
    every = (path for path in tree.paths() if path.rpartition("/")[2] == GO_MOD)
    modules = [path for path in every if "vendor" not in path.split("/")]
    inside = [path for path in modules if not project or path.startswith(f"{project}/")]
    versions = [_go_line(tree, path) for path in (inside or modules)[:_MOST_MODULES]]
    return max(versions, key=version_of, default="")


def _go_line(tree: SourceTree, path: str) -> str:
    text = (tree.read(path) or b"")[:MOST_MODULE_BYTES].decode("utf-8", "replace")
    lines = (line.partition("//")[0].split() for line in text.splitlines())
    return next((words[1] for words in lines if words[:1] == ["go"] and words[1:]), "")


def version_of(text: str) -> Version:
    """Return the numbers of a version such as `go1.27.3` or `1.22rc1`; empty if it has none."""
    found = _NUMBERS.search(text)
    return tuple(map(int, found.group().split("."))) if found is not None else ()

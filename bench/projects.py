"""Repositories to measure on: any number of files with any number of functions, all of them changed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

_FUNCTION = '''def scale_{file}_{number}(value: int, factor: int = {number}) -> int:
    """Scale a value by a factor, and move it."""
    if value < {number}:
        return value * factor + {shift}
    return value - factor
'''


def make_project(folder: Path, *, files: int, members: int) -> None:
    """Make a repository whose branch `main` and whose working tree differ in every function."""
    _write(folder, files=files, members=members, shift=1)
    commit_all(folder, "base")
    _write(folder, files=files, members=members, shift=2)


def write_change(folder: Path, base: Mapping[str, str], head: Mapping[str, str]) -> Path:
    """Make a repository whose branch `main` holds some files, and whose branch `change` holds others."""
    _write_files(folder, base)
    commit_all(folder, "base")
    _git(folder, "checkout", "--quiet", "-b", "change")
    _write_files(folder, head)
    commit_all(folder, "change")
    return folder


def _write_files(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def edit_one_member(folder: Path) -> None:
    """Change the meaning of the first function of the first file once more."""
    path = folder / "src/measured/part_0.py"
    path.write_text(path.read_text().replace("factor + 2", "factor + 3", 1))


def commit_all(folder: Path, message: str) -> None:
    """Commit all that is in a folder; where it has no repository, to the branch `main` of a new one."""
    if not (folder / ".git").exists():
        _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", message)


def _write(folder: Path, *, files: int, members: int, shift: int) -> None:
    package = folder / "src/measured"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text('"""A package to measure on."""\n')
    for file in range(files):
        functions = [_FUNCTION.format(file=file, number=number, shift=shift) for number in range(members)]
        (package / f"part_{file}.py").write_text("\n\n".join(functions))


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Bench", "-c", "user.email=bench@example.org")
    subprocess.run(("git", *identity, *arguments), cwd=folder, check=True)

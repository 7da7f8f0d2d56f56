"""Make a git repository with a pull request in it from an example kept as two states.

    python examples/make_repository.py FOLDER

The branch `main` holds `examples/shop/base`; the branch `change`, checked out, holds `examples/shop/head`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

SHOP = Path(__file__).parent / "shop"

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Example",
    "GIT_AUTHOR_EMAIL": "example@example.org",
    "GIT_COMMITTER_NAME": "Example",
    "GIT_COMMITTER_EMAIL": "example@example.org",
    "GIT_AUTHOR_DATE": "2026-01-01T12:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T12:00:00Z",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin",
}


def make_repository(folder: Path, states: Path = SHOP) -> None:
    """Make the repository in a folder, which must not exist or be empty."""
    folder.mkdir(parents=True, exist_ok=True)
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _commit(folder, states / "base", "The shop as it is")
    _git(folder, "checkout", "--quiet", "-b", "change")
    _commit(folder, states / "head", "Carts that add up, express shipping, prices from text, reservations")


def _commit(folder: Path, state: Path, message: str) -> None:
    for entry in folder.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.copytree(state, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    commit_all(folder, message)


def commit_all(folder: Path, message: str) -> None:
    """Commit what a repository's folder holds, as the same commit every time."""
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", message)


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(("git", *arguments), cwd=folder, env=_IDENTITY, check=True)


if __name__ == "__main__":
    make_repository(Path(sys.argv[1]))

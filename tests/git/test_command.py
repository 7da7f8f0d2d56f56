from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.attack_site import ORDINARY_USER, as_user
from fakes.git_repository import GitRepository
from testsmith.git.command import Git, GitFailed, GitTookTooLong


@pytest.mark.parametrize("call", [Git.run, Git.bounded])
def test_git__at_its_time_limit_ends_what_git_has_started(tmp_path: Path, call: Callable[..., bytes]) -> None:
    git = replace(Git.find(tmp_path), seconds=0.5)
    left = tmp_path / "pid"
    with pytest.raises(GitTookTooLong, match=r"longer than 0\.5 s"):
        call(git, "-c", f"alias.wait=!echo $$ > {left}; sleep 60", "wait")
    child = int(left.read_text())
    deadline = time.monotonic() + 5
    while _is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_alive(child)


def _is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


@pytest.mark.parametrize("call", [Git.run, Git.bounded])
def test_git__complaint_is_gits_first_error(tmp_path: Path, call: Callable[..., bytes]) -> None:
    with pytest.raises(GitFailed, match="git cat-file failed: fatal: not a git repository"):
        call(Git.find(tmp_path), "cat-file", "-e", "HEAD")


def test_alone__neither_persons_nor_other_folders_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Person\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    made = GitRepository.create(tmp_path / "project")
    inside = Git.find(made.folder)
    assert inside.line("config", "user.name") == "Person"
    with pytest.raises(GitFailed):
        inside.alone(made.folder / ".git").line("config", "user.name")
    with pytest.raises(GitFailed, match="not a git repository"):
        inside.alone(tmp_path).line("rev-parse", "HEAD")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_alone__repository_of_somebody_else(tmp_path: Path) -> None:
    made = GitRepository.create(tmp_path / "project")
    head = made.commit({"a.py": "x = 1\n"})
    os.chown(made.folder, 12345, 12345)
    os.chown(made.folder / ".git", 12345, 12345)
    with pytest.raises(GitFailed, match="dubious ownership"):
        Git.find(made.folder).line("rev-parse", "HEAD")
    assert Git.find(made.folder).alone(made.folder / ".git").line("rev-parse", "HEAD") == head


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT SHOWN: what only root can start")
def test_find__by_a_user_that_the_system_does_not_know() -> None:
    """A container may be run by any user id."""
    code = (
        "from pathlib import Path\nfrom testsmith.git.command import Git\n"
        "Git.find(Path('/')).run('version')\n"
    )
    command = (sys.executable, "-c", code)
    done = subprocess.run(
        command, cwd="/", env={}, check=False, capture_output=True, **as_user(ORDINARY_USER)
    )
    assert done.returncode == 0, done.stderr

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from testsmith.execution.tempdirs import ScratchFolder

KILLED = """
import os, signal
from testsmith.execution.tempdirs import ScratchFolder
folder = ScratchFolder()
(folder.path / "copy").mkdir()
(folder.path / "copy" / "module.py").write_text("x = 1")
(folder.path / "copy").chmod(0)
print(folder.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

SWEEP = "from testsmith.execution.tempdirs import remove_abandoned; remove_abandoned()"


def run(code: str, place: Path) -> str:
    """Run a program whose temporary files go to a place."""
    environment = {**os.environ, "TMPDIR": str(place)}
    command = (sys.executable, "-c", code)
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    ).stdout.strip()


def test_scratch_folder__is_private_and_goes_at_the_end() -> None:
    with ScratchFolder() as scratch:
        assert scratch.path.stat().st_mode & 0o777 == 0o700
        (scratch.path / "file").write_text("x")
    assert not scratch.path.exists()
    scratch.remove()


def test_remove_abandoned__what_a_killed_program_has_left(tmp_path: Path) -> None:
    left = Path(run(KILLED, tmp_path))
    assert (left / ".lock").exists()
    run(SWEEP, tmp_path)
    assert not left.exists()


def test_remove_abandoned__not_what_is_in_use() -> None:
    with ScratchFolder() as scratch:
        run(SWEEP, Path(tempfile.gettempdir()))
        assert scratch.path.exists()


@pytest.mark.parametrize("kind", ["without a lock", "a link", "another name"])
def test_remove_abandoned__nothing_that_only_looks_like_it(kind: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    name = "mine" if kind == "another name" else "testsmith-x"
    folder = precious if kind == "a link" else tmp_path / name
    folder.mkdir()
    (folder / "file").write_text("x")
    if kind != "without a lock":
        (folder / ".lock").touch()
    if kind == "a link":
        (tmp_path / name).symlink_to(folder)
    run(SWEEP, tmp_path)
    assert (folder / "file").read_text() == "x"


def test_remove_abandoned__a_link_inside_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    folder = tmp_path / "testsmith-x"
    folder.mkdir()
    (folder / ".lock").touch()
    (folder / "link").symlink_to(outside)
    run(SWEEP, tmp_path)
    assert not folder.exists()
    assert (outside / "file").read_text() == "x"


def test_remove_abandoned__not_where_anybody_may_exchange_folders(tmp_path: Path) -> None:
    left = Path(run(KILLED, tmp_path))
    tmp_path.chmod(0o777)
    run(SWEEP, tmp_path)
    assert left.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT SHOWN: what only root can set up")
def test_remove_abandoned__nobody_elses(tmp_path: Path) -> None:
    left = Path(run(KILLED, tmp_path))
    os.chown(left, 60570, 60570)
    run(SWEEP, tmp_path)
    assert left.exists()

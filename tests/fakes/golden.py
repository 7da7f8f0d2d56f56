"""Golden files: what a function gave when a person last looked at it and found it good."""

from __future__ import annotations

import os
from difflib import unified_diff
from pathlib import Path


def check_golden(path: Path, actual: str) -> None:
    """Compare a text with a golden file, line by line.

    With `RENEW_GOLDEN=1` in the environment the file is written instead; look at its diff before it is kept.
    """
    if os.environ.get("RENEW_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(actual.encode())
        return
    expected = path.read_bytes().decode()
    difference = "\n".join(
        unified_diff(expected.split("\n"), actual.split("\n"), str(path), "actual", lineterm="")
    )
    assert not difference, f"{difference}\nIf this is wanted: RENEW_GOLDEN=1, and read the diff."

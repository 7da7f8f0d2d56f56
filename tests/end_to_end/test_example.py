"""The example of the README: the pictures in the docs show what `make demo` prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def comments(review: str) -> list[str]:
    """Return a review without its small print: seconds, and what this machine's sandbox offers."""
    return [line for line in review.splitlines() if not line.startswith("<p><sub>")]


def test_demo__prints_the_review_of_the_pictures() -> None:
    command = (sys.executable, str(ROOT / "examples" / "demo.py"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    _, review = done.stdout.split("\n\n", maxsplit=1)
    shown = (ROOT / "docs" / "pictures" / "review.md").read_text(encoding="utf-8")
    assert comments(review) == comments(shown), "The bot says something else now: run `make picture`."

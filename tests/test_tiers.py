"""The tiers of the suite choose what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def test_quick__leaves_out_what_starts_interpreters() -> None:
    chosen = subprocess.run(
        (
            *(sys.executable, "-m", "pytest", "-m", "quick", "--collect-only", "-q"),
            *(str(TESTS / name) for name in ("test_deadline.py", "verification/test_prove.py")),
        ),
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "tests/test_deadline.py::" in chosen.stdout, chosen.stdout
    assert "test_prove.py::" not in chosen.stdout

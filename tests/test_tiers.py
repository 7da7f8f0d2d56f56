"""The tiers of the suite choose what they say."""

from __future__ import annotations

import os
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


def test_dealt__tests_that_share_a_fixture_go_to_one_worker() -> None:
    collected = subprocess.run(
        (
            *(sys.executable, "-m", "pytest", "--collect-only", "-q"),
            *(str(TESTS / name) for name in ("test_deadline.py", "toolchains/test_go_end_to_end.py")),
        ),
        cwd=TESTS.parent,
        env={**os.environ, "PYTEST_XDIST_WORKER_COUNT": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    shared = ["test_go_end_to_end.py::" in line for line in collected.stdout.splitlines() if "::" in line]
    first, last = shared.index(True), len(shared) - shared[::-1].index(True)
    assert 1 < sum(shared) == last - first

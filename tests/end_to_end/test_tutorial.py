"""The tutorial's commands on the example, as a reader types them one after another."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from fakes.plain_python import plain_environment

ROOT = Path(__file__).parents[2]
QUICKLY = {"TESTSMITH_RUNS": "1", "TESTSMITH_SUITE_SECONDS": "0"}


def commands(section: str) -> list[str]:
    """Return the lines to type in a section of the tutorial."""
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    return re.findall(r"(?m)^\$ (.+)$", text.partition(f"## {section}")[2].partition("\n## ")[0])


def test_tutorial__from_the_example_to_the_answered_question(tmp_path: Path) -> None:
    own = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "VIRTUAL_ENV": str(plain_environment())}
    environment = {**os.environ, **QUICKLY, **own}

    def typed(line: str) -> str:
        programs = {"python": sys.executable, "testsmith": f"{sys.executable} -m testsmith"}
        shown = re.sub(r"\.venv/bin/(\w+)", lambda found: programs[found[1]], line)
        command = ("bash", "-c", shown.replace("/tmp/shop", str(tmp_path / "shop")))  # noqa: S108 - the reader's
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    answers = [typed(line) for line in commands("2.")]
    assert "Which one is right?" in "".join(answers)

    prices = tmp_path / "shop" / "src" / "shop" / "prices.py"
    prices.write_text(prices.read_text().replace("return int(float(text)", "return round(float(text)"))
    [again] = [typed(line) for line in commands("3.")]
    assert "cents" in again
    assert "Which one is right?" not in again

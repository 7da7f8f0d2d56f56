"""The example of the README: the pictures in the docs show what the bot says now."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def without_small_print(text: str) -> list[str]:
    """Return the lines of a text without seconds and notes, which this machine decides.

    In Markdown they are one line of small print; elsewhere they are at the end.
    """
    lines = [line for line in text.splitlines() if not line.startswith("<p><sub>")]
    return lines[: next((place for place, line in enumerate(lines) if "no model calls" in line), None)]


@pytest.mark.parametrize("name", ["review.md", "job_summary.md", "terminal.ansi", "report.html"])
def test_pictures__show_what_the_bot_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    picture = importlib.import_module("picture")

    shown = (picture.PICTURES / name).read_text(encoding="utf-8")
    assert without_small_print(picture.TEXTS[name]()) == without_small_print(shown), (
        "The bot says something else now: run `make picture`."
    )

"""The example of the README: the pictures in the docs show what the bot says now."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def comments(review: str) -> list[str]:
    """Return a review without its small print: seconds, and what this machine's sandbox offers."""
    return [line for line in review.splitlines() if not line.startswith("<p><sub>")]


def test_pictures__show_what_the_bot_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    picture = importlib.import_module("picture")

    shown = picture.TEXT.read_text(encoding="utf-8")
    assert comments(picture.review()) == comments(shown), (
        "The bot says something else now: run `make picture`."
    )

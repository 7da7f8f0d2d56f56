"""The languages that the bot knows."""

from __future__ import annotations

from testsmith.languages.language import Language


def languages() -> tuple[Language, ...]:
    """Return the languages, in lookup order."""
    from testsmith.languages.python.language import PYTHON

    return (PYTHON,)

"""Available language drivers."""

from __future__ import annotations

from testsmith.languages.driver import LanguageDriver


def drivers() -> tuple[LanguageDriver, ...]:
    """Return one driver per language, in lookup order."""
    from testsmith.languages.python.driver import PythonDriver

    return (PythonDriver(),)

"""Available language drivers."""

from __future__ import annotations

from collections.abc import Sequence

from testsmith.languages.driver import LanguageDriver


def drivers() -> tuple[LanguageDriver, ...]:
    """Return one driver per language, in lookup order."""
    from testsmith.languages.python.driver import PythonDriver

    return (PythonDriver(),)


def driver_for(path: str, drivers: Sequence[LanguageDriver]) -> LanguageDriver | None:
    """Return the first driver that handles `path`, or None."""
    return next((driver for driver in drivers if driver.handles(path)), None)

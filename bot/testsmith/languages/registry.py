"""The languages there are: one line a driver."""

from __future__ import annotations

from collections.abc import Sequence

from testsmith.languages.driver import LanguageDriver


def drivers() -> tuple[LanguageDriver, ...]:
    """Return one driver a language, in the order in which they are asked."""
    from testsmith.languages.python.driver import PythonDriver

    return (PythonDriver(),)


def driver_for(path: str, drivers: Sequence[LanguageDriver]) -> LanguageDriver | None:
    """Return the first driver that handles a path; None where none does."""
    return next((driver for driver in drivers if driver.handles(path)), None)

"""Files that test functions leave behind outside of pytest's temporary folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

_MOST_NAMES = 10
_MOST_CHARACTERS = 100
_OF_NO_TEST = (
    *("__pycache__", ".hypothesis", ".pytest_cache", ".coverage"),
    *("pymp-", ".cache", ".config", ".local"),
)
"""How the names begin of what is no test's doing: caches, and folders that go when their process ends."""


class Leftovers:
    """What is new in some folders after each function.

    Args:
        folders: The folders; what they hold now is known.
        known: What may come into them.
    """

    def __init__(self, folders: Sequence[Path], known: Sequence[Path] = ()) -> None:
        self._folders = folders
        self._known = {*known, *self._there()}
        self._by_function: dict[str, list[Path]] = {}

    def disregard(self) -> None:
        """Take what is there as known: it was made while modules were loaded."""
        self._known.update(self._there())

    def look(self, function: str) -> None:
        """Note what is there that was not there before the function."""
        new = [place for place in self._there() if place not in self._known]
        self._known.update(new)
        if new:
            self._by_function.setdefault(function, []).extend(new)

    def left(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the functions that have left something that is still there, with a few of its names."""
        for function, places in self._by_function.items():
            names = [place.name[:_MOST_CHARACTERS] for place in places if os.path.lexists(place)]
            if names:
                yield function, sorted(names)[:_MOST_NAMES]

    def _there(self) -> Iterator[Path]:
        for folder in self._folders:
            try:
                names = os.listdir(folder)  # noqa: PTH208 - the names alone, after each function
            except OSError:
                continue
            yield from (folder / name for name in names if not name.startswith(_OF_NO_TEST))

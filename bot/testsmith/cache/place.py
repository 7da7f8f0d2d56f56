"""Where archives outlive the run: the protocol, and what can go wrong there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from testsmith.cache.archive import Archive


class PlaceFailure(Exception):
    """An archive could be neither had nor left; the message says why, in half a sentence without a secret."""


class Denied(PlaceFailure):
    """This run may not do that, however often it asks."""


class TimeLimit:
    """How long something may take; it can be shortened while that is under way.

    Args:
        clock: Seconds that only ever grow.
        seconds: What is allowed from now on.
    """

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """How many seconds are left, never less than none."""
        return max(0.0, self._end - self._clock())

    def shorten(self, seconds: float) -> None:
        """Allow no more than so many seconds from now on."""
        self._end = min(self._end, self._clock() + seconds)


class ArchivePlace(Protocol):
    """Where archives lie. What it gives back may have been put there by anybody.

    Attributes:
        unreadable: Why nothing may be read there, in half a sentence; empty where it may.
        unwritable: Why nothing may be left there.
    """

    @property
    def unreadable(self) -> str: ...  # noqa: D102 - the class tells

    @property
    def unwritable(self) -> str: ...  # noqa: D102 - the class tells

    def newest(self, limit: TimeLimit) -> Archive | None:
        """Return the archive that was left last, of those that this run may see; None where there is none.

        Raises:
            PlaceFailure: It cannot be had.
        """
        ...

    def leave(self, archive: Archive, limit: TimeLimit) -> None:
        """Leave an archive for later runs; where one of its name is there already, all is well.

        Raises:
            PlaceFailure: It cannot be left.
        """
        ...

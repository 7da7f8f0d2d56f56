"""Things that hold other things."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass


class Overdrawn(Exception):
    """More was to be taken than there is."""


class Ledger:
    """The balance of an account in cents, and what has happened to it."""

    def __init__(self, opening: int = 0) -> None:
        self._opening = opening
        self.entries: list[tuple[str, int]] = []

    @property
    def balance(self) -> int:
        """What is there, in cents."""
        return sum(amount for _, amount in self.entries)

    def deposit(self, amount: int, note: str = "deposit") -> int:
        """Put an amount in, and return the new balance.

        Raises:
            ValueError: The amount is not more than nothing.
        """
        if amount <= 0:
            raise ValueError("an amount must be more than nothing")
        self.entries.append((note, amount))
        return self.balance

    def withdraw(self, amount: int, note: str = "withdrawal") -> int:
        """Take an amount out, and return the new balance.

        Raises:
            ValueError: The amount is not more than nothing.
        """
        if amount <= 0:
            raise ValueError("an amount must be more than nothing")
        self.entries.append((note, -amount))
        return self.balance

class RecentlyUsed:
    """A mapping of a fixed size that forgets what was not used for longest."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("the size must be at least 1")
        self.size = size
        self._items: OrderedDict[Hashable, object] = OrderedDict()

    def get(self, key: Hashable, default: object = None) -> object:
        """Return a value, the default where there is none."""
        if key not in self._items:
            return default
        return self._items[key]

    def put(self, key: Hashable, value: object) -> Hashable | None:
        """Set a value, which counts as a use; return the key that was forgotten for it, or None."""
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self.size:
            self._items.popitem(last=False)
        return None

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items


@dataclass(frozen=True)
class Interval:
    """The whole numbers from a start up to an end, which is no part of it."""

    start: int
    end: int

    def __contains__(self, number: int) -> bool:
        return self.start <= number <= self.end

    @property
    def is_empty(self) -> bool:
        """Whether no number is in it."""
        return self.end == self.start

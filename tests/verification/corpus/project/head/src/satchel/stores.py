"""Things that hold other things."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
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
        return self._opening + sum(amount for _, amount in self.entries)

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
            Overdrawn: There is less than that.
        """
        if amount <= 0:
            raise ValueError("an amount must be more than nothing")
        if amount > self.balance:
            raise Overdrawn(f"{amount - self.balance} cents are missing")
        self.entries.append((note, -amount))
        return self.balance

    def undo(self) -> tuple[str, int]:
        """Take the last entry back, and return it.

        Raises:
            IndexError: There is none.
        """
        return self.entries.pop()


class RecentlyUsed:
    """A mapping of a fixed size that forgets what was not used for longest."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("the size must be at least 1")
        self.size = size
        self._items: OrderedDict[Hashable, object] = OrderedDict()

    def get(self, key: Hashable, default: object = None) -> object:
        """Return a value, which counts as a use; the default where there is none."""
        if key not in self._items:
            return default
        self._items.move_to_end(key)
        return self._items[key]

    def put(self, key: Hashable, value: object) -> Hashable | None:
        """Set a value, which counts as a use; return the key that was forgotten for it, or None."""
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self.size:
            return self._items.popitem(last=False)[0]
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
        return self.start <= number < self.end

    def __and__(self, other: Interval) -> Interval | None:
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None

    @property
    def is_empty(self) -> bool:
        """Whether no number is in it."""
        return self.end <= self.start


class Ring:
    """A list of a fixed size: what is appended to a full one takes the place of the oldest."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: list[object] = []
        self._oldest = 0

    def append(self, item: object) -> None:
        """Put an item in."""
        if len(self._items) < self._size:
            self._items.append(item)
        else:
            self._items[self._oldest] = item
            self._oldest = (self._oldest + 1) % self._size

    @property
    def is_full(self) -> bool:
        """Whether the next item takes the place of another."""
        return len(self._items) == self._size

    def newest(self) -> object:
        """Return what was appended last.

        Raises:
            LookupError: Nothing was.
        """
        if not self._items:
            raise LookupError("the ring is empty")
        return self._items[self._oldest - 1]

    def __iter__(self) -> Iterator[object]:
        yield from self._items[self._oldest :]
        yield from self._items[: self._oldest]

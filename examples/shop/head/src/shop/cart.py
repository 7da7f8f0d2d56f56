"""What a customer wants to buy."""


class Cart:
    """Items and how many of each."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, item: str, count: int = 1) -> int:
        """Put an item into the cart and say how many of it are there now."""
        if count < 1:
            raise ValueError(f"count must be positive, not {count}")
        self._counts[item] = self._counts.get(item, 0) + count
        return self._counts[item]

    def count(self, item: str) -> int:
        """How many of an item are in the cart."""
        return self._counts.get(item, 0)

    def remove(self, item: str) -> None:
        """Take an item out of the cart."""
        del self._counts[item]

    @property
    def size(self) -> int:
        """How many things are in the cart, all items together."""
        return sum(self._counts.values())

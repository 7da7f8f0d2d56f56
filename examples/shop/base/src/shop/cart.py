"""What a customer wants to buy."""


class Cart:
    """Items and how many of each."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, item: str, count: int = 1) -> None:
        """Put an item into the cart."""
        self._counts[item] = count

    def count(self, item: str) -> int:
        """How many of an item are in the cart."""
        return self._counts.get(item, 0)

    def remove(self, item: str) -> None:
        """Take an item out of the cart."""
        del self._counts[item]

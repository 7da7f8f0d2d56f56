"""Prices, always in cents."""

_MOST_PERCENT = 40


def discounted(price: int, percent: int) -> int:
    """The price after a discount, in cents."""
    if percent <= 0:
        return price
    return price - price * min(percent, _MOST_PERCENT) // 100


def shipping(total: int, express: bool = False) -> int:
    """What sending an order costs, in cents."""
    if express:
        return 990
    if total > 5000:
        return 0
    return 490


def price_tag(
    price: int,
    currency: str = "EUR",
) -> str:
    """A price as people read it, with two digits after the point.

    >>> price_tag(1290)
    '12.90 EUR'
    """
    # Whole units and the rest, without going through a float.
    return f"{price // 100}.{price % 100:02d} {currency}"


def cents(text: str) -> int:
    """Read a price as people write it.

    >>> cents("2.50")
    250
    >>> cents("1.15")
    115
    """
    return int(float(text) * 100)

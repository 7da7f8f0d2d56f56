"""Prices, always in cents."""

_MOST_PERCENT = 50


def discounted(price: int, percent: int) -> int:
    """The price after a discount, in cents."""
    if percent <= 0:
        return price
    return price - price * min(percent, _MOST_PERCENT) // 100


def shipping(total: int) -> int:
    """What sending an order costs, in cents."""
    if total >= 5000:
        return 0
    return 490


def price_tag(price: int, currency: str = "EUR") -> str:
    """A price as people read it.

    >>> price_tag(1290)
    '12.90 EUR'
    """
    return f"{price // 100}.{price % 100:02d} {currency}"

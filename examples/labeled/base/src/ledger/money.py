"""Amounts of money, in cents."""

from functools import lru_cache

RATES = {"EUR": 100, "USD": 92}
LIMIT = 5


def refund(price, days):
    """Return what is paid back after some days."""
    if days > 30:
        return 0
    return price


def split(amount, parts):
    """Split an amount into parts that differ by at most one cent."""
    share, rest = divmod(amount, parts)
    return [share + 1] * rest + [share] * (parts - rest)


def converted(amount, currency):
    """Return an amount in euros."""
    return amount * RATES[currency] // 100


@lru_cache(maxsize=None)
def settings():
    """Return the settings, read once."""
    return {"currency": "EUR", "limit": LIMIT}


def checked(amount):
    """Refuse what is not an amount."""
    if amount < 0:
        raise ValueError("negative")


DEFAULTS = settings()

"""Amounts of money, in cents."""

from __future__ import annotations

import re

_AMOUNT = re.compile(r"(-?)(\d{1,3}(?:,\d{3})*|\d+)(?:\.(\d{1,2}))?")
_RATES = {"food": 7, "books": 7, "other": 19}


def parse_amount(text: str) -> int:
    """Return the cents that a text such as `-1,234.5` means."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"no amount: {text!r}")
    sign, whole, cents = found.groups()
    value = int(whole.replace(",", "")) * 100 + int((cents or "").ljust(2, "0"))
    return -value if sign else value


def format_amount(cents: int, symbol: str = "") -> str:
    """Return an amount as a person writes it."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return f"{sign}{symbol}{whole:,}.{rest:02}"


def split_evenly(cents: int, parts: int) -> list[int]:
    """Split an amount so that no two parts differ by more than a cent."""
    if parts < 1:
        raise ValueError("at least one part")
    share, rest = divmod(cents, parts)
    return [share + (number < rest) for number in range(parts)]


def with_tax(cents: int, kind: str = "other") -> int:
    """Return an amount with the tax on its kind, rounded half up."""
    rate = _RATES.get(kind)
    if rate is None:
        raise KeyError(kind)
    return (cents * (100 + rate) + 50) // 100


def discounted(cents: int, percent: int, least: int = 0) -> int:
    """Return an amount less a discount, but never less than some amount."""
    if not 0 <= percent <= 100:
        raise ValueError("a discount lies between 0 and 100 percent")
    return max(least, cents - cents * percent // 100)

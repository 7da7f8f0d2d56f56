"""Numbers: sizes, shares, means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal

_UNITS = ("B", "kB", "MB", "GB", "TB")
_NUMERALS = (
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
)


def clamp(value: float, low: float, high: float) -> float:
    """Return the value, or the bound that it lies beyond.

    Raises:
        ValueError: The bounds are the wrong way round.
    """
    if low > high:
        raise ValueError(f"{low} is more than {high}")
    if value < low:
        return low
    return high if value > high else value


def parse_size(text: str) -> int:
    """Return a size in bytes: `10`, `1.5 kB`, `2MB`. Units count by 1000, and their case does not matter.

    Raises:
        ValueError: It is no size.

    >>> parse_size("1.5 kB")
    1500
    """
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    unit = text.strip()[len(number) :].lower() or "b"
    for power, name in enumerate(_UNITS):
        if name.lower() == unit and _is_number(number):
            return int(Decimal(number.strip()) * 1000**power)
    raise ValueError(f"no size: {text!r}")


def _is_number(text: str) -> bool:
    digits = text.strip().replace(".", "", 1)
    return digits.isascii() and digits.isdigit()


def format_size(size: int) -> str:
    """Return a size in the largest unit that leaves at least 1, with one digit behind the point.

    >>> format_size(1500)
    '1.5 kB'
    >>> format_size(999_950)
    '1.0 MB'
    """
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            return f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("a unit was found")


def percent(part: float, whole: float) -> float:
    """Return a part in percent of the whole, to one digit.

    Raises:
        ValueError: The whole is zero.
    """
    return round(part * 100 / whole, 1)


def round_half_up(value: str, digits: int = 0) -> Decimal:
    """Return a decimal number rounded as on an invoice: a five goes up, away from zero.

    Raises:
        ValueError: It is no number.

    >>> round_half_up("2.5")
    Decimal('3')
    """
    return Decimal(value).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def running_mean(values: Iterable[float], size: int = 3) -> Iterator[float]:
    """Yield the mean of the last values, as soon as there are `size` of them.

    Raises:
        ValueError: The size is less than 1.
    """
    if size < 1:
        raise ValueError("the size must be at least 1")
    window: list[float] = []
    for value in values:
        window.append(value)
        if len(window) > size:
            del window[0]
        if len(window) == size:
            yield sum(window) / size


def roman(number: int) -> str:
    """Return a number from 1 to 3999 in Roman numerals.

    Raises:
        ValueError: It is out of that range.
    """
    if not 0 < number < 4000:
        raise ValueError(f"{number} has no Roman numeral")
    parts = []
    for value, numeral in _NUMERALS:
        times, number = divmod(number, value)
        parts.append(numeral * times)
    return "".join(parts)


def median(values: Iterable[float]) -> float:
    """Return the middle value, or the mean of the two in the middle.

    Raises:
        ValueError: There are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values have no median")
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2

"""Words: names, numbers and lists as a person writes them."""

from __future__ import annotations

import re
import textwrap
import unicodedata

_ROMAN = {"M": 1000, "CM": 900, "D": 500, "CD": 400, "C": 100, "XC": 90, "L": 50, "XL": 40, "X": 10, "IX": 9}
_SMALL_ROMAN = {"V": 5, "IV": 4, "I": 1}
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_TEENS = range(11, 14)


def slug(text: str, most: int = 40) -> str:
    """Return a text as a part of an address."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:most].rstrip("-")


def ordinal(number: int) -> str:
    """Return a number with its ending: `1st`, `12th`."""
    if abs(number) % 100 in _TEENS:
        return f"{number}th"
    return f"{number}{_ENDINGS.get(abs(number) % 10, 'th')}"


def listed(items: list[str], word: str = "and") -> str:
    """Return items as a sentence lists them."""
    if len(items) < 2:
        return "".join(items)
    *most, last = items
    return f"{', '.join(most)}{',' if len(most) > 1 else ''} {word} {last}"


def roman(number: int) -> str:
    """Return a number from 1 to 3,999 in Roman numerals."""
    if not 1 <= number <= 3_999:
        raise ValueError("no Roman numeral")
    letters = ""
    for numeral, value in (_ROMAN | _SMALL_ROMAN).items():
        count, number = divmod(number, value)
        letters += numeral * count
    return letters


def boxed(text: str, width: int = 20) -> str:
    """Return a text in a box."""
    lines = textwrap.wrap(text, width) or [""]
    edge = f"+{'-' * (width + 2)}+"
    return "\n".join([edge, *(f"| {line:<{width}} |" for line in lines), edge])

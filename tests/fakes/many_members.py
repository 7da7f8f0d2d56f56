"""A change of twenty members of a small package, and inputs that a model would choose for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRICING = """\
def _base(weight):
    return 3 if weight <= 2 else 5


def fee(weight):
    if weight <= 0:
        raise ValueError("weight must be positive")
    if weight > 10:
        return 12
    return _base(weight)


def tax(amount, rate=20):
    if rate < 0:
        raise ValueError("negative rate")
    return amount * rate // 100


def discount(total, is_member):
    if is_member and total >= 50:
        return total - 10
    return total


def zone(distance):
    if distance < 100:
        return "near"
    if distance <= 1000:
        return "far"
    return "abroad"


def express(weight):
    return 2 * _base(weight) + 1
"""

LABELS = """\
def shorten(text, width):
    if len(text) <= width:
        return text
    return text[: width - 3] + "..."


def initials(name):
    return "".join(part[0].upper() for part in name.split())


def slug(text):
    kept = [char.lower() if char.isalnum() else "-" for char in text]
    return "".join(kept).strip("-")


def plural(count, word):
    if count == 1:
        return f"1 {word}"
    return f"{count} {word}s"


def mask(text, shown=2):
    if shown >= len(text):
        return text
    return "*" * (len(text) - shown) + text[len(text) - shown :]
"""

NUMBERS = """\
def clamp(value, low, high):
    if low > high:
        raise ValueError("low is above high")
    return max(low, min(value, high))


def sign(number):
    if number == 0:
        return "zero"
    return "plus" if number > 0 else "minus"


def percent(part, whole):
    if whole == 0:
        return 0
    return round(100 * part / whole)


def roman(number):
    text = ""
    for value, letters in ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        while number >= value:
            text += letters
            number -= value
    return text


def digits(number):
    total = 0
    while number:
        total += number % 10
        number //= 10
    return total
"""

LISTS = """\
def chunks(items, size):
    if size < 1:
        raise ValueError("size must be positive")
    return [items[start : start + size] for start in range(0, len(items), size)]


def unique(items):
    found = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def middle(items):
    if not items:
        return None
    return items[len(items) // 2]


def rotate(items, steps):
    if not items:
        return []
    cut = steps % len(items)
    return items[cut:] + items[:cut]


def pairs(items):
    return [(items[place], items[place + 1]) for place in range(len(items) - 1)]
"""

HEAD = {
    "parcels/__init__.py": "",
    "parcels/pricing.py": PRICING,
    "parcels/labels.py": LABELS,
    "parcels/numbers.py": NUMBERS,
    "parcels/lists.py": LISTS,
}

_BEFORE = (
    ("return 3 if weight <= 2 else 5", "return 3 if weight < 2 else 4"),
    ("weight > 10", "weight > 20"),
    ("amount * rate // 100", "amount * rate // 100 + 1"),
    ("total >= 50", "total > 50"),
    ("distance <= 1000", "distance < 1000"),
    ('text[: width - 3] + "..."', "text[:width]"),
    ("part[0].upper()", "part[0]"),
    ('else "-" for', 'else "_" for'),
    ("if count == 1:", "if count in (0, 1):"),
    ("max(low, min(value, high))", "max(low, value)"),
    ('"plus" if number > 0', '"plus" if number > 1'),
    ("return round(100 * part / whole)", "return 100 * part // whole"),
    ('(9, "IX"), ', ""),
    ("range(0, len(items), size)", "range(0, len(items) - size + 1, size)"),
    ("items[len(items) // 2]", "items[(len(items) - 1) // 2]"),
)

ADDED = ("def mask(", "def digits(", "def rotate(", "def pairs(", "def unique(")
"""The members that base has not."""


def base() -> dict[str, str]:
    """The package before the change."""
    return {path: _before(text) for path, text in HEAD.items()}


def _before(text: str) -> str:
    kept = [part for part in text.split("\n\n\n") if not part.startswith(ADDED)]
    text = "\n\n\n".join(kept)
    for now, before in _BEFORE:
        text = text.replace(now, before)
    return text.rstrip("\n") + "\n" if text else ""


INPUTS = {
    "fee": ("fee(2)", "fee(10)", "fee(11)", "fee(0)"),
    "tax": ("tax(100)", "tax(250, 10)", "tax(10, -1)", "tax(99, 7)"),
    "discount": ("discount(50, True)", "discount(49, True)", "discount(80, False)"),
    "zone": ("zone(1000)", "zone(99)", "zone(5000)", "zone(100)"),
    "express": ("express(2)", "express(3)", "express(1)"),
    "shorten": ('shorten("a long title", 8)', 'shorten("short", 5)', 'shorten("six ch", 5)'),
    "initials": ('initials("ada lovelace")', 'initials("Alan M. Turing")', 'initials("")'),
    "slug": ('slug("Hello, World")', 'slug("  Trim me ")', 'slug("plain")'),
    "plural": ('plural(0, "box")', 'plural(1, "crate")', 'plural(12, "parcel")'),
    "mask": ('mask("12345678")', 'mask("abc", 3)', 'mask("secret", 0)'),
    "clamp": ("clamp(15, 0, 10)", "clamp(-3, 0, 10)", "clamp(4, 9, 1)", "clamp(5, 0, 10)"),
    "sign": ("sign(1)", "sign(-4)", "sign(0)"),
    "percent": ("percent(2, 3)", "percent(1, 0)", "percent(1, 4)"),
    "roman": ("roman(9)", "roman(14)", "roman(38)", "roman(0)"),
    "digits": ("digits(1234)", "digits(0)", "digits(905)"),
    "chunks": ("chunks([1, 2, 3, 4, 5], 2)", "chunks([], 3)", "chunks([1], 0)"),
    "unique": ("unique([3, 1, 3, 2, 1])", 'unique(["a", "a"])', "unique([])"),
    "middle": ("middle([1, 2, 3, 4])", "middle([])", 'middle(["x", "y", "z"])'),
    "rotate": ("rotate([1, 2, 3, 4], 1)", "rotate([], 5)", "rotate([1, 2, 3], 7)"),
    "pairs": ("pairs([1, 2, 3])", "pairs([7])", 'pairs(["a", "b", "c", "d"])'),
}
"""By member what a model that reads the source would call."""


def namespace() -> Mapping[str, Any]:
    """All members of head by name, to be called."""
    found: dict[str, Any] = {}
    for path, text in HEAD.items():
        exec(compile(text, path, "exec"), found)  # noqa: S102 - text of this module
    return found

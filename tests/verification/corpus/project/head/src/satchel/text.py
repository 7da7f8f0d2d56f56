"""Texts: names, titles, lines."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_SMALL_WORDS = frozenset({"a", "an", "and", "in", "of", "on", "the", "to"})
_WORD_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def slugify(text: str, *, separator: str = "-", max_length: int | None = None) -> str:
    """Return a text as part of an address: small letters and digits, without accents.

    Args:
        text: Any text.
        separator: What stands between words.
        max_length: The longest slug; a word that does not fit goes as a whole, unless it is the first.

    Raises:
        ValueError: `max_length` is less than 1.

    >>> slugify("Crème brûlée!")
    'creme-brulee'
    >>> slugify("a b c", separator="_")
    'a_b_c'
    """
    if max_length is not None and max_length < 1:
        raise ValueError(f"max_length must be at least 1, not {max_length}")
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower())
    if max_length is None:
        return separator.join(words)
    while len(words) > 1 and len(separator.join(words)) > max_length:
        words.pop()
    return separator.join(words)[:max_length]


def truncate(text: str, width: int, *, placeholder: str = "...") -> str:
    """Return a text that is at most so many characters wide, cut at a space where there is one.

    Raises:
        ValueError: The placeholder alone is wider than that.
    """
    if len(placeholder) > width:
        raise ValueError("the placeholder is too wide")
    if len(text) <= width:
        return text
    room = width - len(placeholder)
    kept = text[:room]
    if " " in kept and text[room] != " ":
        kept = kept[: kept.rindex(" ")]
    return kept.rstrip() + placeholder


def title_case(text: str) -> str:
    """Return a title with capital letters, but for small words that neither begin nor end it.

    >>> title_case("the lord of the rings")
    'The Lord of the Rings'
    """
    words = text.lower().split()
    last = len(words) - 1
    return " ".join(
        word if word in _SMALL_WORDS and 0 < index < last else word.capitalize()
        for index, word in enumerate(words)
    )


def initials(name: str) -> str:
    """Return the first letters of the parts of a name, with a dot behind each.

    >>> initials("Ada Lovelace")
    'A. L.'
    >>> initials("Jean-Luc Picard")
    'J.-L. P.'
    """
    return " ".join(f"{part[0].upper()}." for part in name.split())


def split_identifier(name: str) -> list[str]:
    """Return the words of an identifier in camel case, snake case or both, in small letters."""
    return [word.lower() for word in _WORD_PARTS.findall(name)]


def common_prefix(names: Sequence[str]) -> str:
    """Return what all names begin with; nothing of no names."""
    if not names:
        return ""
    first, last = min(names), max(names)
    for index, letter in enumerate(first):
        if index >= len(last) or letter != last[index]:
            return first[:index]
    return first


def pluralise(count: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun: `1 file`, `2 files`."""
    if abs(count) == 1:
        return f"{count} {singular}"
    return f"{count} {plural or singular + 's'}"


def unique_words(text: str) -> set[str]:
    """Return the different words of a text, in small letters."""
    return {word for word in re.findall(r"\w+", text.lower()) if not word.isdigit()}

"""Texts: names, titles, lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SMALL_WORDS = frozenset({"a", "an", "and", "of", "the"})


def truncate(text: str, width: int, *, placeholder: str = "...") -> str:
    """Return a text that is at most so many characters wide.

    Raises:
        ValueError: The placeholder alone is wider than that.
    """
    if len(placeholder) > width:
        raise ValueError("the placeholder is too wide")
    if len(text) <= width:
        return text
    room = width - len(placeholder)
    kept = text[:room]
    return kept + placeholder


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
    'A.L.'
    """
    return "".join(f"{part[0]}." for part in name.split())


def common_prefix(names: Sequence[str]) -> str:
    """Return what all names begin with; nothing of no names."""
    if not names:
        return ""
    first, last = min(names), max(names)
    for index, letter in enumerate(first):
        if letter != last[index]:
            return first[: index + 1]
    return first


def pluralise(count: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun: `1 file`, `2 files`."""
    if count == 1:
        return f"{count} {singular}"
    return f"{count} {plural or singular + 's'}"


def unique_words(text: str) -> set[str]:
    """Return the different words of a text, in small letters."""
    return {word for word in re.findall(r"\w+", text.lower())}

"""Generate texts that match a regular expression, and some that nearly match.

Texts are built from the parse tree of Python's own regex parser. Nothing is matched, because an untrusted
expression may take forever, so texts may be wrong for expressions with lookarounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

LONGEST = 60
"""Maximum length of texts."""

_MOST_MATCHING = 6
_MOST_NEARLY = 6
_LONGEST_PATTERN = 2_000
_FULLER = 2
_LETTERS = "1a2b3c4d5e6f7g8h9i0jklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-. :,;/+=#'\"\\\n\t\u00e4"
"""Characters used in texts, most ordinary first."""


def matching(pattern: str, flags: int = 0) -> list[str]:
    """Return texts that match a regular expression, shortest first; empty for an invalid expression.

    Args:
        pattern: The expression.
        flags: Its flags.
    """
    if len(pattern) > _LONGEST_PATTERN:
        return []
    try:
        tree: Any = import_module("re._parser").parse(pattern, flags)
        kinds = [(0, False), (_FULLER, False), (_FULLER, True), (0, True), (1, False), (_FULLER + 1, False)]
        texts = [_Maker(fullness=fullness, counts=counts).text(tree) for fullness, counts in kinds]
    except (re.error, RecursionError, OverflowError, ValueError):
        return []
    return [text for text in dict.fromkeys(texts) if len(text) <= LONGEST][:_MOST_MATCHING]


def nearly_matching(texts: Iterable[str]) -> list[str]:
    """Return near misses of matching texts: with a suffix, something missing, or repeated punctuation."""
    found = list(dict.fromkeys(near for text in texts for near in _beside(text)))
    return found[:_MOST_NEARLY]


def _beside(text: str) -> Iterator[str]:
    yield f"{text}x"
    marks = [place for place, letter in enumerate(text) if not letter.isalnum()]
    for place in (marks or [0])[1:3] or marks[:1]:
        yield text[:place] + text[place + 1 :]
        yield text[:place] + text[place] + text[place:]
    if text:
        yield text[:-1]


class _Maker:
    """Builds one text.

    Args:
        fullness: How many optional parts are included, and which alternative is used.
        counts: Whether characters of a class vary from position to position.
    """

    def __init__(self, *, fullness: int, counts: bool) -> None:
        self._fullness = fullness
        self._counts = counts
        self._place = 0
        self._groups: dict[int, str] = {}
        self._made = 0

    def text(self, items: Iterable[tuple[Any, Any]]) -> str:
        """Return a text for a sequence of parse tree items."""
        return "".join(self._item(str(kind), value) for kind, value in items)

    def _item(self, kind: str, value: Any) -> str:
        text = ""  # positions and lookarounds match no characters
        match kind:
            case "LITERAL":
                text = chr(value)
            case "ANY" | "NOT_LITERAL" | "IN":
                text = self._letter(kind, value)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                text = self._repeated(*value)
            case "BRANCH":
                text = self.text(value[1][self._fullness % len(value[1])])
            case "SUBPATTERN":
                text = self._group(value[0], value[-1])
            case "GROUPREF":
                text = self._groups.get(value, "")
            case "ATOMIC_GROUP":
                text = self.text(value)
        return text

    def _group(self, number: int | None, items: Iterable[tuple[Any, Any]]) -> str:
        text = self.text(items)
        if number is not None:
            self._groups[number] = text
        return text

    def _repeated(self, least: int, most: int, items: Sequence[tuple[Any, Any]]) -> str:
        texts = []
        for _ in range(max(int(least), min(int(most), self._fullness))):
            texts.append(self.text(items))
            self._made += len(texts[-1])
            if self._made > LONGEST**2:
                raise OverflowError
        return "".join(texts)

    def _letter(self, kind: str, value: Any) -> str:
        """Return a character of a class: its first, or the next one."""
        fitting = [letter for letter in _LETTERS if _is_in(letter, kind, value)]
        if not fitting:
            return _only(value) if kind == "IN" else ""
        place = self._place if self._counts else 0
        self._place += 1
        return fitting[place % len(fitting)]


def _is_in(letter: str, kind: str, value: Any) -> bool:
    match kind:
        case "ANY":
            return letter != "\n"
        case "LITERAL" | "NOT_LITERAL":
            return (letter == chr(value)) == (kind == "LITERAL")
        case "RANGE":
            return bool(value[0] <= ord(letter) <= value[1])
        case "CATEGORY":
            return _is_of_category(letter, str(value))
    wanted = [(str(each), inner) for each, inner in value]
    is_in = any(_is_in(letter, each, inner) for each, inner in wanted if each != "NEGATE")
    return is_in != any(each == "NEGATE" for each, _ in wanted)


def _is_of_category(letter: str, category: str) -> bool:
    name = category.removeprefix("CATEGORY_")
    is_of = {
        "DIGIT": letter.isdecimal(),
        "SPACE": letter.isspace(),
        "WORD": letter.isalnum() or letter == "_",
    }
    return is_of.get(name.removeprefix("NOT_"), False) != name.startswith("NOT_")


def _only(value: Any) -> str:
    """Return a character of a class that contains none of the ordinary ones."""
    for kind, inner in value:
        if str(kind) == "LITERAL":
            return chr(inner)
        if str(kind) == "RANGE":
            return chr(inner[0])
    return ""

"""Values that nobody reads: digests, encoded bytes, and texts too long for a line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

LONGEST_READ = 80
"""The most characters of a text without line ends that a reader still takes in."""

_RUN = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
_HEXADECIMAL = re.compile(r"[0-9a-f]{16,}|[0-9A-F]{16,}")
_FEWEST_TURNS = 6
_MOST_ESCAPES = 4
_WORD = re.compile(r"[A-Z]?[a-z]{3,}")


def is_soup(source: str) -> bool:
    """Tell whether a value's source text holds a text or bytes that say nothing to a reader."""
    return any(_is_unreadable(value) for value in _texts(source))


def _texts(source: str) -> Iterator[str | bytes]:
    try:
        tree = ast.parse(source, mode="eval")
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node.value


def _is_unreadable(value: str | bytes) -> bool:
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    plain = [character for character in text if character.isprintable() or character in "\n\t\r"]
    escapes = len(text) - sum(isinstance(value, str) or character.isascii() for character in plain)
    longest = max(map(len, text.splitlines()), default=0)
    return escapes >= _MOST_ESCAPES or longest > LONGEST_READ or _is_encoded(text)


def _is_encoded(text: str) -> bool:
    """Tell whether a text holds a long run of letters and digits that are mixed, and make no words."""
    runs = [*_RUN.findall(text), *_HEXADECIMAL.findall(text)]
    return any(_turns(run) >= _FEWEST_TURNS and not _is_of_words(run) for run in runs)


def _is_of_words(run: str) -> bool:
    return sum(map(len, _WORD.findall(run))) > len(run) / 2


def _turns(run: str) -> int:
    """Count how often a run turns from one kind of character to another."""
    kinds = [(character.isdigit(), character.isupper()) for character in run if character.isalnum()]
    return sum(left != right for left, right in pairwise(kinds))

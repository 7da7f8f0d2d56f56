"""Source expressions for input values, with the imports they require."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple


class InputSource(IntEnum):
    """Where an input comes from, most informative first."""

    DOCUMENTED = 0
    USED = 1
    ORDINARY = 2
    BOUNDARY = 3
    TYPED = 4
    REPEATED = 5
    """A call made exactly this way by the project's tests."""
    SEARCHED = 6


class Import(NamedTuple):
    """An import in a test module.

    Attributes:
        module: The module.
        name: Name imported from it; empty if the module itself is imported.
        alias: Name in the test; empty for the original name.
    """

    module: str
    name: str = ""
    alias: str = ""

    @property
    def bound(self) -> str:
        """Name that it binds."""
        return self.alias or self.name or self.module.partition(".")[0]

    @property
    def statement(self) -> str:
        """The import statement."""
        alias = f" as {self.alias}" if self.alias else ""
        if self.name:
            return f"from {self.module} import {self.name}{alias}"
        return f"import {self.module}{alias}"


Imports = frozenset[Import]
NONE: Imports = frozenset()


@dataclass(frozen=True, slots=True)
class Expression:
    """A value as source text.

    Attributes:
        text: Source text.
        imports: Imports it requires.
        layer: Where it comes from.
    """

    text: str
    imports: Imports = NONE
    layer: InputSource = InputSource.TYPED

    def at(self, layer: InputSource) -> Expression:
        """Return the same value with another source layer."""
        return replace(self, layer=layer)


def unique(expressions: Iterable[Expression]) -> list[Expression]:
    """Return the expressions without duplicate texts."""
    found: dict[str, Expression] = {}
    for expression in expressions:
        found.setdefault(expression.text, expression)
    return [*found.values()]


def joined(template: str, parts: Iterable[Expression], imports: Imports = NONE) -> Expression:
    """Return a template with `{}` replaced by the parts' texts, separated by commas."""
    parts = [*parts]
    opening, _, closing = template.partition("{}")
    text = opening + ", ".join(part.text for part in parts) + closing
    return Expression(text, imports.union(*(part.imports for part in parts)))


def quoted(text: str | bytes) -> str:
    """Return the literal of a string or bytes, in double quotes unless single quotes avoid escapes."""
    start, mark, body = repr(text).partition("'")
    if start in {"", "b"} and mark and '"' not in body:
        return start + '"' + body[:-1].replace("\\'", "'") + '"'
    return repr(text)


LONGEST_READ = 80
"""Maximum length of a readable text without line ends."""

_RUN = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
_HEXADECIMAL = re.compile(r"[0-9a-f]{16,}|[0-9A-F]{16,}")
_FEWEST_TURNS = 6
_MOST_ESCAPES = 4
_WORD = re.compile(r"[A-Z]?[a-z]{3,}")


def is_opaque(source: str) -> bool:
    """Return whether a value's source text contains a string or bytes that a reader cannot interpret."""
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
    """Return whether a text contains a long mixed run of letters and digits that forms no words."""
    runs = [*_RUN.findall(text), *_HEXADECIMAL.findall(text)]
    return any(_turns(run) >= _FEWEST_TURNS and not _is_of_words(run) for run in runs)


def _is_of_words(run: str) -> bool:
    return sum(map(len, _WORD.findall(run))) > len(run) / 2


def _turns(run: str) -> int:
    """Count the changes from one kind of character to another in a run."""
    kinds = [(character.isdigit(), character.isupper()) for character in run if character.isalnum()]
    return sum(left != right for left, right in pairwise(kinds))
